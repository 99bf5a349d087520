"""Pairs from two folders: which image of one folder is to become which of the other.

Images belong together by their path below their folder without its ending: low/p1/ct.nii.gz and full/p1/ct.nii, or the
folders low/p1 and full/p1 of two DICOM series. What all names of a folder share at their beginning or end ("_quarter")
is no part of a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from radcnn.core.case import Source
from radcnn.core.errors import InputError
from radcnn.core.files import reading
from radcnn.core.target import Target
from radcnn.data.draft import Draft
from radcnn.data.findings import counted
from radcnn.data.labels import Labels
from radcnn.data.matching import stem
from radcnn.data.read import list_images

MAX_LISTED = 3  # names in a message
REFERENCE = "reference"


def draft_from_pairs(root: Path | str, reference: Path | str | None) -> Draft:
    """The cases of a folder of images, each with what it is to become.

    reference  a folder with an image for each, by the same name; None: the images are what is wanted

    Raises InputError naming images that have no partner.
    """
    root = Path(root)
    images = listed(root)
    names = tuple(below(path, root) for path in images)
    references = images
    if reference is not None:
        reference = Path(reference)
        with reading(reference):
            same, exists = reference.exists() and reference.samefile(root), reference.is_dir()
        if not exists:
            raise InputError(f"{reference} is not a folder; give the folder of the images that these are to become")
        if same:
            raise InputError(
                f"{reference} holds the images themselves; give the folder of those that they are to become"
            )
        references = matched(images, root, listed(reference), reference)
    labels = Labels(Target("image", (REFERENCE,)), np.zeros((len(images), 1)))
    sources = tuple(Source(path) for path in images)
    return Draft(names, sources, names, labels, references=tuple(Source(path) for path in references))


def matched(images: Sequence[Path], root: Path, references: Sequence[Path], reference_root: Path) -> tuple[Path, ...]:
    """The reference of each image; raises InputError, naming a few, where an image or a reference is alone."""
    ours, theirs = (
        [_name(path, below) for path in paths] for paths, below in ((images, root), (references, reference_root))
    )
    if not set(ours) & set(theirs):
        ours, theirs = _without_shared(ours), _without_shared(theirs)
    for names, paths, where in ((ours, images, root), (theirs, references, reference_root)):
        if len(set(names)) < len(names):
            twice = next(path for name, path in zip(names, paths, strict=True) if names.count(name) > 1)
            raise InputError(f"two images of {where.name} are called {stem(twice.name)}; give each a name of its own")
    by_name = dict(zip(theirs, references, strict=True))
    alone = [path for name, path in zip(ours, images, strict=True) if name not in by_name]
    known = set(ours)
    left = [path for name, path in zip(theirs, references, strict=True) if name not in known]
    if alone or left:
        said = [_alone(paths, where) for paths, where in ((alone, root), (left, reference_root)) if paths]
        raise InputError(f"{' and '.join(said)}; an image and what it is to become need the same name in both folders")
    return tuple(by_name[name] for name in ours)


def _alone(paths: Sequence[Path], root: Path) -> str:
    listed = ", ".join(below(path, root) for path in paths[:MAX_LISTED])
    more = ", ..." if len(paths) > MAX_LISTED else ""
    has = "has" if len(paths) == 1 else "have"
    return f"{counted(len(paths), 'image')} of {root.name} {has} no partner ({listed}{more})"


def listed(root: Path) -> tuple[Path, ...]:
    """The images of a folder; raises InputError where it is none."""
    with reading(root):
        if not root.is_dir():
            raise InputError(f"{root} is not a folder; give the folder that holds the images")
    return list_images(root)


def below(path: Path, root: Path) -> str:
    """A path below a folder, in words; of the folder itself its name."""
    return path.relative_to(root).as_posix() if path != root else path.name


def _name(path: Path, root: Path) -> str:
    """What a pair is matched by; a series that lies directly in its folder has no name, and needs none."""
    if path == root:
        return ""
    below = path.relative_to(root).as_posix()
    return below if path.is_dir() else stem(below)


def _without_shared(names: Sequence[str]) -> list[str]:
    """Names without the beginning and the end that all of them share."""
    if len(names) < 2:
        return list(names)
    first = _shared(names)
    last = _shared([name[first:][::-1] for name in names])
    return [name[first : len(name) - last] for name in names]


def _shared(names: Sequence[str]) -> int:
    """How many characters all names begin with."""
    shortest, longest = min(names), max(names)
    return next((k for k, letter in enumerate(shortest) if longest[k] != letter), len(shortest))
