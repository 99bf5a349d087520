"""Fingerprints of thumbnails, made so that an image and its small crops lie in one thin subspace.

A print is the low cosine waves of a thumbnail (12 per axis, no mean), whitened. Mirroring and turning an image changes
signs and places of the waves only, so one print answers for all eight forms. Cropping up to a tenth off each side
bends it along a few directions that are the same for all images; their span is orthonormalised once per image, and
the likeness of B to A's crops is the length of B's print within it: one matrix product for all crops.

Whitening is by the second moment of all prints of the cohort and of their mirrored forms, which takes away what all
chest radiographs share. It commutes with mirroring, and with few images it falls back on the usual spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from radcnn.data.survey.thumbnails import SIDE

Floats = NDArray[np.float32]

WAVES = 12  # per axis
CROP = 0.12  # off each side, at most: a tenth, and how a program rounds
STEPS = 7  # crops of one side that are looked at: 0, 2, ... 12 %
PRIOR = 100  # images that the usual spectrum (power falling with frequency squared) counts for
FLOOR = 0.1  # of the mean variance, added before whitening: below it there is only noise
FINE = 16  # points per pixel of a thumbnail when waves are integrated

_v, _h = np.mgrid[:WAVES, :WAVES]
_KEPT = (np.hypot(_v, _h) <= WAVES - 0.5) & (_v + _h > 0)
VERTICAL, HORIZONTAL = (axis.astype(np.intp) for axis in np.nonzero(_KEPT))
LENGTH = VERTICAL.size
_place = np.full((WAVES, WAVES), -1)
_place[_KEPT] = np.arange(LENGTH)
TRANSPOSED = _place[HORIZONTAL, VERTICAL]
PARITY = 2 * (VERTICAL % 2) + HORIZONTAL % 2  # 0 even-even ... 3 odd-odd

# the eight forms: (turned over the diagonal, mirrored top to bottom, mirrored left to right), in this order
FORMS = tuple((t, v, h) for t in (False, True) for v in (False, True) for h in (False, True))
SIGNS = np.array([[(-1) ** (v * (p // 2) + h * (p % 2)) for p in range(4)] for _, v, h in FORMS[:4]], dtype=np.float32)


def waves(before: float, after: float) -> Floats:
    """Cosine waves (WAVES, SIDE) over the part of a thumbnail's axis that a crop leaves."""
    x = (np.arange(SIDE * FINE) + 0.5) / (SIDE * FINE)
    place = (x - before) / (1 - before - after)
    inside = (place > 0) & (place < 1)
    full = np.cos(np.pi * np.arange(WAVES)[:, None] * place) * inside
    return full.reshape(WAVES, SIDE, FINE).mean(axis=2).astype(np.float32)


@dataclass(frozen=True)
class Crops:
    """How waves change with a crop of one axis: what is left off before and after, and the first four components.

    ends    (c, 2) shares left off
    parts   (4, WAVES, SIDE) components of the waves
    weights (c, 4) of the components for each crop
    """

    ends: Floats
    parts: Floats
    weights: Floats

    @classmethod
    def of_axis(cls) -> Crops:
        """By the singular values of all crops."""
        steps = np.linspace(0, CROP, STEPS)
        ends = np.array([(a, b) for a in steps for b in steps], dtype=np.float32)
        stack = np.stack([waves(float(a), float(b)) for a, b in ends]).reshape(len(ends), -1)
        left, size, right = np.linalg.svd(stack, full_matrices=False)
        weights = (left * size)[:, :4]
        return cls(ends, right[:4].reshape(4, WAVES, SIDE), weights.astype(np.float32))


CROPS = Crops.of_axis()
WHOLE = waves(0.0, 0.0)
# pairs of vertical and horizontal components; products of two small ones add nothing
PAIRS = tuple((i, j) for i in range(4) for j in range(4) if i + j < 4)
COMBINED = np.einsum("vi,hj->vhij", CROPS.weights, CROPS.weights).reshape(-1, 4, 4)
COMPONENTS = 1 + len(PAIRS)  # the whole image itself first: what was not cropped is compared without any loss


