"""What is kept of the picture itself: small thumbnails, and a hash of the pixels.

A thumbnail is kept twice. Its grey values forgive a clipped background, whose noise they do not enlarge; its ranks
forgive any rising intensity map (a window, a gamma, another scanner's scale). A falling map turns both over.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

SIDE = 24  # pixels of a thumbnail: enough for twelve waves across the image
LEVELS = 64  # grey levels that ranks tell apart
MOST_SLICES = 64  # thumbnails kept of a volume


def grey(voxels: NDArray) -> NDArray:
    """(C, [D,] H, W) as one channel ([D,] H, W): stored grey as it is, colour as the mean of its channels."""
    if len(voxels) == 1 or (len(voxels) == 3 and all(np.array_equal(voxels[0], one) for one in voxels[1:])):
        return voxels[0]
    return voxels.mean(axis=0, dtype=np.float32)


def projection(plane: NDArray) -> NDArray:
    """A 2D image as it is; the mean over slices of a volume."""
    return plane if plane.ndim == 2 else plane.mean(axis=0, dtype=np.float32)


def kept_slices(plane: NDArray) -> tuple[int, ...]:
    """Slices whose thumbnails are kept: all up to MOST_SLICES, else so many at even distances."""
    depth = 1 if plane.ndim == 2 else len(plane)
    kept = min(depth, MOST_SLICES)
    return tuple(int((2 * k + 1) * depth // (2 * kept)) for k in range(kept))


def thumbnails(plane: NDArray, slices: tuple[int, ...]) -> NDArray[np.uint8]:
    """Thumbnails (p, 2, SIDE, SIDE) of an image (H, W) or of slices of a volume (D, H, W): grey values and ranks."""
    stack = plane[None] if plane.ndim == 2 else plane
    return np.stack([thumbnail(stack[k]) for k in slices])


def thumbnail(plane: NDArray) -> NDArray[np.uint8]:
    """Grey values between the 1st and 99th percentile of the thumbnail, and their ranks: (2, SIDE, SIDE), 0 to 255.

    What is the same in 1/64 of the range has the same rank, so that a dark background is no landscape of its own.
    """
    small = shrunk(plane)
    ordered = np.sort(small, axis=None)
    low, high = ordered[small.size // 100], ordered[-1 - small.size // 100]
    share = np.clip((small - low) / max(high - low, 1e-6), -0.1, 1.1)
    return np.stack([np.round((share + 0.1) * (255 / 1.2)).astype(np.uint8), ranks(np.round(share * LEVELS))])


def shrunk(plane: NDArray, side: int = SIDE) -> NDArray[np.float32]:
    """(H, W) as (side, side) by means over equal areas; the aspect is not kept."""
    height, width = plane.shape
    small: NDArray[np.float32] = areas(height, side) @ plane.astype(np.float32) @ areas(width, side).T
    return small


def ranks(small: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Ranks 0 to 255; equal values share the middle of theirs, so that a plain thumbnail is 127 everywhere."""
    flat = small.reshape(-1)
    order = np.argsort(flat)
    ordered = flat[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    lengths = np.diff(np.append(begins, flat.size))
    found = np.empty(flat.size, np.uint8)
    found[order] = np.repeat((begins + lengths / 2) * (255 / flat.size), lengths)
    return found.reshape(small.shape)


@lru_cache(maxsize=256)
def areas(n: int, side: int) -> NDArray[np.float32]:
    """Weights (side, n) of means over equal parts of n pixels; each row sums to 1."""
    ends = np.linspace(0, n, side + 1)
    first, last = ends[:-1, None], ends[1:, None]
    pixel = np.arange(n)[None]
    share = np.clip(np.minimum(last, pixel + 1) - np.maximum(first, pixel), 0, None)
    weights: NDArray[np.float32] = (share / share.sum(axis=1, keepdims=True)).astype(np.float32)
    weights.setflags(write=False)
    return weights


def hashed(plane: NDArray, low: float, high: float, *, turned: bool) -> bytes:
    """16 bytes of BLAKE2 over size and numbers between `low` and `high`; if `turned`, blind to mirroring and turning.

    Whole numbers are hashed in the smallest type that holds them, so that a JPEG saved as PNG, in 16 bits or as float
    is the same image.
    """
    values = _smallest(plane, low, high)
    return min(_digest(form) for form in _turned(values)) if turned else _digest(values)


def _smallest(plane: NDArray, low: float, high: float) -> NDArray:
    kinds = ("uint8", "int16", "uint16", "int32")
    fits = [np.dtype(k) for k in kinds if np.iinfo(k).min <= low and high <= np.iinfo(k).max]
    if not fits or plane.dtype == fits[0]:
        return plane
    whole = plane.astype(fits[0])
    return whole if plane.dtype.kind in "iub" or np.array_equal(whole, plane) else plane


def _digest(values: NDArray) -> bytes:
    form = f"{values.dtype.str}{values.shape}".encode()
    return hashlib.blake2b(form + np.ascontiguousarray(values).tobytes(), digest_size=16).digest()


def _turned(plane: NDArray) -> list[NDArray]:
    """The 8 mirrored and turned forms of an image; 16 of a volume, whose slices may run the other way."""
    forms = []
    for flips in product((1, -1), repeat=plane.ndim):
        flipped = plane[tuple(slice(None, None, step) for step in flips)]
        forms += [flipped, np.swapaxes(flipped, -1, -2)]
    return forms
