"""Ellipses of known attenuation: their exact line integrals, against which projectors are checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.physics.beam import Beam


@dataclass(frozen=True)
class Ellipse:
    """An ellipse that adds `value` to what lies under it; centre and semi-axes in mm, angle from x to y in radians."""

    x_mm: float
    y_mm: float
    a_mm: float
    b_mm: float
    value: float
    angle: float = 0.0


def ellipse_sinogram(ellipses: Sequence[Ellipse], beam: Beam) -> NDArray[np.float64]:
    """Exact line integrals (views, detectors) of a sum of ellipses.

    p(a, t) = 2 v A B sqrt(w^2 - s^2) / w^2, w^2 = A^2 cos^2(a - phi) + B^2 sin^2(a - phi), s the ray's distance from
    the centre (Kak and Slaney 1988, eq. 3.6).
    """
    total = np.zeros(beam.shape)
    angles, offsets = beam.rays()
    for e in ellipses:
        width2 = (e.a_mm * np.cos(angles - e.angle)) ** 2 + (e.b_mm * np.sin(angles - e.angle)) ** 2
        s = offsets - (e.x_mm * np.cos(angles) + e.y_mm * np.sin(angles))
        total += 2 * e.value * e.a_mm * e.b_mm * np.sqrt(np.maximum(width2 - s**2, 0)) / width2
    return total


def draw_ellipses(ellipses: Sequence[Ellipse], beam: Beam, *, supersampling: int = 4) -> NDArray[np.float64]:
    """The image (size, size) of a sum of ellipses; pixels hold the mean of supersampling^2 points."""
    k = supersampling
    fine = (np.arange(beam.size * k) - (beam.size * k - 1) / 2) * (beam.pixel_mm / k)
    total = np.zeros((beam.size * k, beam.size * k))
    for e in ellipses:
        x, y = fine[None, :] - e.x_mm, fine[:, None] - e.y_mm
        u, v = x * np.cos(e.angle) + y * np.sin(e.angle), y * np.cos(e.angle) - x * np.sin(e.angle)
        total += e.value * ((u / e.a_mm) ** 2 + (v / e.b_mm) ** 2 <= 1)
    return total.reshape(beam.size, k, beam.size, k).mean(axis=(1, 3))
