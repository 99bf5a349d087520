"""Fewer bytes for the same numbers: an image of few different values as codes of 8 or 16 bits and a palette.

Pictures of 8 bits become a quarter as large, and CT in whole HU that was not interpolated half; every value comes back
bit for bit. An image of more values stays as it is. Pictures that are mapped alike share one palette.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.worth import worth_compiling

SAMPLED = 4096  # values looked at before all of them are numbered: an interpolated image shows itself by these
BEYOND_CHANCE = 40  # values more than that; four standard deviations at most
BYTE, MOST = 1 << 8, 1 << 16
PER_VALUE = {1: 2, 2: 4}  # bytes of a code: values of an image for each of its palette, or codes would gain little
OWN = 1 << 18  # values of an image that has a palette of its own
LINEAR_TRIES = 8  # new palettes that are looked at for a gain; those of percentiles differ from image to image
SORTING = 40e-9  # seconds for each value where nothing is compiled

Palette = NDArray[np.float32] | None


class Coded(NamedTuple):
    """Codes and the value of each; the image itself, without a palette, where codes would gain nothing.

    at      where the palette lies already; None where it is not written yet
    linear  whether each value is its code times the second value, so that none need be looked up
    """

    codes: NDArray
    palette: Palette = None
    at: int | None = None
    linear: bool = False


class Coder:
    """Codes images one after another, by one palette as long as that holds their values. For one thread.

    >>> image = np.array([[0.5, 0.0], [0.5, 1.0]], np.float32).repeat(9, axis=0)
    >>> codes, palette, *_ = Coder().coded(image)
    >>> codes.dtype, np.array_equal(palette[codes], image)
    (dtype('uint8'), True)
    """

    def __init__(self) -> None:
        self._values = np.empty(BYTE, np.uint32)  # of the palette, as bits: -0.0 and 0.0 are two
        self._slots = np.full(4 * BYTE, -1, np.int32)  # where the compiled loop finds them
        self._count = 0
        self._at: int | None = None
        self._linear = False
        self._tries = LINEAR_TRIES
        self._compiled = False

    def coded(self, image: NDArray[np.float32]) -> Coded:
        """The image (any shape, float32) in as few bytes as lose nothing."""
        image = np.ascontiguousarray(image, np.float32)
        bits = image.reshape(-1).view(np.uint32)
        if bits.size < PER_VALUE[1] or _interpolated(bits):
            return Coded(image)
        compiled = worth_compiling(SORTING * bits.size)
        if compiled != self._compiled:
            self._forget()
            self._compiled = compiled
        found = self._numbered(bits) if compiled else self._looked_up(bits)
        return Coded(image) if found is None else found._replace(codes=found.codes.reshape(image.shape))

    def lies_at(self, at: int) -> None:
        """Say where the last palette of 8-bit codes was written."""
        self._at = at

    def _forget(self) -> None:
        self._slots[:] = -1
        self._count, self._at, self._linear = 0, None, False

    def _shared(self, codes: NDArray) -> Coded:
        return Coded(codes, self._values[: self._count].view(np.float32).copy(), self._at, self._linear)

    def _own(self, codes: NDArray) -> Coded:
        """A large image has a palette of its own."""
        values = self._values[: self._count].view(np.float32).copy()
        self._forget()
        return Coded(*_ascending(codes, values))

    def _made_linear(self) -> bool:
        """Take a linear palette of 256 values in the place of a new one, where it holds the same; whether it does."""
        if self._tries == 0:
            return False
        self._tries -= 1
        gain = gain_of(np.sort(self._values[: self._count].view(np.float32)))
        if gain is None:
            return False
        self._forget()
        self._values[:] = (np.arange(BYTE, dtype=np.float32) * gain).view(np.uint32)
        self._count, self._linear = BYTE, True
        return True

    def _numbered(self, bits: NDArray[np.uint32]) -> Coded | None:
        """By a compiled loop; None where there are too many values, or NaN."""
        from radcnn.kernels.coding import number_values

        codes = np.empty(bits.size, np.uint8)
        for alone in (False, True):  # with the values of the images before, else without
            if alone:
                self._forget()
            count = number_values(bits, codes, self._values, self._slots, self._count)
            if count == self._count or 0 <= count <= bits.size // PER_VALUE[1]:
                if count > self._count:
                    self._count, self._at, self._linear = count, None, False
                    if self._made_linear():
                        own = np.empty(BYTE, np.uint8)
                        number_values(self._values, own, np.empty(BYTE, np.uint32), self._slots, 0)
                        number_values(bits, codes, self._values, self._slots, BYTE)
                return self._shared(codes) if self._linear or bits.size < OWN else self._own(codes)
        self._forget()
        many = min(MOST, bits.size // PER_VALUE[2])
        if many <= BYTE:
            return None
        words, values = np.empty(bits.size, np.uint16), np.empty(many, np.uint32)
        slots = np.full(1 << (2 * many - 1).bit_length(), -1, np.int32)
        count = number_values(bits, words, values, slots, 0)
        return None if count < 0 else Coded(*_ascending(words, values[:count].view(np.float32)))

    def _looked_up(self, bits: NDArray[np.uint32]) -> Coded | None:
        """The same without a compiler, by sorting."""
        values = np.unique(bits)
        if np.isnan(values.view(np.float32)).any():
            return None
        few = min(BYTE, bits.size // PER_VALUE[1])
        if len(values) <= few:
            both = np.union1d(self._values[: self._count], values)
            if len(both) > self._count:
                new = both if len(both) <= few else values
                self._forget()
                self._count = len(new)
                self._values[: self._count] = new
                self._made_linear()
            return self._shared(np.searchsorted(self._values[: self._count], bits).astype(np.uint8))
        if len(values) > min(MOST, bits.size // PER_VALUE[2]):
            return None
        return Coded(np.searchsorted(values, bits).astype(np.uint16), values.view(np.float32))


def decoded(codes: NDArray, palette: Palette) -> NDArray[np.float32]:
    """The image that was coded, bit for bit."""
    return np.array(codes, np.float32) if palette is None else palette[codes]


def _ascending(codes: NDArray, values: NDArray[np.float32]) -> tuple[NDArray, NDArray[np.float32]]:
    """The same image with an ascending palette; an even one, where steps fill it without more bytes: whole HU do.

    Even palettes are computed, not looked up, which makes a patch several times faster to read.
    """
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    numbers = np.arange(len(values))
    steps = np.diff(ascending.astype(np.float64))
    if len(steps) and (step := float(steps.min())) > 0 and np.isfinite(ascending[[0, -1]]).all():
        places = (ascending - np.float64(ascending[0])) / step
        count = round(float(places[-1])) + 1
        most = min(1 << 8 * codes.itemsize, codes.size // PER_VALUE[codes.itemsize])
        if count <= most and np.array_equal(places, np.rint(places)):
            at, even = places.astype(np.int64), (ascending[0] + np.arange(count) * step).astype(np.float32)
            if np.array_equal(even[at].view(np.uint32), ascending.view(np.uint32)):
                ascending, numbers = even, at
    renamed = np.empty(len(values), codes.dtype)
    renamed[order] = numbers
    return renamed[codes], ascending


def gain_of(values: NDArray[np.float32]) -> np.float32 | None:
    """The number whose multiples 0 to 255, rounded to float32, hold all of these ascending values; None without one.

    >>> float(gain_of(np.array([3, 4, 250], np.float32) * np.float32(0.5)))
    0.5
    """
    if len(values) < 2 or values[0] < 0 or not np.isfinite(values[-1]):
        return None
    step = float(np.diff(values.astype(np.float64)).min())
    if not step > 0:  # -0.0 beside 0.0
        return None
    numbers = np.rint(values / step)
    if numbers[-1] >= BYTE or numbers[-1] < 1:
        return None
    numbers = np.rint(values * (numbers[-1] / float(values[-1]))).astype(np.float32)  # one step may be rounded itself
    near = np.float32(float(values[-1]) / float(numbers[-1]))
    usual = np.float32(1 / np.rint(1 / float(near))) if near < 1 else near  # one over a whole range
    for gain in (usual, near, np.nextafter(near, np.float32(0)), np.nextafter(near, np.float32(np.inf))):
        if np.array_equal((numbers * gain).view(np.uint32), values.view(np.uint32)):
            return np.float32(gain)
    return None


def _interpolated(bits: NDArray[np.uint32]) -> bool:
    """Whether an image shows by some of its values that it has too many of them.

    Of D values met alike often, n draws show D (1 - exp(-n / D)); a smaller image than SAMPLED times 16 has too many
    where it shows more than the most it may have would. A larger one of values in a few thousand steps shows fewer.
    """
    if bits.size > MOST:
        return len(np.unique(bits[:: bits.size // SAMPLED])) > SAMPLED // 2
    asked = SAMPLED // 4
    if bits.size < 4 * asked:
        return False
    most = bits.size // PER_VALUE[2]
    shown = most * (1 - np.exp(-asked / most))
    return len(np.unique(bits[:: bits.size // asked][:asked])) > shown + BEYOND_CHANCE
