"""What the report counts: cases per class or label, of those where it is known."""

from __future__ import annotations

import numpy as np

from radcnn.core.target import Target
from radcnn.reports.story import ClassCount
from radcnn.study.reporting import class_counts

NAN = np.nan


def test_labels_are_counted_where_they_are_known() -> None:
    target = Target("multilabel", ("mass", "nodule"), ("absent", "present"))
    truth = np.array([[1, 0], [NAN, 1], [0, 1], [0, 1]])
    assert class_counts(target, truth) == (ClassCount("mass", 1, 3, 1), ClassCount("nodule", 3, 4, 0))
    assert class_counts(target, truth[:0]) == (ClassCount("mass", 0, 0, 0), ClassCount("nodule", 0, 0, 0))


def test_classes_are_counted_and_values_are_not() -> None:
    grades = Target("multiclass", ("grade",), ("low", "middle", "high"))
    assert [(c.name, c.cases, c.labelled) for c in class_counts(grades, np.array([[2.0], [0.0], [2.0]]))] == [
        ("low", 1, 3), ("middle", 0, 3), ("high", 2, 3),
    ]  # fmt: skip
    assert class_counts(Target("regression", ("age",)), np.array([[2.0]])) == ()
