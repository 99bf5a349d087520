"""A folder per class: the class is the folder's name; official sides (train, val, test) may lie above the classes."""

from __future__ import annotations

from pathlib import Path

from radcnn.core.case import SIDES, Side, Source
from radcnn.core.errors import InputError
from radcnn.core.files import reading
from radcnn.core.target import LabelKind
from radcnn.data.draft import SIDE_WORDS, Draft
from radcnn.data.findings import Finding, counted, finding
from radcnn.data.labels import labels_from_words
from radcnn.data.listing import is_study
from radcnn.data.read import list_images

MAX_LISTED = 5  # folders named in a message

Listed = list[tuple[Path, str, Side | None]]  # image, class, side


def draft_from_folder(
    root: Path | str, *, name: str = "class", kind: LabelKind | None = None, positive: str | None = None
) -> Draft:
    """The cases of a folder that holds one folder of images per class.

        root/NORMAL/a.png                 root/train/NORMAL/a.png
        root/PNEUMONIA/b.png      or      root/test/PNEUMONIA/b.png     (official sides, kept as a fixed split)

    Classes are sorted; the last one is the positive class of two unless `positive` says otherwise. Raises
    InputError when there is no folder per class, a class folder is empty or an image has no class.
    """
    root = Path(root)
    listed = class_folders(root)
    names = tuple(path.relative_to(root).as_posix() for path, _, _ in listed)
    sides = tuple(side for _, _, side in listed if side is not None)
    findings: tuple[Finding, ...] = ()
    if sides:
        counts = ", ".join(f"{side} {sides.count(side)}" for side in SIDES)
        findings = (finding("fixed split kept", f"the sides given by folders are kept ({counts} cases)"),)
    words = [word for _, word, _ in listed]
    labels = labels_from_words(words, name=name, whose=f"folder {root.name}", kind=kind, positive=positive)
    sources = tuple(Source(path) for path, _, _ in listed)
    return Draft(names, sources, names, labels, sides=sides or None, findings=findings)


def class_folders(root: Path) -> Listed:
    """Every image below `root` with the name of its class folder and, where sides lie above, its side."""
    folders = _subfolders(root)
    if not folders:
        found = "holds no folder per class" if any(root.iterdir()) else "is an empty folder"
        raise InputError(
            f"{root} {found}; make one folder of images for each class, "
            "or give a table of labels (--labels labels.csv --target COLUMN)"
        )
    sides = {folder: SIDE_WORDS.get(folder.name.casefold()) for folder in folders}
    images = list_images(root)
    if not any(sides.values()):
        return [(path, word, None) for path, word in _sorted_into(root, folders, images)]
    strangers = [folder.name for folder, side in sides.items() if side is None]
    if strangers:
        known = [folder.name for folder, side in sides.items() if side is not None]
        raise InputError(
            f"{root} mixes sides ({', '.join(known)}) and other folders ({', '.join(strangers[:MAX_LISTED])}); "
            "keep either sides that hold class folders, or class folders alone"
        )
    _sorted_into(root, folders, images)
    listed: Listed = []
    for folder, side in sides.items():
        classes = _subfolders(folder)
        if not classes:
            raise InputError(f"{folder} holds no folder per class; put its images into one folder for each class")
        inside = [path for path in images if path.is_relative_to(folder)]
        listed += [(path, word, side) for path, word in _sorted_into(folder, classes, inside)]
    return listed


def _subfolders(folder: Path) -> list[Path]:
    """Folders in sorted order, without hidden ones, those archivers leave behind, and studies."""
    with reading(folder):
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder; give the folder that holds the images")
        found = (p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))
        return sorted(p for p in found if not is_study(p))


def _sorted_into(root: Path, folders: list[Path], images: tuple[Path, ...] | list[Path]) -> list[tuple[Path, str]]:
    """Each image with the folder directly below `root` that holds it; raises when an image or a folder is left over."""
    placed = [(path, path.relative_to(root).parts) for path in images]
    placed = [(path, parts) for path, parts in placed if not any(p.startswith((".", "__")) for p in parts)]
    known = {folder.name for folder in folders}
    # an image beside the class folders has no class: nobody should train without noticing that it was left out
    loose = sum(not parts or parts[0] not in known for _, parts in placed)
    if loose:
        raise InputError(
            f"{root} holds {counted(loose, 'image')} beside its class folders, which thus have no class; "
            "move or remove them, or give a table of labels (--labels)"
        )
    empty = sorted(known - {parts[0] for _, parts in placed})
    if empty:
        raise InputError(f"folder {root / empty[0]} holds no image that can be read; fill it or remove it")
    return [(path, parts[0]) for path, parts in placed]
