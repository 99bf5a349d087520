"""Whether every class has patients enough for the split: to learn from, to tune on, and to be judged by."""

from __future__ import annotations

from collections.abc import Sequence

from radcnn.core.case import SIDES
from radcnn.data.cohort import Cohort
from radcnn.data.findings import Finding, counted, finding
from radcnn.data.outcome import NotApplicable, Verdict
from radcnn.data.splits import MIN_PER_SIDE, Split


def class_count_findings(cohort: Cohort, split: Split, *, folds: int = 0) -> Verdict:
    """Classes, or labels present or absent, with too few patients on a side, or for the folds that are planned.

    A split that radcnn makes by classes is refused where it would be so; one that the data bring, a site left out and
    the labels of a multi-label target are not.
    """
    if not cohort.target.classes:
        return NotApplicable("the target is a value or an image, not a class")
    found: list[Finding] = []
    noun = "case" if cohort.unit == "image" else "patient"
    for column, name in enumerate(cohort.target.names):
        for index, word in enumerate(cohort.target.classes):
            what = f"{name!r} {word!r}"
            found += _few_on_a_side(_patients(cohort, split, column, index), what, noun)
            if folds:
                open_patients = sum(_patients(cohort, split, column, index)[:2])
                found += _few_for_folds(open_patients, folds, what, noun)
    return found


def _patients(cohort: Cohort, split: Split, column: int, index: int) -> list[int]:
    """Patients of a class on each side."""
    return [
        len({cohort.cases[i].patient for i in split.of(side) if cohort.cases[i].targets[column] == index})
        for side in SIDES
    ]


def _few_on_a_side(patients: Sequence[int], what: str, noun: str) -> list[Finding]:
    """None at all is another finding: a class that is missing on a side."""
    few = [f"{counted(n, noun)} on {side}" for side, n in zip(SIDES, patients, strict=True) if 0 < n < MIN_PER_SIDE]
    if not few:
        return []
    sentence = f"{what} has only {' and '.join(few)}, and {MIN_PER_SIDE} are needed to judge by"
    return [finding("too few of a class for the split", sentence, "add cases, join classes, or split otherwise")]


def _few_for_folds(patients: int, folds: int, what: str, noun: str) -> list[Finding]:
    if not 0 < patients < folds:
        return []
    sentence = f"{what} has {counted(patients, noun)} to train and tune on, fewer than the {folds} folds"
    return [finding("too few of a class for the split", sentence, "ask for fewer folds (--set training.folds=N)")]
