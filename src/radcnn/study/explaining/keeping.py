"""The files of an explanation: maps on the image's own grid, and pictures for the report; cases are called by number.

RUN/explain/case-12.png               the image, as the network is given it
RUN/explain/case-12-gradcam.png       the map over it
RUN/explain/case-12-gradcam.nii.gz    the map on the grid of the scan (volumes)
RUN/explain/case-12-gradcam.dcm       the same as a DICOM Parametric Map, where the scan is a DICOM series
RUN/explain/case-12-gradcam-own.png   the map over the image's own pixels, and .npz with its values (images)
"""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from radcnn.core.case import Case
from radcnn.core.errors import InputError, StorageError
from radcnn.core.files import write_bytes
from radcnn.core.volume import Volume
from radcnn.data.nifti import write_nifti
from radcnn.data.read import read_noted
from radcnn.data.reading import Reading
from radcnn.reports.explaining.found import MapFiles
from radcnn.reports.explaining.overlay import overlaid, plain
from radcnn.study.explaining.asked import Way
from radcnn.study.explaining.mapped import strongest_slice
from radcnn.study.explaining.placing import on_image
from radcnn.transforms.preparation import Preparation

MOST_BYTES = (
    1 << 30
)  # of the Parametric Maps of one way: they are not compressed, and 200 slices of 512 x 512 take 200 MiB
TOO_LARGE = f"those of one way take {MOST_BYTES >> 30} GiB at most; name cases to have theirs"


def kept_image(place: Path, number: int, image: NDArray[np.float32]) -> str:
    """Write the picture of an image (C, *size) alone, by its middle slice; returns the file's name."""
    file = f"case-{number}.png"
    write_bytes(place / file, plain(_plane(_grey(image), None)))
    return file


def kept_maps(
    place: Path, case: Case, number: int, preparation: Preparation, image: NDArray[np.float32],
    found: NDArray[np.float32], shown: NDArray[np.float32], way: Way, *, dicom: bool = True,
) -> MapFiles:  # fmt: skip
    """Write a map (*size) of a case with all its values, and a picture of it; `shown` is the map as 0..1.

    dicom  whether a map of a DICOM series is also written as a Parametric Map
    """
    stem = f"case-{number}-{_plain(way.called)}"
    at = strongest_slice(torch.from_numpy(shown)) if shown.ndim == 3 else None
    write_bytes(place / f"{stem}.png", overlaid(_plane(_grey(image), at), _plane(shown, at)))
    where = "" if at is None else f"slice {at + 1} of {shown.shape[0]}, where the map is strongest"
    files, missing = _own(place, stem, case, preparation, found, shown, way, dicom=dicom)
    return MapFiles(way.called, f"{stem}.png", files, where, missing)


def _own(
    place: Path, stem: str, case: Case, preparation: Preparation, found: NDArray[np.float32],
    shown: NDArray[np.float32], way: Way, *, dicom: bool,
) -> tuple[tuple[str, ...], str]:  # fmt: skip
    """The map on the image's own grid, and why a map of a DICOM series is no Parametric Map."""
    if preparation.planes == "triplanar":
        return (_npz(place / f"{stem}.npz", found),), ""
    reading = read_noted(case.source)
    image = reading.volume
    own = on_image(found, image, preparation, case.centre_mm)
    if own.rank == 3 and own.affine is not None:
        write_nifti(own, place / f"{stem}.nii.gz")
        if not reading.files:
            return (f"{stem}.nii.gz",), ""
        missing = _parametric(place / f"{stem}.dcm", own, reading, way) if dicom else TOO_LARGE
        return (f"{stem}.nii.gz", *(() if missing else (f"{stem}.dcm",))), missing
    files = [_npz(place / f"{stem}.npz", own.voxels[0])]
    if own.rank == 2:
        over = on_image(shown, image, preparation, case.centre_mm).voxels[0]
        write_bytes(place / f"{stem}-own.png", overlaid(_grey(image.voxels), over))
        files.append(f"{stem}-own.png")
    return tuple(files), ""


def _parametric(path: Path, own: Volume, reading: Reading, way: Way) -> str:
    """Write the map as a Parametric Map beside the NIfTI; where there cannot be one, why."""
    from radcnn.data.dicom.parametric import write_parametric  # highdicom is slow to import

    said = f"{way.method}; research use only"
    try:
        write_parametric(own.voxels[0], reading.volume, reading.files, path, name=way.method, description=said)
    except StorageError:
        raise
    except InputError as cause:
        return str(cause)
    return ""


def _npz(path: Path, values: NDArray[np.float32]) -> str:
    file = io.BytesIO()
    np.savez_compressed(file, map=values)
    write_bytes(path, file.getvalue())
    return path.name


def _grey(image: NDArray) -> NDArray:
    """The mean of the channels: (*size)."""
    return np.asarray(image, dtype=np.float32).mean(0)


def _plane(values: NDArray, at: int | None) -> NDArray:
    """A plane, of a volume slice `at` or the middle one."""
    return values if values.ndim == 2 else values[len(values) // 2 if at is None else at]


def _plain(name: str) -> str:
    """A name as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", name)
