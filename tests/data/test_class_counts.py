"""A class that is too small for its split is named with the side, where no rule of splitting refused it before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from radcnn.core.case import Case, Side, Source
from radcnn.core.target import Target
from radcnn.data.class_counts import class_count_findings
from radcnn.data.cohort import Cohort
from radcnn.data.findings import Finding
from radcnn.data.outcome import NotApplicable
from radcnn.data.splits import Split

BINARY = Target("binary", ("malignant",), ("no", "yes"))


def split_cohort(sides: dict[Side, Sequence[float]], target: Target = BINARY, each: int = 1) -> tuple[Cohort, Split]:
    """Cases with these labels on each side, `each` of one patient."""
    labels = [(side, label) for side, found in sides.items() for label in found]
    cases = tuple(
        Case(f"c{i}", f"p{i // each}", Source(Path("x")), (label,) * len(target.names))
        for i, (_, label) in enumerate(labels)
    )
    split = Split(tuple(c.id for c in cases), tuple(side for side, _ in labels), 0, (0.7, 0.15, 0.15), "as given")
    return Cohort(cases, target, "patient", 2), split


def sentences(cohort: Cohort, split: Split, *, folds: int = 0) -> list[str]:
    found = class_count_findings(cohort, split, folds=folds)
    assert isinstance(found, Sequence)
    assert all(isinstance(one, Finding) and one.code == "RC079" for one in found)
    return [one.sentence for one in found]


def test_one_patient_of_a_class_on_a_side_is_too_few_to_judge_by() -> None:
    cohort, split = split_cohort({"training": [0, 1] * 10, "tuning": [0, 0, 1], "test": [0, 0, 1, 1]})
    assert sentences(cohort, split) == ["'malignant' 'yes' has only 1 patient on tuning, and 2 are needed to judge by"]


def test_two_images_of_one_patient_are_one_patient() -> None:
    cohort, split = split_cohort(
        {"training": [0, 0, 1, 1] * 5, "tuning": [0] * 4 + [1] * 2, "test": [0, 1] * 4}, each=2
    )
    assert len(sentences(cohort, split)) == 1


def test_a_class_that_is_missing_altogether_is_another_finding() -> None:
    cohort, split = split_cohort({"training": [0, 1] * 10, "tuning": [0, 0], "test": [0, 0, 1, 1]})
    assert sentences(cohort, split) == []


def test_folds_need_a_patient_of_each_class_each() -> None:
    cohort, split = split_cohort({"training": [0] * 20 + [1, 1], "tuning": [0, 0, 1, 1], "test": [0, 0, 1, 1]})
    assert sentences(cohort, split, folds=4) == []
    assert "4 patients to train and tune on, fewer than the 5 folds" in sentences(cohort, split, folds=5)[0]


def test_every_label_is_asked_and_a_value_is_not() -> None:
    labels = Target("multilabel", ("effusion", "nodule"), ("absent", "present"))
    cohort, split = split_cohort({"training": [0, 1] * 9, "tuning": [0, 0, np.nan, 1], "test": [0, 0, 1, 1]}, labels)
    assert len(sentences(cohort, split)) == 2
    cohort, split = split_cohort(
        {"training": [0.5, 1.5], "tuning": [2.0], "test": [3.0]}, Target("regression", ("age",))
    )
    assert isinstance(class_count_findings(cohort, split), NotApplicable)
