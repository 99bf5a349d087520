"""What is done with a DICOM mask inside a bounded child: facts become plain values, pixels and points shared memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.pixels  # noqa: F401  (loaded before any file, so that its seconds count for none)

from radcnn.core.settings import to_plain
from radcnn.data.bounded.tasks import Job, per_file
from radcnn.data.dicom.header import load, sop_class, text
from radcnn.data.dicom.refusing import refusing
from radcnn.data.masks.contours import RTSTRUCT_CLASS, rtstruct_contours
from radcnn.data.masks.segments import SEG_CLASSES, seg_frames, seg_pixels

REFERRING = ["SOPClassUID", "SeriesInstanceUID", "ReferencedSeriesSequence", "ReferencedFrameOfReferenceSequence"]


def masks(job: Job) -> Iterator[Any]:
    """Of one file {"seg": SegFrames} or {"contours": Contours}, its array in a room; None for another object."""
    (path,) = map(Path, job.args["paths"])
    with job.limited(path):
        yield _mask(path, job)


def _mask(path: Path, job: Job) -> Any:
    dataset = load(path)
    with refusing(path.name):
        kind = sop_class(dataset)
    if kind in SEG_CLASSES:
        frames = seg_frames(path.name, dataset)
        seg_pixels(frames, dataset, job.room(frames.shape, frames.dtype))
        return {"seg": to_plain(frames)}
    if kind == RTSTRUCT_CLASS:
        contours, points = rtstruct_contours(path.name, dataset)
        if len(points):
            job.room(points.shape, np.float64)[...] = points
        return {"contours": to_plain(contours)}
    return None


def referring(job: Job) -> Iterator[Any]:
    """Of each file its own series, whether it is a mask (SEG, RTSTRUCT), and which series it refers to."""

    def one(path: Path) -> Any:
        dataset = load(path, pixels=False, tags=REFERRING)
        with refusing(path.name):
            is_mask = sop_class(dataset) in (*SEG_CLASSES, RTSTRUCT_CLASS)
            return {
                "series": text(dataset, "SeriesInstanceUID"), "is_mask": is_mask,
                "refers": sorted(set(_series_in(dataset))) if is_mask else [],
            }  # fmt: skip

    return per_file(job, one)


def _series_in(dataset: Any) -> Iterator[str]:
    """SeriesInstanceUIDs of the sequences that a mask refers by."""
    for one in dataset.get("ReferencedSeriesSequence") or []:
        yield text(one, "SeriesInstanceUID")
    for frame in dataset.get("ReferencedFrameOfReferenceSequence") or []:
        for study in frame.get("RTReferencedStudySequence") or []:
            for one in study.get("RTReferencedSeriesSequence") or []:
                yield text(one, "SeriesInstanceUID")


def references(job: Job) -> Iterator[Any]:
    """FrameOfReferenceUID of each file; "" where it has none."""

    def one(path: Path) -> str:
        dataset = load(path, pixels=False, tags=["FrameOfReferenceUID"])
        with refusing(path.name):
            return text(dataset, "FrameOfReferenceUID")

    return per_file(job, one)
