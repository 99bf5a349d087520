"""A mask is a stranger's file: it is parsed in a bounded child, and what the child says is tested before it is used."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hostile_dicom import deflate_bomb, nested
from radcnn.core.errors import ReadError
from radcnn.core.volume import Volume
from radcnn.data.bounded.children import Answer
from radcnn.data.bounded.limits import allowance
from radcnn.data.bounded.pool import one
from radcnn.data.masks import crossing
from radcnn.data.masks.crossing import dicom_mask, frame_of_reference_of
from radcnn.data.masks.read import read_mask
from written_dicom import write_rtstruct, write_seg

IMAGE = Volume(np.zeros((1, 4, 4)), np.eye(4))
PART = np.ones((2, 4, 4), np.uint8)


@pytest.mark.parametrize("make", [deflate_bomb, nested])
def test_a_file_made_to_do_harm_is_refused_within_its_limits(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path / "a.dcm")
    started = time.monotonic()
    with pytest.raises(ReadError, match=r"^a\.dcm "):
        dicom_mask(path)
    assert time.monotonic() - started < 20 * allowance(path.stat().st_size).seconds


def test_a_damaged_image_has_no_frame_of_reference(tmp_path: Path) -> None:
    path = write_seg(tmp_path / "a.dcm", {1: PART})
    path.write_bytes(path.read_bytes()[:140])
    with pytest.raises(ReadError, match=r"^a\.dcm "):
        frame_of_reference_of([path])


def test_a_segmentation_that_claims_more_than_its_size_explains_is_refused(tmp_path: Path) -> None:
    path = write_seg(tmp_path / "a.dcm", {1: PART}, NumberOfFrames=60_000, Rows=512, Columns=512)
    with pytest.raises(ReadError, match=r"^a\.dcm "):
        read_mask(path, IMAGE)


LIES: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("seg", lambda said: said.update(rows=0)),
    ("seg", lambda said: said.update(rows=4000)),
    ("seg", lambda said: said.update(kind="OTHER")),
    ("seg", lambda said: said["plane_of"].append(0)),
    ("seg", lambda said: said.update(plane_of=[7, 7])),
    ("seg", lambda said: said["planes"][0].update(position=[1.0, 2.0])),
    ("seg", lambda said: said["planes"][0].update(position=[1.0, 2.0, float("nan")])),
    ("seg", lambda said: said["segments"][0].update(number=0)),
    ("seg", lambda said: said["segments"][0].update(number="1")),
    ("seg", lambda said: said.pop("numbers")),
    ("contours", lambda said: said.update(ends=[5])),
    ("contours", lambda said: said.update(roi_of=[1])),
    ("contours", lambda said: said.update(kinds=[])),
    ("contours", lambda said: said["rois"][0].update(number=None)),
]


@pytest.mark.parametrize(("kind", "lie"), LIES)
def test_what_no_mask_can_be_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, lie: Callable[[dict[str, Any]], Any]
) -> None:
    square = np.array([(0.0, 0.0, 0.0), (2.0, 0.0, 0.0), (2.0, 2.0, 0.0), (0.0, 2.0, 0.0)])
    if kind == "seg":
        path = write_seg(tmp_path / "a.dcm", {1: PART})
    else:
        path = write_rtstruct(tmp_path / "a.dcm", {1: [square]})

    def lying(*asked: Any) -> Answer:
        answer = one(*asked)
        lie(answer.items[0][kind])
        return answer

    assert dicom_mask(path) is not None
    monkeypatch.setattr(crossing, "one", lying)
    with pytest.raises(ReadError, match=r"the mask a\.dcm could not be read"):
        dicom_mask(path)
