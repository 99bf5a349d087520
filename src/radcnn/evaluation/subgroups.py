"""Subgroup tables: the main figures within each group of a column, and honest silence where a group is small."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from radcnn.core.catalogue import did_you_mean
from radcnn.core.errors import SettingsError
from radcnn.core.estimate import Estimate
from radcnn.core.prediction import Predictions
from radcnn.evaluation.groups import groups
from radcnn.evaluation.judgement import SubgroupRow
from radcnn.evaluation.questions import Asked, asked
from radcnn.evaluation.settings import EvaluationSettings
from radcnn.evaluation.values import Measured, measured
from radcnn.metrics.decided import decision_figures
from radcnn.metrics.delong import delong_interval
from radcnn.metrics.operating import OperatingPoint
from radcnn.metrics.proportions import proportion
from radcnn.metrics.regression import bias, mae

FEWEST = 10  # patients of a group (of each class of it, for ranking) below which a figure would only be noise
Points = tuple[OperatingPoint, ...]


def subgroup_rows(predictions: Predictions, settings: EvaluationSettings, points: Points) -> tuple[SubgroupRow, ...]:
    """One row per group of each asked column and question; raises SettingsError for a column that is not there."""
    rows: list[SubgroupRow] = []
    for column in settings.subgroups:
        if column not in predictions.attributes:
            raise SettingsError(
                f"subgroup column {column!r} is unknown: {did_you_mean(column, predictions.attributes)}"
            )
        for name, inside in groups(predictions.attributes[column]):
            group = predictions.only(inside)
            rows += [_row(column, name, *of) for of in _figures(group, settings, points)]
    return tuple(rows)


Found = tuple[str, int, int, int, dict[str, Estimate]]


def _row(column: str, value: str, question: str, n: int, patients: int, positives: int, figures: dict) -> SubgroupRow:
    return SubgroupRow(column, value, question, n, patients, positives, figures)


def _figures(group: Predictions, settings: EvaluationSettings, points: Points) -> Iterator[Found]:
    for value in measured(group):
        yield _value(value, settings)
    if group.target.kind == "multiclass":
        yield _classes(group, settings)
    for question in asked(group):
        mine = [point for point in points if point.question == question.name]
        yield _question(question, settings, mine[:1])


def enough(estimate: Estimate, patients: int, n: int, whose: str = "") -> Estimate:
    """The estimate, or a missing one when it rests on fewer than FEWEST patients."""
    if patients >= FEWEST:
        return estimate
    people = "patient" if patients == 1 else "patients"
    return Estimate.missing(f"only {patients} {people}{whose}, fewer than {FEWEST}", n, patients)


def _question(question: Asked, settings: EvaluationSettings, points: list[OperatingPoint]) -> Found:
    scores, truth, patients, n = question.scores, question.truth, question.patients, question.truth.size
    ill, well, people = (int(np.unique(patients[side]).size) for side in (truth, ~truth, slice(None)))
    smaller, whose = min((ill, f" with {question.positive}"), (well, f" with {question.negative}"))
    figures = {"auc": enough(delong_interval(scores, truth, patients, level=settings.level), smaller, n, whose)}
    for point in points:
        if point.undefined:
            figures |= {key: Estimate.missing(point.undefined, n, people) for key in ("sensitivity", "specificity")}
            continue
        decided = decision_figures(scores >= point.threshold, truth, patients, level=settings.level)
        figures["sensitivity"] = enough(decided["sensitivity"], ill, n, f" with {question.positive}")
        figures["specificity"] = enough(decided["specificity"], well, n, f" with {question.negative}")
    return question.name, n, people, int(truth.sum()), figures


def _classes(group: Predictions, settings: EvaluationSettings) -> Found:
    known = group.only(np.isfinite(group.targets[:, 0]))
    people = len(set(known.patients))
    right = known.scores.argmax(axis=1) == known.targets[:, 0]
    accuracy = enough(proportion(right, known.patients, level=settings.level), people, len(known))
    return "all classes", len(known), people, 0, {"accuracy": accuracy}


def _value(value: Measured, settings: EvaluationSettings) -> Found:
    given, n, people = (value.guess, value.truth, value.patients), value.truth.size, value.people
    figures = {
        "mae": enough(mae(*given, level=settings.level), people, n),
        "bias": enough(bias(*given, level=settings.level), people, n),
    }
    return value.name, n, people, 0, figures
