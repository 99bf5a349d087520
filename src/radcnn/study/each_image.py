"""What `predict` makes of each of several images: a name of its own, and no image that costs the others theirs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from radcnn.core.case import Source
from radcnn.core.errors import InputError, StorageError
from radcnn.core.volume import Units, Volume
from radcnn.data.kind import promised
from radcnn.data.matching import stem
from radcnn.data.reading import Reading
from radcnn.data.units import read_in_unit
from radcnn.study.listener import Listener
from radcnn.study.predicted import FailedImage

LONGEST = 64  # letters of a structure's name in the name of a file

Found = Sequence[tuple[str, Path]]  # what an image is called, and where it is
T = TypeVar("T")
A = TypeVar("A")  # what each image comes with: where it is written, or what of its file is meant


def target_names(found: Found, parts: Sequence[str] = ("",)) -> tuple[str, ...]:
    """What the files of each image are called, below the folder that is written: its own name, without its ending.

    A folder's name has no ending, and that of a file only one that says its format: UIDs have dots, too.

    parts  what is put after a name, for each of several files of one image

    Raises InputError where two images would be written to one file.
    """
    names = tuple(name if item.is_dir() or promised(name) is None else stem(name) for name, item in found)
    taken: dict[str, str] = {}
    for (image, _), name in zip(found, names, strict=True):
        for part in dict.fromkeys(("", *parts)):
            if (other := taken.setdefault(name + part, image)) != image:
                raise InputError(
                    f"{other} and {image} would both be written as {name}{part}; give one of them another name, or "
                    "predict them one after the other"
                )
    return names


def file_words(names: Sequence[str]) -> tuple[str, ...]:
    """Names of structures as parts of file names, each its own.

    >>> file_words(["GTV/CTV", "left lung", "left-lung"])
    ('GTV-CTV', 'left-lung', 'left-lung-2')
    """
    made: list[str] = []
    for name in names:
        word = re.sub(r"[^\w.+]+", "-", name).strip("-.")[:LONGEST] or "structure"
        taken, number, own = {one.casefold() for one in made}, 2, word
        while own.casefold() in taken:
            own, number = f"{word}-{number}", number + 1
        made.append(own)
    return tuple(made)


def read_aloud(
    name: str, source: Source, units: Units, *, hu: bool, listener: Listener
) -> tuple[Volume, Reading]:  # fmt: skip
    """An image for a network that learned from images in a unit; what its reader found is said. Raises as it does."""
    volume, read = read_in_unit(source, units, hu=hu)
    for one in read.nameless(source.path):
        listener.say(f"{name}: {one}")
    return volume, read


def of_each(
    found: Found, targets: Sequence[A], make: Callable[[str, Path, A], T], what: str, listener: Listener
) -> list[T | FailedImage]:
    """What is made of each image by its name, place and target; of one that cannot be used why.

    what  is done, such as "outlining"

    Raises the InputError of a lone image, InputError where none of several can be used, and StorageError at once.
    """
    made: list[T | FailedImage] = []
    causes: list[InputError] = []
    for done, ((name, item), target) in enumerate(zip(found, targets, strict=True), start=1):
        try:
            made.append(make(name, item, target))
        except StorageError:
            raise
        except InputError as cause:
            if len(found) == 1:
                raise
            listener.say(f"{name} was left out: {cause}")
            made.append(FailedImage(name, str(cause)))
            causes.append(cause)
        listener.progress(what, done, len(found))
    if causes and len(causes) == len(found):
        raise InputError(f"none of {len(found)} images could be used; of the first: {causes[0]}") from causes[0]
    return made
