"""Structures as a DICOM segmentation object (PS3.3 A.51) that refers to the series they were outlined in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from radcnn.core.errors import GeometryError, InputError
from radcnn.core.files import atomic
from radcnn.core.version import __version__
from radcnn.core.volume import Volume
from radcnn.data.dicom.derived import identify, slices_in_order
from radcnn.data.quiet import quiet

SERIES_NUMBER = 9001
MOST_LABEL = 64  # letters of a segment's label (LO)
ALWAYS = (  # of patient and study, which may be empty and must be there
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber",
    "ReferringPhysicianName", "StudyID",
)  # fmt: skip


# L*, a*, b* of colours for segments, any two at least 34 apart: Okabe and Ito 2008, then whichever is farthest from all
COLOURS = (
    (71, 16, 75), (70, -12, -35), (58, -46, 13), (89, -13, 75), (54, 43, 63), (61, 39, -11), (44, 85, -88),
    (88, -86, 83), (54, 83, 19), (58, 92, -36), (48, 35, -82), (42, -11, 48), (89, -73, 35), (81, -8, 26),
    (56, -52, 58), (43, 0, 0), (91, -48, -14), (67, 24, -51),
)  # fmt: skip


def write_segments(
    masks: NDArray[np.bool_], names: Sequence[str], volume: Volume, files: Sequence[Path], path: Path, description: str
) -> None:
    """Write masks (structures, slices, rows, columns) of a DICOM series as one SEG file.

    names   of the structures, which become the labels of the segments
    volume  the series that was outlined, on whose grid the masks are
    files   of that series, in any order; one for each slice

    Raises GeometryError where the slices do not lie where the files say, InputError where their headers do not suffice,
    StorageError where the file cannot be written.
    """
    shaped = masks.reshape(len(masks), -1, *masks.shape[-2:])
    with quiet():
        sources = sources_of(volume, slices_in_order(volume, files, shaped.shape[1]))
        try:
            made = _segmentation(shaped, names, sources, description)
        except MemoryError:
            raise
        except Exception as cause:
            # highdicom asks headers for what it needs, and fails in any way where that is missing or wrong; its words
            # may quote them
            missing = f": {cause.name} is missing" if isinstance(cause, AttributeError) else ""
            raise InputError(
                f"the headers of the series do not suffice for a segmentation object{missing or ' of highdicom'}"
            ) from cause
        with atomic(path) as temporary:
            made.save_as(temporary, enforce_file_format=True)


def _segmentation(
    masks: NDArray[np.bool_], names: Sequence[str], sources: Sequence[Dataset], description: str
) -> Dataset:
    from highdicom.seg import Segmentation, SegmentationTypeValues
    from highdicom.uid import UID

    made = Segmentation(
        source_images=sources,
        pixel_array=as_pixels(masks),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=_described(names),
        series_instance_uid=UID(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=UID(),
        instance_number=1,
        manufacturer="radcnn",
        manufacturer_model_name="radcnn",
        software_versions=__version__,
        device_serial_number="0",
        content_description=description[:MOST_LABEL],
        series_description=description[:MOST_LABEL],
        omit_empty_frames=bool(masks.any()),
    )
    made.ContentCreatorName = ""  # no person made it; the attribute has to be there (PS3.3 C.8.20.2)
    return made


def as_pixels(masks: NDArray[np.bool_]) -> NDArray:
    """Masks (structures, slices, rows, columns) as one map of segment numbers; where they overlap one beside the other.

    >>> as_pixels(np.array([[[[1, 0, 0]]], [[[0, 0, 1]]]]) > 0).tolist()
    [[[1, 0, 2]]]
    """
    numbers = np.zeros(masks.shape[1:], np.uint8 if len(masks) < 256 else np.uint16)
    for number, mask in enumerate(masks, start=1):
        if numbers[mask].any():
            return np.moveaxis(masks, 0, -1)
        numbers[mask] = number
    return numbers


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


def _described(names: Sequence[str]) -> list[Any]:
    """A segment for each structure, numbered from 1, outlined by this version of radcnn."""
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentAlgorithmTypeValues, SegmentDescription
    from pydicom.sr.codedict import codes

    how = AlgorithmIdentificationSequence(
        name="radcnn", version=__version__, family=codes.DCM.ArtificialIntelligence, source="radcnn"
    )
    made = []
    for number, name in enumerate(names, start=1):
        one = SegmentDescription(
            segment_number=number,
            segment_label=name[:MOST_LABEL],
            segmented_property_category=codes.SCT.Tissue,
            segmented_property_type=codes.SCT.Tissue,
            algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=how,
        )
        one.RecommendedDisplayCIELabValue = encoded_colour(*COLOURS[(number - 1) % len(COLOURS)])
        made.append(one)
    return made


def encoded_colour(lightness: float, a: float, b: float) -> list[int]:
    """A colour in L*, a* and b* as DICOM stores it, in 16 bits (PS3.3 C.10.7.1.1).

    >>> encoded_colour(100, -128, 127)
    [65535, 0, 65535]
    """
    return [round(lightness * 65535 / 100), *(round((one + 128) * 65535 / 255) for one in (a, b))]
