"""Every regression target is one or more values: a column of predictions beside its truth, where that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.prediction import Predictions
from radcnn.evaluation.curves import floats
from radcnn.evaluation.judgement import AgreementData, Value
from radcnn.evaluation.settings import EvaluationSettings
from radcnn.metrics import regression
from radcnn.metrics.clustered import Floats, clustered_mean

MOST_PAIRS = 5000  # of an agreement plot


@dataclass(frozen=True, eq=False)
class Measured:
    """One value with its cases; only cases whose truth is known.

    guess  (n,) predicted, in the table's unit
    truth  (n,)
    rows   (n,) rows of the predictions
    """

    name: str
    guess: Floats
    truth: Floats
    patients: NDArray[np.str_]
    rows: NDArray[np.intp]

    @property
    def people(self) -> int:
        """How many patients these cases belong to."""
        return int(np.unique(self.patients).size)


def measured(predictions: Predictions) -> tuple[Measured, ...]:
    """The values of a regression target, one per column; none for another target."""
    if predictions.target.kind != "regression":
        return ()
    patients = np.asarray(predictions.patients, dtype=np.str_)
    made = []
    for column, name in enumerate(predictions.target.names):
        rows = np.flatnonzero(np.isfinite(predictions.targets[:, column]))
        guess, truth = predictions.scores[rows, column], predictions.targets[rows, column]
        made.append(Measured(name, guess, truth, patients[rows], rows))
    return tuple(made)


def judge_value(value: Measured, settings: EvaluationSettings) -> Value:
    """Everything about one value."""
    given, level = (value.guess, value.truth, value.patients), settings.level
    low, high = regression.limits_of_agreement(*given, level=level)
    of_median = np.abs(value.truth - np.median(value.truth)) if value.truth.size else value.truth
    figures = {
        "mae": regression.mae(*given, level=level),
        "rmse": regression.rmse(*given, level=level),
        "r2": regression.r2(*given, level=level),
        "bias": regression.bias(*given, level=level),
        "limit_low": low,
        "limit_high": high,
        "mae_of_median": clustered_mean(of_median, value.patients, level=level),
    }
    n = value.truth.size
    kept = np.unique(np.linspace(0, max(n - 1, 0), min(n, MOST_PAIRS)).round().astype(np.intp))
    drawn = floats(value.truth[kept]), floats(value.guess[kept])
    return Value(
        value.name, n, value.people, figures, AgreementData(*drawn, figures["bias"].value, low.value, high.value)
    )
