"""Geometries of a CT scan in one plane: which rays pass through the image.

Coordinates are millimetres in the image plane, x along columns and y along rows (downwards, DICOM's way), from the
middle of the image. A ray of angle a and offset t is the line x cos a + y sin a = t.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import GeometryError

Angles = NDArray[np.float64]


@dataclass(frozen=True)
class _Scanned:
    """What every geometry has.

    views        number of views
    detectors    detector elements per view, centred
    detector_mm  distance between elements
    size         rows and columns of the image
    pixel_mm     pixel spacing of the image
    angles_deg   the angle of each view; evenly spaced over a whole scan where none are given
    """

    views: int
    detectors: int
    detector_mm: float
    size: int
    pixel_mm: float
    angles_deg: tuple[float, ...] = ()

    ARC_DEG = 180.0  # of a whole scan

    def __post_init__(self) -> None:
        numbers = (self.views, self.detectors, self.detector_mm, self.size, self.pixel_mm)
        if not all(np.isfinite(n) and n > 0 for n in numbers):
            raise GeometryError(f"views, detectors, detector_mm, size, pixel_mm must be positive, got {numbers}")
        if self.angles_deg and (len(self.angles_deg) != self.views or not np.isfinite(self.angles_deg).all()):
            raise GeometryError(f"{self.views} views need {self.views} finite angles, got {len(self.angles_deg)}")

    @property
    def angles(self) -> Angles:
        """View angles (views,) in radians."""
        if self.angles_deg:
            return np.deg2rad(np.array(self.angles_deg, np.float64))
        return np.deg2rad(self.ARC_DEG) * np.arange(self.views, dtype=np.float64) / self.views

    @property
    def offsets_mm(self) -> NDArray[np.float64]:
        """Places of the elements on the detector (detectors,) in mm from its middle."""
        return (np.arange(self.detectors, dtype=np.float64) - (self.detectors - 1) / 2) * self.detector_mm

    @property
    def pixels_mm(self) -> NDArray[np.float64]:
        """Pixel centres along a row or a column (size,) in mm."""
        return (np.arange(self.size, dtype=np.float64) - (self.size - 1) / 2) * self.pixel_mm

    @property
    def shape(self) -> tuple[int, int]:
        """Of a sinogram: views, detectors."""
        return self.views, self.detectors

    def every(self, step: int) -> Self:
        """The same scan with the first of every `step` views alone; raises GeometryError for a step below 1."""
        if step < 1:
            raise GeometryError(f"views are left out by a step of at least 1, got {step}")
        return self._of(np.arange(self.views) % step == 0)

    def between(self, first_deg: float, last_deg: float) -> Self:
        """The same scan with the views first_deg <= angle < last_deg alone: a limited angle."""
        degrees = np.rad2deg(self.angles).round(9)
        return self._of((degrees >= first_deg) & (degrees < last_deg))

    def _of(self, which: NDArray[np.bool_]) -> Self:
        angles = tuple(float(angle) for angle in np.rad2deg(self.angles)[which])
        if not angles:
            raise GeometryError("no view is left; choose a wider range of angles")
        return replace(self, views=len(angles), angles_deg=angles)


@dataclass(frozen=True)
class ParallelBeam(_Scanned):
    """Parallel rays; a whole scan is 180 degrees.

    >>> beam = ParallelBeam(views=1000, detectors=729, detector_mm=1.0, size=512, pixel_mm=1.0)
    >>> beam.every(20).views, beam.every(7).views
    (50, 143)
    """

    def rays(self) -> tuple[Angles, Angles]:
        """Angle and offset of every ray, which broadcast to (views, detectors)."""
        return self.angles[:, None], self.offsets_mm[None, :]


@dataclass(frozen=True)
class FanBeam(_Scanned):
    """Rays from a point that turns about the image; a whole scan is 360 degrees.

    source_mm    from the source to the middle of the image
    detector_at_mm  from the source to the detector, on which `detector_mm` is measured
    form         of the detector: an arc about the source, or flat

    The ray from the source at angle b to the element at the angle g from the middle has angle b - g and offset
    source_mm sin g (Kak and Slaney 1988, chapter 3.4).
    """

    source_mm: float = 595.0
    detector_at_mm: float = 1086.0
    form: Literal["arc", "flat"] = "arc"

    ARC_DEG = 360.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.source_mm < self.detector_at_mm < np.inf:
            raise GeometryError(
                f"the detector must lie behind the middle of the image, seen from the source: got source_mm "
                f"{self.source_mm:g} and detector_at_mm {self.detector_at_mm:g}"
            )
        if self.source_mm <= self.size * self.pixel_mm * np.sqrt(0.5):
            raise GeometryError(f"the source must lie outside the image, got source_mm {self.source_mm:g}")

    @property
    def fan(self) -> Angles:
        """Angle (detectors,) of each element from the middle ray, seen from the source."""
        there = self.offsets_mm / self.detector_at_mm
        return there if self.form == "arc" else np.arctan(there)

    def rays(self) -> tuple[Angles, Angles]:
        """Angle and offset of every ray, which broadcast to (views, detectors)."""
        return self.angles[:, None] - self.fan[None, :], (self.source_mm * np.sin(self.fan))[None, :]


Beam: TypeAlias = ParallelBeam | FanBeam
