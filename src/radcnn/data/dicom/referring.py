"""What refers to a DICOM series: its slices in order, their identifiers, and objects that highdicom makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from radcnn.core.errors import GeometryError, InputError
from radcnn.core.files import atomic
from radcnn.core.version import __version__
from radcnn.core.volume import Volume
from radcnn.data.dicom.regularity import DRIFT, ROUNDING_MM, SIDEWAYS
from radcnn.data.findings import counted
from radcnn.data.quiet import quiet

ALONG, ACROSS = DRIFT + 1e-6, SIDEWAYS + 1e-6  # of a slice and of a pixel, as far as the reader lets a slice be off
MOST_LABEL = 64  # letters of a long string (LO)
ALWAYS = (  # of patient and study, which may be empty and must be there
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber",
    "ReferringPhysicianName", "StudyID",
)  # fmt: skip


def write_referring(
    make: Callable[[Sequence[Dataset]], Dataset],
    volume: Volume,
    files: Sequence[Path],
    path: Path,
    *,
    count: int,
    what: str,
) -> None:
    """Write one file that refers to the slices of a DICOM series.

    make    the object of the slices' headers, in the order of the volume
    volume  the series as it was read
    files   of that series, in any order; one for each of `count` slices
    what    is written, as a message says it

    Raises GeometryError where the slices do not lie where the files say, InputError where their headers do not suffice,
    StorageError where the file cannot be written.
    """
    with quiet():
        sources = sources_of(volume, slices_in_order(volume, files, count))
        try:
            made = make(sources)
        except MemoryError:
            raise
        except Exception as cause:
            # highdicom asks headers for what it needs, and fails in any way where that is missing or wrong; its words
            # may quote them
            missing = f": {cause.name} is missing" if isinstance(cause, AttributeError) else ""
            raise InputError(
                f"the headers of the series do not suffice for {what}{missing or ' of highdicom'}"
            ) from cause
        with atomic(path) as temporary:
            made.save_as(temporary, enforce_file_format=True)


def identity(series_number: int) -> dict[str, Any]:
    """What highdicom asks of who made an object: a new series of one instance, by this version of radcnn."""
    from highdicom.uid import UID

    return {
        "series_instance_uid": UID(),
        "series_number": series_number,
        "sop_instance_uid": UID(),
        "instance_number": 1,
        "manufacturer": "radcnn",
        "manufacturer_model_name": "radcnn",
        "software_versions": __version__,
        "device_serial_number": "0",
    }


def sources_of(volume: Volume, files: Sequence[Path]) -> list[Dataset]:
    """The headers of a series' slices in order, with what a segmentation of them has to refer to."""
    sources = [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
    study, series = (generate_uid(prefix=None) for _ in range(2))
    for source in sources:
        if int(source.get("NumberOfFrames") or 1) > 1:
            raise GeometryError("the image is a file of several frames")
        if source.get("ImagePositionPatient") and not source.get("FrameOfReferenceUID"):
            raise InputError("the series does not say its frame of reference, which a segmentation object has to name")
        identify(source, study=study, series=series)
        for keyword in ALWAYS:
            if keyword not in source:
                setattr(source, keyword, "")
        if "SliceThickness" not in source and volume.spacing_mm is not None and volume.rank == 3:
            source.SliceThickness = f"{volume.spacing_mm[0]:.10g}"
    return sources


def slices_in_order(volume: Volume, files: Sequence[Path], count: int) -> list[Path]:
    """The file of each slice of a volume on the grid of its series; raises as `write_referring` does."""
    if len(set(files)) < len(files):
        raise GeometryError("the slices are frames of one file, and not a file for each")
    found: dict[int, Path] = {}
    for file in files:
        header = pydicom.dcmread(file, stop_before_pixels=True)
        if (header.Rows, header.Columns) != tuple(volume.size[-2:]):
            raise GeometryError(
                f"{file.name} is no slice of the volume: it has {header.Rows} x {header.Columns} pixels, and the "
                f"volume's slices have {volume.size[-2]} x {volume.size[-1]} (a tilt was made upright)"
            )
        k = _place(file, header, volume) if volume.rank == 3 else 0
        if k in found:
            raise GeometryError(f"{file.name} and {found[k].name} lie at one place")
        found[k] = file
    if sorted(found) != list(range(count)):
        raise GeometryError(f"{counted(len(found), 'file')} were found for {count} slices (gaps were filled)")
    return [found[k] for k in range(count)]


def _place(file: Path, header: Dataset, volume: Volume) -> int:
    """Which slice of a volume a file is, by its place in the patient."""
    position = header.get("ImagePositionPatient")
    if not position or volume.affine is None:
        raise GeometryError(f"{file.name} does not say where in the patient it lies")
    index = volume.index(np.array([float(v) for v in position]))
    k = round(float(index[0]))
    lengths = np.linalg.norm(volume.affine[:3, 1:3], axis=0)
    aside = float(np.hypot(*(index[1:] * lengths)))
    if abs(float(index[0]) - k) > ALONG or aside > max(ROUNDING_MM, ACROSS * float(lengths.min())):
        raise GeometryError(f"{file.name} does not lie on the volume's grid (gaps were filled or a tilt was resampled)")
    return k


def identify(dataset: Dataset, *, study: str, series: str) -> None:
    """Fill identifiers that a de-identification emptied: of the file's own header, or these of all slices.

    Raises InputError where nothing says which kind of image it is.
    """
    meta = dataset.get("file_meta", Dataset())
    for keyword, known in (
        ("SOPClassUID", meta.get("MediaStorageSOPClassUID", "")),
        ("SOPInstanceUID", meta.get("MediaStorageSOPInstanceUID", "") or generate_uid(prefix=None)),
        ("StudyInstanceUID", study),
        ("SeriesInstanceUID", series),
    ):
        if not dataset.get(keyword):
            setattr(dataset, keyword, known)
    if not dataset.SOPClassUID:
        raise InputError("a slice does not say which kind of image it is (SOPClassUID is empty)")
