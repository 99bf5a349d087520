"""An npz file in MedMNIST's form: arrays train_images, train_labels, val_..., test_...; the official split is kept.

The format (Yang et al. 2023, Scientific Data 10:41) knows no patients, although many of its sets hold several images
of one; whoever made the set split it by patient where the source allowed that, so its sides are kept as they are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import SIDES
from radcnn.core.errors import InputError, ReadError, SettingsError
from radcnn.core.target import LabelKind, Target
from radcnn.data.draft import Draft
from radcnn.data.findings import Finding, counted, finding
from radcnn.data.labels import MAX_CLASSES, Labels, labels_from_words
from radcnn.data.npz import NpzStack, NpzStudy, open_npz


def draft_from_npz(
    path: Path | str, *, name: str = "label", kind: LabelKind | None = None, positive: str | None = None
) -> Draft:
    """The cases of an npz file: one per image, called train/0, train/1 ... test/0 ...

    Labels (n,) or (n, 1) are classes "0", "1" ...; (n, k) are k labels, absent or present. A file with `images` and
    `labels` alone has no sides. Raises ReadError when the file is not in this form, InputError when a label occurs
    in one class only.
    """
    study = open_npz(path)
    labels = [_label_rows(study, stack) for stack in study.stacks]
    if len({array.shape[1] for array in labels}) > 1:
        raise ReadError(
            f"the labels of {study.path.name} differ in number of columns between its sides; repair the file"
        )
    if len({(stack.rank, stack.channels) for stack in study.stacks}) > 1:
        raise ReadError(f"the sides of {study.path.name} mix 2D and 3D, or grey and colour, images; repair the file")
    items = [(stack, item) for stack in study.stacks for item in range(stack.n)]
    ids = tuple(f"{stack.array.removesuffix('_images')}/{item}" for stack, item in items)
    sides = tuple(stack.side for stack, _ in items if stack.side is not None)
    findings: tuple[Finding, ...] = ()
    if sides:
        counts = ", ".join(f"{side} {sides.count(side)}" for side in SIDES)
        findings = (finding("fixed split kept", f"the official split of {study.path.name} is kept ({counts} cases)"),)
    return Draft(
        ids=ids,
        named_by="format",
        sources=tuple(study.source(stack, item) for stack, item in items),
        names=ids,
        labels=_labels(study.path, np.concatenate(labels), name, kind, positive),
        sides=sides or None,
        findings=findings,
        has_patients=False,
    )


def _label_rows(study: NpzStudy, stack: NpzStack) -> NDArray:
    """Labels (n, k) of a stack, at least one column of numbers."""
    labels = study.labels(stack)
    if labels.shape[1] == 0:
        raise ReadError(f"{stack.labels} of {study.path.name} has no column; add the labels")
    return labels


def _labels(path: Path, values: NDArray, name: str, kind: LabelKind | None, positive: str | None) -> Labels:
    """Labels (n, k) as a Target and float64 numbers; NaN is not labelled, infinity is refused."""
    numbers = values.astype(np.float64)
    if endless := int(np.isinf(numbers).sum()):
        raise ReadError(f"the labels of {path.name} hold {counted(endless, 'infinite value')}; write NaN for no label")
    if values.shape[1] > 1:
        return _several(path, numbers, name, kind, positive)
    known = numbers[np.isfinite(numbers)]
    whole = bool((known == np.round(known)).all())
    if kind == "regression" or (kind is None and (not whole or len(np.unique(known)) > MAX_CLASSES)):
        if positive is not None:
            raise SettingsError(f"positive={positive!r} fits a binary target; a regression has no classes")
        return Labels(Target("regression", (name,)), numbers)
    words = [f"{value:.0f}" if whole and np.isfinite(value) else str(value) for value in numbers[:, 0]]
    return labels_from_words(words, name=name, whose=path.name, kind=kind, positive=positive)


def _several(
    path: Path, numbers: NDArray[np.float64], name: str, kind: LabelKind | None, positive: str | None
) -> Labels:
    names = tuple(f"{name}{column}" for column in range(numbers.shape[1]))
    if kind == "regression":
        return Labels(Target("regression", names), numbers)
    if kind not in (None, "multilabel") or positive is not None:
        raise SettingsError(f"{path.name} has {len(names)} labels per image, which is a multi-label target")
    for column, label in zip(names, numbers.T, strict=True):
        found = set(label[~np.isnan(label)].tolist())
        if not found <= {0.0, 1.0}:
            raise InputError(f"{column} of {path.name} must be 0 or 1, got {sorted(found - {0.0, 1.0})[:3]}")
        if len(found) < 2:
            raise InputError(f"{column} of {path.name} is the same in every image: nothing can be learned")
    return Labels(Target("multilabel", names, ("absent", "present")), numbers)
