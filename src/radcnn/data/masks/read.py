"""One way to read a mask: on the grid of its image, whatever file it comes in, or refused by name.

    read_mask("seg.dcm", image)                        every segment of a DICOM SEG, or every ROI of an RTSTRUCT
    read_mask("plan.dcm", image, segment="Liver")      one of them, by name or number
    read_mask("labels.nii.gz", image)                  whole numbers in a NIfTI, npz, PNG or TIFF file

The labels of an image file are its values as they are: a mask of 0 and 255 has the label 255. Where file and image both
say where in the patient they lie, the places must agree; where one does not, only sizes (and spacings) are compared,
and a note says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case, Source
from radcnn.core.errors import InputError, ReadError
from radcnn.core.files import reading
from radcnn.core.volume import Volume
from radcnn.data.archive import headers
from radcnn.data.images import is_jpeg
from radcnn.data.kind import Format, format_of
from radcnn.data.masks.crossing import dicom_mask, frame_of_reference_of
from radcnn.data.masks.lattice import grid_of, placement, refuse_other_size, three
from radcnn.data.masks.mask import NO_PLACES, REORDERED, Mask, as_labels, on_grid
from radcnn.data.masks.outlining import mask_of_contours
from radcnn.data.masks.segments import SegFrames
from radcnn.data.masks.stacking import Overlap, mask_of_frames
from radcnn.data.read import read_noted, read_source
from radcnn.data.reading import Reading

__all__ = ["frame_of_reference_of", "image_and_mask", "mask_on", "read_mask"]

MASK_ARRAYS = ("mask", "label", "segmentation", "seg")  # of an npz file, asked in this order where none is named


def read_mask(
    path: Path | str,
    like: Volume,
    *,
    segment: int | str | None = None,
    frame_of_reference: str = "",
    overlap: Overlap = "refuse",
    array: str | None = None,
    item: int | None = None,
    segments: Sequence[str] = (),
) -> Mask:
    """The mask in a file, on the grid of the image `like`.

    segment  one label alone, which keeps its number; by name only where the file has names (DICOM)
    frame_of_reference  the image's FrameOfReferenceUID (`frame_of_reference_of`); "" where it is not known
    overlap  two labels in one voxel: "refuse" them, or let the "higher" number win
    array, item  which array of an npz file, and which of its items
    segments  names or patterns of DICOM segments: label k is what fits the k-th, from 1 on, and all else is left out

    Raises MisfitError when the mask does not lie on the image's voxels, saying in what and by how many mm; ReadError
    when the file is damaged or its values are no labels; InputError when labels overlap, or the one asked for is not
    there.
    """
    source = Source(Path(path), array, item)
    with reading(source.path):
        form = None if source.path.is_dir() else format_of(source.path)
    if form == "dicom" and (parts := dicom_mask(source.path)) is not None:
        found, numbers = parts
        if isinstance(found, SegFrames):
            return mask_of_frames(
                found, numbers, like, frame_of_reference=frame_of_reference, segment=segment, overlap=overlap,
                segments=segments,
            )  # fmt: skip
        return mask_of_contours(
            found, numbers, like, frame_of_reference=frame_of_reference, segment=segment, overlap=overlap,
            segments=segments,
        )  # fmt: skip
    if segments:
        raise InputError(f"{source.path.name} has numbers without names; give structures by number, such as liver=1")
    _refuse_lossy(source.path, form)
    return mask_of_image(source.path.name, read_source(_named(source, form)), like, segment=segment)


def image_and_mask(case: Case) -> tuple[Volume, Mask]:
    """The image of a case, and its mask on the image's grid; of labels that overlap the higher number wins.

    How many voxels that decides is said in `Mask.overlapping`. Raises as `read` and `read_mask` do.
    """
    assert case.mask is not None, "a case to learn from or to judge by has a mask"
    found = read_noted(case.source)
    return found.volume, mask_on(found, case.mask)


def mask_on(image: Reading, mask: Source) -> Mask:
    """The mask of a case on an image that was read; see `image_and_mask`."""
    return read_mask(
        mask.path, image.volume, frame_of_reference=frame_of_reference_of(image.files), overlap="higher",
        array=mask.array, item=mask.item, segments=mask.segments,
    )  # fmt: skip


def mask_of_image(name: str, found: Volume, like: Volume, *, segment: int | str | None = None) -> Mask:
    """The labels of an image of whole numbers, on the grid of the image `like`; see `read_mask`."""
    if isinstance(segment, str):
        raise InputError(f"{name} has numbers without names; choose a label by its number (segment)")
    labels = as_labels(name, _one_channel(name, found.voxels)).reshape(three(found.size))
    notes = []
    if found.frame == "patient" and like.frame == "patient":
        ours = grid_of(found)
        where = placement(name, ours, grid_of(like))
        if not where.as_stored:
            placed = np.zeros(three(like.size), labels.dtype)
            where.view(placed, ours.size)[...] = labels
            labels = placed
            notes.append(REORDERED)
    else:
        refuse_other_size(name, found, like)
        notes.append(_not_compared(found, like))
    if segment is not None:
        labels = np.where(labels == segment, labels, 0).astype(labels.dtype)
    return on_grid(labels, like, {}, notes)


def _not_compared(found: Volume, like: Volume) -> str:
    if found.frame != "patient" and like.frame != "patient":
        return NO_PLACES
    whose = "the image" if found.frame == "patient" else "the mask"
    return f"places were not compared, only sizes: {whose} does not say where in the patient it lies"


def _refuse_lossy(path: Path, form: Format | None) -> None:
    if form is not None and is_jpeg(path, form):
        what = "is" if form == "jpeg" else "is compressed as"
        raise ReadError(f"{path.name} {what} a JPEG, which changes labels along their edges; save the mask as PNG")


def _named(source: Source, form: Format | None) -> Source:
    """An npz file with its array of labels named, where nobody named one and there is one."""
    if form != "npz" or source.array is not None:
        return source
    known = headers(source.path)
    found = next((name for name in MASK_ARRAYS if name in known), None)
    return source if found is None else Source(source.path, found, source.item)


def _one_channel(name: str, voxels: NDArray) -> NDArray:
    """The one channel of labels, of which a grey mask saved in colour has three."""
    if len(voxels) > 1 and any((voxels[0] != other).any() for other in voxels[1:]):
        raise ReadError(f"{name} holds colours, and which label each means is not said; save whole numbers in gray")
    return voxels[0]
