"""Attacks on networks that make images: which run makes what, and how results are told apart from those of labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from radcnn.core.errors import InputError
from radcnn.robustness.dense import DenseAttacked
from radcnn.study.folder import RunFolder, quoted
from radcnn.study.listener import Listener
from radcnn.study.open_study import open_study
from radcnn.study.settings import Makes
from radcnn.study.stressing.asked import Asked
from radcnn.study.stressing.outlined import outline_attacks
from radcnn.study.stressing.parts import PARTS, Result


def makes_of(folder: RunFolder) -> Makes:
    """What a run's networks make; raises InputError where its study cannot be opened."""
    return open_study(folder.study).settings.makes


def image_attacks(
    folder: RunFolder, asked: Asked, *, cases: Sequence[int], most: int | None, open_test: bool, reason: str,
    place: Path, makes: Makes, listener: Listener,
) -> DenseAttacked:  # fmt: skip
    """Attacks on a run that outlines structures or restores images.

    Raises InputError for a run that is not trained to the end.
    """
    if not (folder.bundle / "bundle.json").is_file():
        raise InputError(
            f"{folder.path} is not trained to the end; go on with: radcnn train {quoted(folder.path)} --resume"
        )
    if makes == "restoration":
        raise InputError(f"{folder.path} restores images; attacks are for labels and outlines")
    return outline_attacks(
        folder, open_study(folder.study), asked, cases=cases, most=most, open_test=open_test, reason=reason,
        place=place, listener=listener,
    )  # fmt: skip


def is_of_images(result: Any) -> bool:
    """Whether a result as JSON is of a network that makes images; those of labels have no kind."""
    return isinstance(result, dict) and "kind" in result and "main" in result


def reader_of(name: str, result: Any) -> Callable[[Any], Result]:
    """What reads the result of a part."""
    return DenseAttacked.from_json if is_of_images(result) else PARTS[name].read
