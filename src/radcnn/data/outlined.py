"""Images and their masks: which file is the mask of which image.

Masks lie in a folder of their own (`labels/`), beside their images by a pattern of names (`*_label*`), or in the same
npz files under another name. Images and masks belong together by their names, without what all of them share at their
beginning or end: `p1_0000.nii.gz` and `p1.nii.gz`, `p1.nii` and `p1_seg.nii`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

import numpy as np

from radcnn.core.case import Source
from radcnn.core.errors import InputError
from radcnn.core.files import reading
from radcnn.core.target import Target
from radcnn.data.archive import headers
from radcnn.data.draft import Draft
from radcnn.data.findings import Finding, finding
from radcnn.data.labels import Labels
from radcnn.data.masks.read import MASK_ARRAYS
from radcnn.data.masks.referred import Referred, masks_by_series, referred_below
from radcnn.data.pairing import below, listed, matched

MASK, DICOM = "mask", "dicom"
IMAGE_FOLDERS = ("images", "image", "imagesTr", "imgs")
MASK_FOLDERS = ("labels", "masks", "label", "mask", "labelsTr", "segmentations", "annotations")
WILD = frozenset("*?[")


def masks_meant(root: Path) -> str | None:
    """What a folder says of itself: that it has masks in a folder beside the images, or in its npz files; else None.

    A folder with two folders called images and labels (or the like), or npz files that all hold an image and a mask of
    its size. Nothing else is guessed.
    """
    with reading(root):
        if not root.is_dir():
            return None
        names = [entry.name for entry in root.iterdir() if not entry.name.startswith(".")]
        folders = [name for name in names if (root / name).is_dir()]
        files = sorted(name for name in names if name.lower().endswith(".npz"))
    masks = [name for name in MASK_FOLDERS if name in folders]
    if len(folders) == 2 and len(masks) == 1 and any(name in folders for name in IMAGE_FOLDERS):
        return masks[0]
    if not files or len(files) < len(names):
        return None
    found = {_mask_array(root / name) for name in (files[0], files[-1])}
    return found.pop() if len(found) == 1 else None


def _mask_array(path: Path) -> str | None:
    """The name of the mask in an npz file that also holds an image of its size."""
    known = headers(path)
    if "image" not in known:
        return None
    sizes = {name: header.shape for name, header in known.items()}
    return next((name for name in MASK_ARRAYS if name in sizes and sizes[name] == sizes["image"]), None)


def array_meant(root: Path, name: str) -> bool:
    """Whether the images are npz files that all hold, beside the image, an array of this name and of its size."""
    with reading(root):
        files = sorted(root.glob("*.npz")) if root.is_dir() else []
    for path in {*files[:1], *files[-1:]}:
        known = headers(path)
        if not {"image", name} <= known.keys() or known["image"].shape != known[name].shape:
            return False
    return bool(files)


def draft_from_masks(
    root: Path | str, masks: str, scribbles: str | None = None, *, segments: tuple[str, ...] = ()
) -> Draft:
    """The cases of a folder of images, each with its mask.

    masks      a folder; or a pattern of names below `root`, such as "*_label*"; or the name of an array of npz files;
               or "dicom": SEG and RTSTRUCT objects below `root`, which name their series, as those of a folder do
    scribbles  the same of masks that training sees in the place of these
    segments   names of the segments of DICOM masks that are labels 1, 2, ...; see `Source`

    Raises InputError naming images or masks that have no partner.
    """
    root = Path(root)
    if (folder := _folder(root, masks)) is not None or masks == DICOM:
        referred = referred_below(folder or root)
        if referred.masks:
            images = referred_below(root) if folder else referred
            return _draft_from_objects(root, referred, images, scribbles, segments)
        if folder is None:
            raise InputError(f"there is no DICOM SEG or RTSTRUCT below {root.name}; say where the masks are (--masks)")
    others = () if scribbles is None else (scribbles,)
    if segments:
        raise InputError("only DICOM SEG and RTSTRUCT have names of structures; give numbers, such as liver=1")
    images_root, found = _masked(root, masks, others)
    names = tuple(below(path, images_root) for path in found)
    labels = Labels(Target("mask", (MASK,)), np.zeros((len(found), 1)))
    seen = None
    if scribbles is not None:
        _, drawn = _masked(root, scribbles, (masks,))
        if without := [name for name, path in zip(names, found, strict=True) if path not in drawn]:
            raise InputError(f"{without[0]} has a mask and no scribbles in {scribbles}; every image needs both")
        seen = tuple(drawn[path] for path in found)
    return Draft(
        names, tuple(Source(path) for path in found), names, labels, masks=tuple(found.values()), scribbles=seen
    )


def _draft_from_objects(
    root: Path, masks: Referred, images: Referred, scribbles: str | None, segments: tuple[str, ...]
) -> Draft:
    """The series below a folder that DICOM SEG or RTSTRUCT objects refer to, each with its mask."""
    if scribbles is not None:
        raise InputError("scribbles beside DICOM masks are not read; leave --scribbles out")
    found, bare = masks_by_series(images, masks)
    names = tuple(below(place, root) for place in found)
    said: tuple[Finding, ...] = ()
    if bare:
        sentence = f"{bare} of {bare + len(found)} series have no mask; they take no part in training or evaluation"
        said = (finding("cases without label", sentence, "outline them, or leave them out of the folder"),)
    labels = Labels(Target("mask", (MASK,)), np.zeros((len(found), 1)))
    sources, outlines = zip(*found.values(), strict=True)
    named = tuple(Source(one.place, segments=segments) for one in outlines)
    return Draft(names, sources, names, labels, masks=named, findings=said)


def _masked(root: Path, masks: str, others: Sequence[str]) -> tuple[Path, dict[Path, Source]]:
    """The folder of the images, and each image with its mask; what `others` name are no images."""
    folder = _folder(root, masks)
    beside = [path for path in map(partial(_folder, root), others) if path is not None]

    def is_other(path: Path) -> bool:
        return any(WILD & set(one) and _fits(path, root, one) for one in others) or any(
            path.is_relative_to(one) for one in beside
        )

    if folder is not None:
        images_root = next((root / name for name in IMAGE_FOLDERS if (root / name).is_dir()), root)
        images = [path for path in listed(images_root) if not path.is_relative_to(folder) and not is_other(path)]
        partners = matched(images, images_root, listed(folder), folder)
        return images_root, dict(zip(images, map(Source, partners), strict=True))
    everything = [path for path in listed(root) if not is_other(path)]
    if WILD & set(masks):
        chosen = [path for path in everything if _fits(path, root, masks)]
        images = [path for path in everything if not _fits(path, root, masks)]
        if not chosen or not images:
            what = "no file" if not chosen else "every file"
            raise InputError(f"{what} of {root.name} fits the pattern {masks}; give one that fits the masks alone")
        return root, dict(zip(images, map(Source, matched(images, root, chosen, root)), strict=True))
    for path in everything:
        if path.suffix.lower() != ".npz" or masks not in headers(path):
            raise InputError(
                f"--masks {masks} is no folder, no pattern such as '*_label*', and no array of {below(path, root)}; "
                "say where the masks are"
            )
    return root, {path: Source(path, masks) for path in everything}


def _folder(root: Path, masks: str) -> Path | None:
    with reading(root):
        return next((path for path in (Path(masks), root / masks) if path.is_dir()), None)


def _fits(path: Path, root: Path, pattern: str) -> bool:
    return fnmatchcase(path.name, pattern) or fnmatchcase(below(path, root), pattern)
