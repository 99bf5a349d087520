"""The part `borders`: each case with the frame of another patient's image, and whether its answer turns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.core.errors import SettingsError
from radcnn.core.files import write_bytes
from radcnn.robustness.borders import AtWidth, Bordered, BorderPicture, at_width, donors, frame, pieces
from radcnn.study.listener import Listener
from radcnn.study.pictures import png_of
from radcnn.study.stressing.asked import Asked
from radcnn.study.stressing.picturing import said
from radcnn.study.stressing.sized import mm_of
from radcnn.study.stressing.tested import UnderTest

DONORS = 4  # frames that each case is given, of each kind
SHARES = (1 / 16, 1 / 8)  # widths of the frame, of the shortest side
MOST_PICTURES = 4
Turned = NDArray[np.float64]


def borders(test: UnderTest, asked: Asked, place: Path, listener: Listener) -> Bordered:
    """Frames of two widths (or those asked for), and where a frame is followed, its corners and edges.

    Only cases that are right count; their donors are cases of other patients on the same side.
    """
    rows = test.answers.right(test.logits(test.images), test.labels).nonzero()[:, 0]
    size = tuple(test.images.shape[2:])
    # of several labels the whole list is the kind; one that is not known is like no other
    kinds = [str(label) for label in test.labels.tolist()]
    others, same = (donors(kinds, test.patients, same=one, each=DONORS, seed=asked.seed) for one in (False, True))
    widths = frame_widths(test, asked)
    patients = [test.patients[int(row)] for row in rows]

    def judged(name: str, pixels: int, mask: NDArray[np.bool_]) -> AtWidth:
        listener.progress("swapping borders", done[0], total)
        done[0] += 1
        turned = [_turned(test, rows, given, torch.from_numpy(mask)) for given in (others, same)]
        return at_width(name, pixels, mm_of(test, pixels), float(mask.mean()), turned[0], turned[1], patients)

    done, total = [0], len(widths)
    found = tuple(judged("whole border", pixels, frame(size, pixels)) for pixels in widths)
    places: tuple[AtWidth, ...] = ()
    if found[-1].follows and len(size) == 2:
        total += 8
        places = tuple(judged(name, widths[-1], mask) for name, mask in pieces(size, widths[-1]).items())
    listener.progress("swapping borders", total, total)
    return Bordered(
        side=test.looked.side,
        n=len(rows),
        patients=len(set(patients)),
        unit=test.looked.opened.cohort.unit,
        threshold=test.threshold,
        widths=found,
        places=places,
        pictures=_pictures(test, rows, others, frame(size, widths[-1]), place) if found[-1].follows else (),
        notes=test.notes,
    )


def frame_widths(test: UnderTest, asked: Asked) -> tuple[int, ...]:
    """Widths of the frame in pixels, growing; raises SettingsError for one that leaves nothing of an image."""
    size = tuple(test.images.shape[2:])
    widths = asked.borders or tuple(dict.fromkeys(max(1, round(share * min(size))) for share in SHARES))
    if 2 * widths[-1] >= min(size):
        raise SettingsError(
            f"--border {widths[-1]} leaves nothing of images of {' x '.join(map(str, size))}; take less"
        )
    return widths


def swapped(images: Tensor, frames: Tensor, mask: Tensor) -> Tensor:
    """Images (B, C, *size) with the voxels of mask (*size) of the others."""
    return torch.where(mask, frames, images)


def _turned(test: UnderTest, rows: Tensor, given: Sequence[NDArray[np.intp]], mask: Tensor) -> Turned:
    """The share of its donors by which each case is turned; NaN without donors."""
    pairs = [(k, int(donor)) for k, row in enumerate(rows.tolist()) for donor in given[row]]
    shares = np.full(len(rows), np.nan)
    if not pairs:
        return shares
    place, donor = (torch.tensor(one) for one in zip(*pairs, strict=True))
    right = []
    for part in test.batches(torch.arange(len(pairs))):
        mine = rows[place[part]]
        logits = test.logits(swapped(test.images[mine], test.images[donor[part]], mask))
        right.append(test.answers.right(logits, test.labels[mine]))
    turned = (~torch.cat(right)).double().numpy()
    count = np.bincount(place.numpy(), minlength=len(rows))
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, np.bincount(place.numpy(), turned, len(rows)) / np.maximum(count, 1), np.nan)


def _pictures(
    test: UnderTest, rows: Tensor, others: Sequence[NDArray[np.intp]], mask: NDArray[np.bool_], place: Path
) -> tuple[BorderPicture, ...]:
    """The first cases that are turned by the frame of another class: as they are, the other, and with its frame."""
    made: list[BorderPicture] = []
    for row in rows.tolist():
        if len(made) == MOST_PICTURES:
            break
        for donor in others[row]:
            image, other = test.images[row], test.images[int(donor)]
            new = swapped(image, other, torch.from_numpy(mask))
            logits = test.logits(torch.stack([image, new]))
            if bool(test.answers.right(logits[1:], test.labels[row : row + 1])[0]):
                continue
            made.append(_written(test, row, int(donor), (image, other, new), logits, place))
            break
    return tuple(made)


def _written(
    test: UnderTest, row: int, donor: int, images: tuple[Tensor, Tensor, Tensor], logits: Tensor, place: Path
) -> BorderPicture:
    number = test.numbers[row]
    stem = f"borders-{test.looked.side}-case-{number}"
    files = (f"{stem}-clean.png", f"{stem}-other.png", f"{stem}-swapped.png")
    for file, image in zip(files, images, strict=True):
        write_bytes(place / file, png_of(image.numpy()))
    return BorderPicture(number, test.numbers[donor], files, said(test, logits[0]), said(test, logits[1]))
