"""Frames of a DICOM SEG on the grid of an image, from plain facts: each lies where it says, what is not there is 0."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import InputError, MisfitError, ReadError
from radcnn.core.volume import Volume
from radcnn.data.dicom.placing import LONE_SLICE_MM, Plane
from radcnn.data.masks.bits import unpacked
from radcnn.data.masks.lattice import Grid, Placement, grid_of, placement, three
from radcnn.data.masks.mask import OVERLAP, Mask, labels_meant, names_kept, on_grid, smallest
from radcnn.data.masks.segments import NOWHERE, SegFrames

Overlap = Literal["refuse", "higher"]
Labelled = tuple[int, NDArray[np.bool_]]  # a label, and where it is


def refuse_other_reference(name: str, mask: str, image: str) -> list[str]:
    """Raise MisfitError when both frames of reference are known and differ; a note where one is not known."""
    if mask and image and mask != image:
        raise MisfitError(
            f"{name} does not fit its image: its frame of reference is another one (FrameOfReferenceUID differs), so "
            "the same millimetres mean other places; give the mask of this image, or register them first",
            "frame of reference",
        )
    if mask and image:
        return []
    whose = "the mask" if not mask else "the image"
    return [f"frames of reference were not compared: that of {whose} is not known"]


class Labels:
    """A label map (D, H, W) that is filled label by label, and refuses or counts overlaps.

    highest  the highest label that will be put in
    overlap  "refuse" refuses two labels in one voxel; "higher" lets the higher number win
    """

    def __init__(self, name: str, like: Volume, highest: int, overlap: Overlap) -> None:
        self.name = name
        self.voxels: NDArray = np.zeros(three(like.size), smallest(0, highest))
        self._overlap = overlap
        self.overlapping = 0  # voxels that lost a label to a higher one

    def put(self, part: NDArray, inside: NDArray[np.bool_], label: int) -> None:
        """Label the voxels of a view of `voxels`; labels must come in rising order."""
        taken = inside & (part != 0) & (part != label)
        if taken.any():
            if self._overlap == "refuse":
                other = int(part[taken].max())
                raise InputError(
                    f"labels {other} and {label} of {self.name} overlap, and a voxel has one label; choose one of them "
                    f"(segment={label}), or let the higher number win (overlap='higher')"
                )
            self.overlapping += int(taken.sum())
        part[inside] = label

    def notes(self) -> list[str]:
        """What became of overlaps."""
        if not self.overlapping:
            return []
        return [OVERLAP.format(self.overlapping)]


def mask_of_frames(
    found: SegFrames,
    pixels: NDArray,
    like: Volume,
    *,
    frame_of_reference: str = "",
    segment: int | str | None = None,
    overlap: Overlap = "refuse",
    segments: Sequence[str] = (),
) -> Mask:
    """The mask of a DICOM SEG (`seg_frames`) on the grid of an image; see `labels_meant` for segment and segments.

    Raises MisfitError when a frame does not lie on a slice of the image, or in another frame of reference; ReadError
    when two frames of a segment lie in one place; InputError when segments overlap, or the one asked for is not there.
    """
    names = {each.number: each.label for each in found.segments}
    label_of = labels_meant(found.name, names, segment, segments)
    notes = refuse_other_reference(found.name, found.frame_of_reference, frame_of_reference)
    places, said = _places(found, like)
    labels = Labels(found.name, like, max(label_of.values(), default=1), overlap)
    size = (1, found.rows, found.columns)
    seen: set[tuple[int, Placement]] = set()
    for i in sorted(range(len(places)), key=lambda i: label_of.get(found.numbers[i], 0)):
        if found.kind != "LABELMAP" and found.numbers[i] not in label_of:
            continue
        if (found.numbers[i], places[i]) in seen:
            raise ReadError(f"{found.name} holds two frames of one segment in one place; export it again")
        seen.add((found.numbers[i], places[i]))
        part = places[i].view(labels.voxels, size)[0]
        for number, inside in _labelled(found, pixels[i], i, label_of.keys()):
            labels.put(part, inside, label_of[number])
    kept = names_kept(names, label_of, segments)
    return on_grid(labels.voxels, like, kept, [*notes, *said, *labels.notes()], labels.overlapping)


def _labelled(found: SegFrames, frame: NDArray, i: int, wanted: Collection[int]) -> Iterator[Labelled]:
    """Each label of a frame with its pixels, in rising order."""
    if found.kind != "LABELMAP":
        yield found.numbers[i], unpacked(frame, found.rows, found.columns)
        return
    for number in np.flatnonzero(np.bincount(frame.reshape(-1))):
        if number and int(number) not in {segment.number for segment in found.segments}:
            raise ReadError(f"{found.name} has pixels of a segment that it does not list; export it again")
        if number in wanted:
            yield int(number), frame == number


def _places(found: SegFrames, like: Volume) -> tuple[list[Placement], list[str]]:
    """Where each frame is in the image, and what could not be compared."""
    placed = NOWHERE not in found.plane_of
    if like.frame == "patient" and like.affine is not None and placed:
        image = grid_of(like)
        known = [_place(found, plane, image) for plane in found.planes]
        return [known[i] for i in found.plane_of], []
    if like.rank == 2 and len(found.planes) <= 1 and _one_frame_each(found.numbers):
        return [_by_size(found, like)] * len(found.numbers), ["the mask's place was not compared, only its size"]
    whose = "the image" if placed else "a frame"
    raise MisfitError(
        f"{found.name} cannot be put onto its image: {whose} does not say where in the patient it lies; "
        "give the DICOM images that were segmented",
        "place",
    )


def _one_frame_each(numbers: Sequence[int]) -> bool:
    return len(set(numbers)) == len(numbers)


def _place(found: SegFrames, plane: Plane, image: Grid) -> Placement:
    """The slice of the image that a frame is."""
    grid = Grid((1, found.rows, found.columns), plane.affine(plane.normal * LONE_SLICE_MM))
    return placement(found.name, grid, image, part=True)


def _by_size(found: SegFrames, like: Volume) -> Placement:
    if like.size != (found.rows, found.columns):
        raise MisfitError(
            f"{found.name} does not fit its image: it has {found.rows} x {found.columns} pixels, the image "
            f"{like.size[0]} x {like.size[1]}; give the mask of this image",
            "size",
        )
    return Placement((0, 1, 2), (False, False, False), (0, 0, 0))
