"""Sinograms from npz files: what a scanner measured, with the angle of every view and the places of its elements.

    line_integrals  (views, detectors) or (slices, views, detectors), -log(counts / open_beam), without a unit;
    or counts       the photons of each element, and open_beam: those that arrive without an object
    angles_deg      (views,)
    detector_mm     distance between elements, on the detector
    source_mm, detector_at_mm  of a fan beam: from the source to the middle, and to the detector
    slice_mm        distance between slices, where there are several

A sinogram without its angles is refused: none can be guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import GeometryError, InputError
from radcnn.core.files import reading
from radcnn.data.archive import Headers, headers, unpacked

LEAST_COUNT = 1.0  # a ray that no photon came through is read as one, so that its logarithm exists
FAN = ("source_mm", "detector_at_mm")


@dataclass(frozen=True, eq=False)
class Sinogram:
    """A measured sinogram.

    line_integrals  (slices, views, detectors) float32
    angles_deg      (views,)
    fan_mm          distances from the source to the middle and to the detector; None for parallel rays
    starved         rays that fewer than one photon came through, read as one
    """

    line_integrals: NDArray[np.float32]
    angles_deg: NDArray[np.float64]
    detector_mm: float
    fan_mm: tuple[float, float] | None = None
    slice_mm: float | None = None
    starved: int = 0


def read_sinogram(path: Path | str) -> Sinogram:
    """The sinogram in an npz file.

    Raises ReadError where the file or an array is damaged, InputError naming what is missing or impossible (no angles,
    negative counts, numbers that are not finite), GeometryError where angles and views differ in number.
    """
    path = Path(path)
    with reading(path):
        exists = path.exists()
    if not exists:
        raise InputError(f"{path} does not exist; give an npz file with a sinogram")
    if path.suffix.lower() != ".npz":
        raise InputError(f"{path.name} is no npz file; save line_integrals, angles_deg and detector_mm in one")
    known = headers(path)
    rays, starved = _line_integrals(path, known)
    if "angles_deg" not in known:
        raise InputError(
            f"{path.name} has no array angles_deg: without the angle of each of its {rays.shape[1]} views nothing can "
            "be reconstructed; add it, in degrees"
        )
    angles = np.atleast_1d(unpacked(path, "angles_deg")).astype(np.float64).ravel()
    _refuse_nonfinite(path, "angles_deg", angles)
    if len(angles) != rays.shape[1]:
        raise GeometryError(f"{path.name} has {rays.shape[1]} views and {len(angles)} angles; give one for each view")
    fan = [name for name in FAN if name in known]
    if len(fan) == 1:
        missing = next(name for name in FAN if name not in known)
        raise InputError(f"{path.name} has {fan[0]} but no {missing}; a fan beam needs both, parallel rays neither")
    slice_mm = _number(path, "slice_mm", known) if "slice_mm" in known else None
    distances = (_number(path, FAN[0], known), _number(path, FAN[1], known)) if fan else None
    return Sinogram(rays, angles, _number(path, "detector_mm", known), distances, slice_mm, starved)


def _line_integrals(path: Path, known: Headers) -> tuple[NDArray[np.float32], int]:
    """(slices, views, detectors), and how many rays were starved of photons."""
    if "line_integrals" in known:
        values, starved = _rays(path, "line_integrals"), 0
    elif "counts" in known:
        counts = _rays(path, "counts")
        negative = int((counts < 0).sum())
        if negative:
            raise InputError(
                f"counts of {path.name} hold {negative} negative values; counts are numbers of photons: subtract no "
                "offset beyond 0, or save line_integrals"
            )
        if "open_beam" not in known:
            raise InputError(
                f"{path.name} has counts but no open_beam: the photons that arrive without an object; add it"
            )
        beam = unpacked(path, "open_beam").astype(np.float64)
        if not (np.isfinite(beam).all() and (beam > 0).all()):
            raise InputError(f"open_beam of {path.name} must be positive")
        try:
            open_beam = np.broadcast_to(beam, counts.shape)
        except ValueError:
            raise GeometryError(
                f"open_beam of {path.name} has shape {beam.shape}, which does not fit counts of {counts.shape}"
            ) from None
        starved = int((counts < LEAST_COUNT).sum())
        values = -np.log(np.maximum(counts, LEAST_COUNT) / open_beam)
    else:
        raise InputError(f"{path.name} has neither line_integrals nor counts; it holds {', '.join(known) or 'nothing'}")
    return values.astype(np.float32), starved


def _rays(path: Path, name: str) -> NDArray[np.float64]:
    values = unpacked(path, name).astype(np.float64)
    if values.ndim == 2:
        values = values[None]
    if values.ndim != 3 or 0 in values.shape:
        raise GeometryError(
            f"{name} of {path.name} must be (views, detectors) or (slices, views, detectors), got {values.shape}"
        )
    _refuse_nonfinite(path, name, values)
    return values


def _refuse_nonfinite(path: Path, name: str, values: NDArray[np.float64]) -> None:
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise InputError(f"{name} of {path.name} hold {bad} values that are not finite; correct them")


def _number(path: Path, name: str, known: Headers) -> float:
    if name not in known:
        raise InputError(f"{path.name} has no {name}; add it, in millimetres")
    values = unpacked(path, name).astype(np.float64).ravel()
    if values.size != 1 or not np.isfinite(values[0]) or values[0] <= 0:
        raise InputError(f"{name} of {path.name} must be one positive number, in millimetres")
    return float(values[0])
