"""What is done with DICOM files inside a bounded child: headers become plain values, pixels go into shared memory.

A data set whose headers were asked for is kept until the next reading begins, so that its file is read once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pydicom.pixels  # noqa: F401  (loaded before any file, so that its seconds count for none)

from radcnn.core.errors import RadcnnError
from radcnn.data.bounded.limits import MIB, file_size
from radcnn.data.bounded.tasks import Job, per_file, told
from radcnn.data.dicom.films import region_spacing
from radcnn.data.dicom.frame import Frame, frames_of
from radcnn.data.dicom.header import NO_IMAGES, identity_of, load, place_of, sop_class
from radcnn.data.dicom.jpeg2000 import expect
from radcnn.data.dicom.layout import layout_of
from radcnn.data.dicom.pixels import Understood, understood
from radcnn.data.dicom.refusing import refusing
from radcnn.data.dicom.slices import slices_of
from radcnn.data.dicom.traits import traits_in

MOST_KEPT = 256 * MIB  # bytes of files whose data sets are kept; further ones are read again

_kept: dict[Path, Any] = {}
_kept_bytes = 0
_understood: dict[tuple[Path, int], Understood] = {}  # frames of the data sets that are kept


def identities(job: Job) -> Iterator[Any]:
    """The Identity of each file."""
    return per_file(job, lambda path: asdict(identity_of(path)))


def traits(job: Job) -> Iterator[Any]:
    """The traits of each file's scanner."""
    return per_file(job, traits_in)


def places(job: Job) -> Iterator[Any]:
    """The Place of each file, or None."""

    def one(path: Path) -> Any:
        found = place_of(path)
        return None if found is None else asdict(found)

    return per_file(job, one)


def slices(job: Job) -> Iterator[Any]:
    """Of each file its frames: the Slice, and the PixelFacts or why there are none.

    args: voi; lone says that the file is asked for itself, so that one that is no image is refused, not left out.
    """
    _forget()
    return per_file(job, lambda path: _frames(path, voi=job.args["voi"], lone=job.args["lone"]))


def _frames(path: Path, *, voi: bool, lone: bool) -> list[Any]:
    dataset = _dataset(path)
    with refusing(path.name):
        if sop_class(dataset) in NO_IMAGES or "Rows" not in dataset:
            if lone:
                layout_of(path.name, dataset)  # says what it is instead
            return []
        found = slices_of(path.name, dataset)
        frames = frames_of(dataset, len(found))
        made = [_frame(path, one.as_json(), frame, voi=voi) for one, frame in zip(found, frames, strict=True)]
        if found[0].spacing is None and found[0].plane is None:
            spacing = region_spacing(Frame(dataset))
            for one in made:
                one["slice"]["spacing"] = spacing
        return made


def _frame(path: Path, said: dict[str, Any], frame: Frame, *, voi: bool) -> dict[str, Any]:
    try:
        found = understood(said["name"], frame, voi=voi)
        if path in _kept:
            _understood[path, frame.number] = found
        return {"slice": said, "facts": vars(found.facts())}
    except RadcnnError as error:
        return {"slice": said, "fault": told(error)}


def pixels(job: Job) -> Iterator[Any]:
    """Decode frames of each file into the given stack (channels, slices, rows, columns).

    args: voi; jpeg_2000, how many frames are coded so; own, for each file a list of (frame, place in the stack). A
    second array (slices, rows, columns) takes which pixels are padding. Yields for each file the lowest values that
    are none.
    """
    expect(job.args["jpeg_2000"])
    own = iter(job.args["own"])

    def one(path: Path) -> list[float | None]:
        wanted = next(own)
        return [_decode(path, number, place, job) for number, place in wanted]

    return per_file(job, one)


def _decode(path: Path, number: int, place: int, job: Job) -> float | None:
    found = _understood.get((path, number))
    if found is None:
        found = understood(path.name, Frame(_dataset(path), number), voi=job.args["voi"])
    lowest, padding = found.into(job.arrays[0][:, place])
    if padding is not None and len(job.arrays) > 1:
        job.arrays[1][place] = padding
    return lowest


def _dataset(path: Path) -> Any:
    """The data set of a file, kept while there is room."""
    global _kept_bytes
    if path in _kept:
        return _kept[path]
    dataset, size = load(path), file_size(path)
    if _kept_bytes + size <= MOST_KEPT:
        _kept[path] = dataset
        _kept_bytes += size
    return dataset


def _forget() -> None:
    global _kept_bytes
    _kept.clear()
    _understood.clear()
    _kept_bytes = 0
