"""Values on a series' voxels as a DICOM Parametric Map (PS3.3 A.75) in 32-bit floats that refers to that series.

It lies in a study's folder, which names nobody: of what the slices say it holds the UIDs by which it refers to them and
their place, and what DICOM asks of patient and study is empty. Values are stored as they are: their real world value
mapping is the identity, without a unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from radcnn.core.volume import Volume
from radcnn.data.dicom.referring import ALWAYS, MOST_LABEL, identity, write_referring

SERIES_NUMBER = 9002
MOST_NAME = 16  # letters of a short string (SH)
KEPT = (  # of a slice: what it is, and where it lies
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality", "Rows",
    "Columns", "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "SliceThickness",
    "SpacingBetweenSlices",
)  # fmt: skip


def write_parametric(
    values: NDArray[np.float32], volume: Volume, files: Sequence[Path], path: Path, *, name: str, description: str
) -> None:
    """Write values (slices, rows, columns) on the voxels of a DICOM series as one file, in float32.

    volume       the series, on whose grid the values are
    files        of that series, in any order; one for each slice
    name         of what the values are, at most 16 letters are kept
    description  of the file

    Raises GeometryError where the slices do not lie where the files say, InputError where their headers do not suffice,
    StorageError where the file cannot be written.
    """
    shaped = np.ascontiguousarray(values.reshape(-1, *values.shape[-2:]), dtype=np.float32)

    def made(sources: Sequence[Dataset]) -> Dataset:
        return _map(shaped, [_nameless(one) for one in sources], name, description)

    write_referring(made, volume, files, path, count=len(shaped), what="a parametric map")


def _nameless(source: Dataset) -> Dataset:
    """A slice's header with what it is and where it lies alone; what must be there of patient and study is empty."""
    made = Dataset()
    for keyword in KEPT:
        if keyword in source:
            setattr(made, keyword, source[keyword].value)
    for keyword in ALWAYS:
        setattr(made, keyword, "")
    return made


def _map(values: NDArray[np.float32], sources: Sequence[Dataset], name: str, description: str) -> Dataset:
    from highdicom import VOILUTTransformation
    from highdicom.pm import DerivedPixelContrastValues, ImageFlavorValues, ParametricMap, RealWorldValueMapping
    from pydicom.sr.codedict import codes

    low, high = float(values.min()), float(values.max())
    as_stored = RealWorldValueMapping(
        lut_label=name[:MOST_NAME],
        lut_explanation=description[:MOST_LABEL],
        unit=codes.UCUM.NoUnits,
        value_range=(low, high),
        slope=1.0,
        intercept=0.0,
    )
    shown = VOILUTTransformation(window_center=_short((low + high) / 2), window_width=_short(max(high - low, 1e-6)))
    return ParametricMap(
        source_images=sources,
        pixel_array=values,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[as_stored],
        voi_lut_transformations=[shown],
        content_description=description[:MOST_LABEL],
        series_description=description[:MOST_LABEL],
        image_flavor=ImageFlavorValues.VOLUME,
        derived_pixel_contrast=DerivedPixelContrastValues.QUANTITY,
        **identity(SERIES_NUMBER),
    )


def _short(value: float) -> float:
    """A number of few digits, as a decimal string (DS) of a window holds it."""
    return float(f"{value:.6g}")