def _coefficients() -> Floats:
    """(crops of both axes, COMPONENTS); the first crop leaves nothing off."""
    made = np.concatenate([np.zeros((len(COMBINED), 1)), *[COMBINED[:, i, j][:, None] for i, j in PAIRS]], axis=1)
    made[0] = np.eye(COMPONENTS)[0]
    return made.astype(np.float32)


COEFFICIENTS = _coefficients()


@dataclass(frozen=True, eq=False)
class Prints:
    """Prints of n thumbnails of one kind (grey values or ranks).

    thumbnails  (n, SIDE, SIDE) uint8
    whitening   (LENGTH, LENGTH)
    """

    thumbnails: NDArray[np.uint8]
    whitening: Floats

    @classmethod
    def of(cls, thumbnails: NDArray[np.uint8]) -> Prints:
        """Prints with the whitening that these thumbnails call for."""
        return cls(thumbnails, _whitening(_plain(_centred(thumbnails))))

    @cached_property
    def whole(self) -> Floats:
        """Prints (n, LENGTH) of the whole images, of length 1; 0 for an image without structure."""
        found = np.concatenate([_plain(_centred(part)) @ self.whitening for part in _parts(self.thumbnails)])
        return _unit(found)

    def spans(self, rows: slice | NDArray[np.intp]) -> Floats:
        """An orthonormal basis (r, COMPONENTS, LENGTH) of the crops of these images."""
        return _orthonormal(self.crops(rows))

    def crops(self, rows: slice | NDArray[np.intp]) -> Floats:
        """The components (r, COMPONENTS, LENGTH) of the crops of these images, whitened."""
        centred = _centred(self.thumbnails[rows])
        parts = [WHOLE @ centred @ WHOLE.T, *(CROPS.parts[i] @ centred @ CROPS.parts[j].T for i, j in PAIRS)]
        stacked: Floats = np.stack(parts, axis=1)[:, :, VERTICAL, HORIZONTAL] @ self.whitening
        return stacked


def turned(prints: Floats, form: int) -> Floats:
    """The prints (..., LENGTH) of images mirrored and turned as FORMS says: first over the diagonal, then mirrored."""
    transposed = prints[..., TRANSPOSED] if form >= 4 else prints
    moved: Floats = transposed * SIGNS[form % 4][PARITY]
    return moved


def _parts(thumbnails: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [thumbnails[k : k + 1024] for k in range(0, len(thumbnails), 1024)]


def _centred(thumbnails: NDArray[np.uint8]) -> Floats:
    """As float32 about the mean, so that a crop's lower sum is not taken for structure."""
    values = thumbnails.astype(np.float32)
    centred: Floats = values - values.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return centred


def _plain(centred: Floats) -> Floats:
    found: Floats = (WHOLE @ centred @ WHOLE.T)[:, VERTICAL, HORIZONTAL].astype(np.float32, copy=False)
    return found


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 1e-6, vectors / np.maximum(length, 1e-6), 0).astype(np.float32)


def _whitening(prints: Floats) -> Floats:
    """The symmetric root of the inverse second moment of prints in all eight forms."""
    forms = _unit(np.concatenate([turned(prints, form) for form in range(8)]))
    usual = np.hypot(VERTICAL, HORIZONTAL) ** -2.0
    n = len(prints)
    moment = (n * (forms.T @ forms) / len(forms) + PRIOR * np.diag(usual / usual.sum())) / (n + PRIOR)
    values, vectors = np.linalg.eigh(moment.astype(np.float64))
    return ((vectors / np.sqrt(values + FLOOR * values.mean())) @ vectors.T).astype(np.float32)


def _orthonormal(spanning: Floats) -> Floats:
    """Bases (r, k, LENGTH) of the span of (r, k, LENGTH); directions that hardly occur shrink instead of blowing up."""
    gram = (spanning @ spanning.transpose(0, 2, 1)).astype(np.float64)
    size = np.maximum(np.trace(gram, axis1=1, axis2=2), 1e-12)[:, None, None]
    values, vectors = np.linalg.eigh(gram / size)
    scaled = vectors / np.sqrt(np.maximum(values, 1e-5)[:, None] * size)
    basis: Floats = (scaled.transpose(0, 2, 1).astype(np.float32)) @ spanning
    return basis
