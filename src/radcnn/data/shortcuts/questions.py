"""Questions that a target asks, each with yes and no: one for two classes, one per class or label for more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.target import Target

FEWEST_PATIENTS = 40  # below that, an AUC of 0.8 is no surprise
FEWEST_OF_A_CLASS = 10  # patients with yes, and with no


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked in words, the cases (k,) that have an answer, the answers (k,), and these cases' patients (k,)."""

    words: str
    cases: NDArray[np.intp]
    yes: NDArray[np.bool_]
    patients: NDArray[np.intp]


def questions(target: Target, targets: NDArray[np.float64], patients: NDArray[np.intp]) -> list[Question] | str:
    """Questions with patients enough, those with most in the rarer answer first; else why there is none."""
    known = ~np.isnan(targets).all(axis=1)
    people = int(np.unique(patients[known]).size)
    if people < FEWEST_PATIENTS:
        return f"{people} labelled patients are fewer than {FEWEST_PATIENTS}"
    found = []
    for words, column, wanted in _asked(target, targets):
        cases = np.flatnonzero(~np.isnan(column))
        question = Question(words, cases, wanted[cases], patients[cases])
        if (fewest := _rarer(question)) >= FEWEST_OF_A_CLASS:
            found.append((fewest, question))
    if not found:
        return f"no class is had, and not had, by {FEWEST_OF_A_CLASS} patients each"
    return [question for _, question in sorted(found, key=lambda one: -one[0])]


def _rarer(question: Question) -> int:
    return min(int(np.unique(question.patients[side]).size) for side in (question.yes, ~question.yes))


def _asked(target: Target, targets: NDArray[np.float64]) -> Iterator[tuple[str, NDArray, NDArray[np.bool_]]]:
    """Words, the column and whose answer is yes; a number to be predicted is asked whether it is above its median."""
    first = targets[:, 0]
    if target.kind == "multilabel":
        for name, column in zip(target.names, targets.T, strict=True):
            yield repr(name), column, column > 0
    elif target.kind == "regression":
        for name, column in zip(target.names, targets.T, strict=True):
            yield f"{name!r} above its median", column, column > np.nanmedian(column)
    elif len(target.classes) == 2:
        yield f"{target.classes[1]!r}", first, first == 1
    else:
        for k, name in enumerate(target.classes):
            yield f"{name!r} among {len(target.classes)} classes", first, first == k
