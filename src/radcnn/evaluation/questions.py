"""Every target but a value is a set of yes/no questions: the columns of scores beside 0/1 truths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.prediction import Predictions
from radcnn.metrics.clustered import Floats
from radcnn.metrics.multiclass import one_hot
from radcnn.metrics.operating import OperatingPoint, choose_threshold


@dataclass(frozen=True, eq=False)
class Asked:
    """One question with its cases; only cases whose answer is known.

    scores  (n,) probability of the positive answer
    truth   (n,) whether the answer is positive
    rows    (n,) rows of the predictions
    """

    name: str
    positive: str
    negative: str
    scores: Floats
    truth: NDArray[np.bool_]
    patients: NDArray[np.str_]
    rows: NDArray[np.intp]


def asked(predictions: Predictions) -> tuple[Asked, ...]:
    """The questions of a binary, multiclass or multi-label target; none for regression."""
    target, truth = predictions.target, predictions.targets
    if target.kind == "regression":
        return ()
    if target.kind == "binary":
        names = [(target.names[0], target.classes[1], target.classes[0])]
        truth = truth[:, :1]
    elif target.kind == "multiclass":
        names = [(name, name, f"not {name}") for name in target.classes]
        truth = np.where(np.isnan(truth[:, :1]), np.nan, one_hot(truth[:, 0], len(target.classes)))
    else:
        names = [(name, "present", "absent") for name in target.names]
    return tuple(_one(predictions, truth[:, column], column, *name) for column, name in enumerate(names))


def _one(predictions: Predictions, truth: Floats, column: int, name: str, positive: str, negative: str) -> Asked:
    rows = np.flatnonzero(np.isfinite(truth))
    patients = np.asarray(predictions.patients, dtype=np.str_)[rows]
    return Asked(name, positive, negative, predictions.scores[rows, column], truth[rows] > 0, patients, rows)


def choose_operating_points(predictions: Predictions, rules: tuple[str, ...]) -> tuple[OperatingPoint, ...]:
    """The points that rules such as "youden" or "sensitivity>=0.95" choose on these tuning predictions, per question.

    Undefined, with the reason, for a question that the tuning set answers one way only; none for regression.
    Raises SettingsError for an unknown rule.
    """
    return tuple(
        choose_threshold(question.scores, question.truth, rule=rule, chosen_on="tuning", question=question.name)
        for question in asked(predictions)
        for rule in rules
    )


def labelled(predictions: Predictions) -> Predictions:
    """Only the cases with at least one label."""
    return predictions.only(np.asarray(np.isfinite(predictions.targets).any(axis=1)))
