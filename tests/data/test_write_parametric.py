"""Values on a DICOM series' voxels as a Parametric Map: identical values at the same place, and no one's name anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from radcnn.core.case import Source
from radcnn.core.errors import GeometryError
from radcnn.data.dicom.parametric import write_parametric
from radcnn.data.read import read_noted
from written_dicom import write_stack


def test_values_and_place_come_back_and_the_series_is_named(tmp_path: Path) -> None:
    stored = np.arange(4 * 6 * 5, dtype=np.int16).reshape(4, 6, 5)
    named = dict.fromkeys(("PatientID", "PatientName", "AccessionNumber", "PatientComments", "StudyID"), "ZQX7")
    series = write_stack(tmp_path / "in", stored, order=[2, 0, 3, 1], first_mm=(-9, 4, 7.5), **named)
    read = read_noted(Source(series))
    values = np.random.default_rng(0).normal(size=(4, 6, 5)).astype(np.float32)
    path = tmp_path / "map.dcm"
    write_parametric(values, read.volume, read.files, path, name="gradcam", description="a map; research use only")
    again = read_noted(Source(path)).volume
    assert np.array_equal(again.voxels[0], values)
    np.testing.assert_allclose(again.affine, read.volume.affine, atol=1e-9)
    made, source = pydicom.dcmread(path), pydicom.dcmread(next(series.iterdir()))
    assert made.SOPClassUID.name == "Parametric Map Storage"
    assert made.FrameOfReferenceUID == source.FrameOfReferenceUID
    assert made.StudyInstanceUID == source.StudyInstanceUID
    assert b"ZQX7" in next(series.iterdir()).read_bytes()
    assert b"ZQX7" not in path.read_bytes()
    assert made.SeriesInstanceUID != source.SeriesInstanceUID
    (referenced,) = made.ReferencedSeriesSequence
    assert referenced.SeriesInstanceUID == source.SeriesInstanceUID
    assert len(referenced.ReferencedInstanceSequence) == 4
    mapping = made.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1, 0)


def test_values_on_another_grid_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    read = read_noted(Source(write_stack(tmp_path / "in", np.zeros((3, 6, 5), np.int16))))
    with pytest.raises(GeometryError, match="3 files were found for 2 slices"):
        write_parametric(
            np.zeros((2, 6, 5), np.float32), read.volume, read.files, tmp_path / "m.dcm", name="m", description="m"
        )
    assert not (tmp_path / "m.dcm").exists()
