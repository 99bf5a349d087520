"""Pictures of turned cases for the report: the image, its change magnified, and the image attacked (Fig. 15)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from radcnn.core.files import write_bytes
from radcnn.robustness.attacked import AttackedPicture
from radcnn.study.pictures import png_of
from radcnn.study.stressing.tested import UnderTest

MOST = 6  # cases that are pictured


def pictured(
    attack: str, test: UnderTest, images: Tensor, logits: Tensor, at: Tensor, rows: Tensor, place: Path
) -> tuple[AttackedPicture, ...]:
    """The first turned cases of an attack, those of the smallest budgets first; PNGs are written to `place`.

    images, logits  of all cases, attacked
    at              (n,) the budget at which each was turned
    rows            of the cases that were turned
    """
    order = torch.sort(at[rows], stable=True).indices
    clean = test.logits(test.images[rows[order][:MOST]])
    return tuple(
        _pictured(attack, test, int(row), images[row], logits[row], before, float(at[row]), place)
        for row, before in zip(rows[order][:MOST], clean, strict=True)
    )


def _pictured(
    attack: str, test: UnderTest, row: int, image: Tensor, after: Tensor, before: Tensor, budget: float, place: Path
) -> AttackedPicture:
    number = test.numbers[row]
    start = test.images[row].numpy()
    change = image.numpy() - start
    most = float(np.abs(change).max())
    low, high = float(start.min()), float(start.max())
    factor = 0.5 * (high - low) / most if most else 1.0
    shown = {"clean": start, "change": (low + high) / 2 + factor * change, "attacked": image.numpy()}
    stem = f"attacks-{test.looked.side}-{attack.replace(' ', '-')}-case-{number}"
    files = []
    for name, values in shown.items():
        file = f"{stem}-{name}.png"
        write_bytes(place / file, png_of(np.clip(values, low, high), low=low, high=high))
        files.append(file)
    return AttackedPicture(
        number, attack, budget, _label(test, row), (files[0], files[1], files[2]), factor,
        said(test, before), said(test, after),
    )  # fmt: skip


def _label(test: UnderTest, row: int) -> str:
    target = test.looked.bundle.target
    label = test.labels[row]
    if target.kind == "multilabel":
        return _names(target.names, label > 0.5)
    return target.classes[int(label)]


def said(test: UnderTest, logits: Tensor) -> str:
    """The answer to one image in words, with its probability."""
    target = test.looked.bundle.target
    answer = test.answers.answered(logits[None])[0]
    scores = test.looked.task.decode(logits[None])[0]
    if target.kind == "multilabel":
        return _names(target.names, answer > 0)
    score = scores[int(answer)] if target.kind == "multiclass" else scores[0]
    of = "" if target.kind == "multiclass" else f" of {target.classes[-1]}"
    return f"{target.classes[int(answer)]} (probability{of} {score:.3f})"


def _names(names: tuple[str, ...], present: Tensor) -> str:
    return ", ".join(name for name, yes in zip(names, present.tolist(), strict=True) if yes) or "no label"
