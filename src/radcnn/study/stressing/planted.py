"""Small lesions of known size and contrast, planted at even places of images, for an observer to find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.evaluation.restoration import BODY

SIDE = 15  # pixels of the square that the observer looks at
PLACES = 4  # in a slice
SLICES_APART = 3  # of a network that looks at volumes, so that lesions do not touch
SIZE_MM, SIZE_PIXELS = 5.0, 5.0  # in diameter, where the size of pixels is known, and where it is not
CONTRAST_HU = -30.0  # of CT; of other images one noise sd less than what is about it
AIR = 0.2  # of the way from the darkest to nearly the brightest: below it is air, in images of other units than HU
BRIGHT = 0.95  # quantile that is nearly the brightest

Place = tuple[int, int, int]


@dataclass(frozen=True)
class Lesion:
    """What is planted: discs in a slice, or balls where the network looks at volumes.

    pixels    in diameter
    contrast  in the images' unit
    words     the same for readers
    """

    pixels: float
    contrast: float
    ball: bool
    words: str


def lesion_of(units: str, unit: str, *, pixel_mm: float | None, noise: float, ball: bool) -> Lesion:
    """The lesion for images: of 5 mm (5 pixels where millimetres are not known) and -30 HU in CT, else one noise sd."""
    contrast = CONTRAST_HU if units == "HU" or not np.isfinite(noise) else -noise
    pixels = SIZE_MM / pixel_mm if pixel_mm is not None else SIZE_PIXELS
    size = f"{SIZE_MM:g} mm" if pixel_mm is not None else f"{SIZE_PIXELS:g} pixels"
    return Lesion(pixels, contrast, ball, f"{'balls' if ball else 'discs'} of {size} and {contrast:.3g} {unit}")


def even_places(reference: NDArray[np.float32], units: str, *, apart: int = 1) -> list[Place]:
    """The evenest squares of slices (slices, rows, columns) that show tissue: (slice, row, column) of their middles.

    apart  only every so many slices
    """
    found: list[Place] = []
    reach = SIDE // 2
    least, most = float(reference.min()), float(np.quantile(reference, BRIGHT))
    air = least + AIR * (most - least)
    for k in range(0, len(reference), apart):
        some = []
        for row in range(reach, reference.shape[1] - reach, SIDE):
            for column in range(reach, reference.shape[2] - reach, SIDE):
                square = reference[k, row - reach : row + reach + 1, column - reach : column + reach + 1]
                mean = float(square.mean())
                if BODY[0] < mean < BODY[1] if units == "HU" else mean >= air:
                    some.append((float(square.std()), (k, row, column)))
        found += [place for _, place in sorted(some)[:PLACES]]
    return found


def planted(image: NDArray[np.float32], places: Sequence[Place], lesion: Lesion) -> NDArray[np.float32]:
    """Slices (slices, rows, columns) with a lesion at every place."""
    made = image.copy()
    grid = np.indices(image.shape)
    for k, row, column in places:
        reach = lesion.pixels / 2
        flat = (grid[1] - row) ** 2 + (grid[2] - column) ** 2
        inside = flat + (grid[0] - k) ** 2 <= reach**2 if lesion.ball else (flat <= reach**2) & (grid[0] == k)
        made[inside] += lesion.contrast
    return made


def squares(image: NDArray[np.float32], places: Sequence[Place]) -> NDArray[np.float64]:
    """What the observer looks at (places, side, side), in their slices."""
    reach = SIDE // 2
    cut = [image[k, r - reach : r + reach + 1, c - reach : c + reach + 1] for k, r, c in places]
    return np.asarray(cut, np.float64).reshape(-1, SIDE, SIDE)
