"""DICOM SEG against highdicom, which writes and reads it by its own rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from pydicom.sr.codedict import codes
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from radcnn.core.case import Source
from radcnn.data.masks.read import frame_of_reference_of, read_mask
from radcnn.data.read import read_noted
from written_dicom import write_stack

SIZE = (6, 32, 36)
STUDY: dict[str, Any] = {
    "PatientBirthDate": "", "PatientSex": "", "AccessionNumber": "", "StudyID": "", "StudyDate": "", "StudyTime": "",
    "ReferringPhysicianName": "", "SliceThickness": "1.5",
}  # fmt: skip


def described(number: int) -> SegmentDescription:
    return SegmentDescription(
        segment_number=number,
        segment_label=f"part {number}",
        segmented_property_category=codes.cid7150.Tissue,
        segmented_property_type=codes.cid7166.ConnectiveTissue,
        algorithm_type=SegmentAlgorithmTypeValues.MANUAL,
    )


def written_by_highdicom(path: Path, folder: Path, labels: np.ndarray, kind: str, syntax: str, *, sparse: bool) -> Path:
    """A SEG of labels (D, H, W) in the order in which highdicom sorts the slices of the folder's files."""
    sources = [pydicom.dcmread(file) for file in sorted(folder.iterdir())]
    made = Segmentation(
        source_images=sources,
        pixel_array=(labels == np.arange(1, 4)[:, None, None, None]).transpose(1, 2, 3, 0).astype(np.float32)
        if kind == "FRACTIONAL"
        else labels,
        segmentation_type=SegmentationTypeValues[kind],
        segment_descriptions=[described(number) for number in (1, 2, 3)],
        series_instance_uid=generate_uid(),
        series_number=1,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="m",
        manufacturer_model_name="n",
        software_versions="1",
        device_serial_number="1",
        transfer_syntax_uid=syntax,
        omit_empty_frames=sparse,
    )
    made.save_as(path)
    return path


@pytest.mark.parametrize("sparse", [True, False], ids=["sparse", "whole"])
@pytest.mark.parametrize(
    ("kind", "syntax"),
    [
        ("BINARY", ExplicitVRLittleEndian),
        ("BINARY", ImplicitVRLittleEndian),
        ("FRACTIONAL", ExplicitVRLittleEndian),
        ("FRACTIONAL", JPEG2000Lossless),
        ("FRACTIONAL", RLELossless),
        ("LABELMAP", ExplicitVRLittleEndian),
        ("LABELMAP", JPEGLSLossless),
        ("LABELMAP", RLELossless),
    ],
)
def test_a_segmentation_of_highdicom_is_read_as_highdicom_reads_it(
    tmp_path: Path, kind: str, syntax: str, sparse: bool
) -> None:
    generator = np.random.default_rng(3)
    right, down = (0.8, 0.6, 0.0), (0.0, 0.0, -1.0)
    folder = write_stack(
        tmp_path / "ct", np.zeros(SIZE, np.int16), first_mm=(-70, 31, 12), right=right, down=down, steps_mm=1.5, **STUDY
    )
    labels = generator.integers(0, 4, SIZE).astype(np.uint8)
    labels[[1, 4]] = 0
    path = written_by_highdicom(tmp_path / "a.dcm", folder, labels, kind, syntax, sparse=sparse)
    found = read_noted(Source(folder))
    image = found.volume
    ours = read_mask(path, image, frame_of_reference=frame_of_reference_of(found.files))
    assert np.array_equal(ours.volume.voxels[0], labels)
    assert dict(ours.names) == {1: "part 1", 2: "part 2", 3: "part 3"}
    assert ours.notes == ()
    theirs = highdicom.seg.segread(path)
    if kind == "FRACTIONAL":
        volume = theirs.get_volume(rescale_fractional=True)
        read_by_them = np.array([0, 1, 2, 3])[(volume.array >= 0.5) @ np.array([1, 2, 3])]
    else:
        volume = theirs.get_volume(combine_segments=True)
        read_by_them = volume.array
    # highdicom's volume begins at its first stored frame, and counts slices the other way round
    index = np.argwhere(read_by_them)
    at = np.rint(image.index(volume.map_indices_to_reference(index))).astype(int)
    assert np.array_equal(ours.volume.voxels[0][tuple(at.T)], read_by_them[tuple(index.T)])
    assert (ours.volume.voxels != 0).sum() == len(index)
