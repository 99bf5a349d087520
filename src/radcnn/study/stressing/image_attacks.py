"""Attacks on networks that make images: which run makes what, and how results are told apart from those of labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from radcnn.core.errors import InputError
from radcnn.robustness.dense import DenseAttacked
from radcnn.study.folder import quoted
from radcnn.study.stressing.image_request import Request
from radcnn.study.stressing.outlined import outline_attacks
from radcnn.study.stressing.parts import PARTS, Result
from radcnn.study.stressing.restored import restoration_attacks


def image_attacks(request: Request) -> DenseAttacked:
    """Attacks on a run that outlines structures or restores images.

    Raises InputError for a run that is not trained to the end.
    """
    folder = request.folder
    if not (folder.bundle / "bundle.json").is_file():
        raise InputError(
            f"{folder.path} is not trained to the end; go on with: radcnn train {quoted(folder.path)} --resume"
        )
    restores = request.opened.settings.makes == "restoration"
    return restoration_attacks(request) if restores else outline_attacks(request)


def is_of_images(result: Any) -> bool:
    """Whether a result as JSON is of a network that makes images; those of labels have no kind."""
    return isinstance(result, dict) and "kind" in result and "main" in result


def reader_of(name: str, result: Any) -> Callable[[Any], Result]:
    """What reads the result of a part."""
    return DenseAttacked.from_json if is_of_images(result) else PARTS[name].read
