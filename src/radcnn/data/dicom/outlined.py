"""Structures as a DICOM segmentation object (PS3.3 A.51) that refers to the series they were outlined in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from radcnn.core.version import __version__
from radcnn.core.volume import Volume
from radcnn.data.dicom.referring import MOST_LABEL, identity, write_referring

SERIES_NUMBER = 9001


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

    def made(sources: Sequence[Dataset]) -> Dataset:
        return _segmentation(shaped, names, sources, description)

    write_referring(made, volume, files, path, count=shaped.shape[1], what="a segmentation object")


def _segmentation(
    masks: NDArray[np.bool_], names: Sequence[str], sources: Sequence[Dataset], description: str
) -> Dataset:
    from highdicom.seg import Segmentation, SegmentationTypeValues

    made = Segmentation(
        source_images=sources,
        pixel_array=as_pixels(masks),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=_described(names),
        content_description=description[:MOST_LABEL],
        series_description=description[:MOST_LABEL],
        omit_empty_frames=bool(masks.any()),
        **identity(SERIES_NUMBER),
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
