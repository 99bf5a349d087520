"""The cases a reader should look at first: the most confidently wrong ones, or the largest errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.core.prediction import Predictions
from radcnn.evaluation.judgement import WorstCase
from radcnn.evaluation.questions import asked
from radcnn.evaluation.values import measured

SHOWN = 20
MOST_DECIMALS = 4


def worst_cases(predictions: Predictions) -> tuple[WorstCase, ...]:
    """At most twenty wrong cases, the worst first; equal ones in the order of the table.

    Wrong is a probability of the truth below one half (binary, each label), another class on top (multiclass); for
    regression the largest absolute errors, of several values relative to the mean error of each.
    """
    kind = predictions.target.kind
    found = {"regression": _values, "multiclass": _classes}.get(kind, _answers)(predictions)
    return tuple(sorted(found, key=lambda case: -case.wrongness)[:SHOWN])


def _answers(predictions: Predictions) -> list[WorstCase]:
    found = []
    for question in asked(predictions):
        given = np.where(question.truth, question.scores, 1 - question.scores)
        for i in np.flatnonzero(given < 0.5):
            truth, other = question.positive, question.negative
            if not question.truth[i]:
                truth, other = other, truth
            case = predictions.cases[int(question.rows[i])]
            found.append(WorstCase(case, question.name, truth, other, float(question.scores[i]), float(1 - given[i])))
    return found


def _classes(predictions: Predictions) -> list[WorstCase]:
    classes, name = predictions.target.classes, predictions.target.names[0]
    found = []
    for i in np.flatnonzero(np.isfinite(predictions.targets[:, 0])):
        scores, label = predictions.scores[i], int(predictions.targets[i, 0])
        top = int(scores.argmax())
        if top != label:
            wrongness = float(1 - scores[label])
            found.append(
                WorstCase(predictions.cases[i], name, classes[label], classes[top], float(scores[top]), wrongness)
            )
    return found


def _values(predictions: Predictions) -> list[WorstCase]:
    found, several = [], len(predictions.target.names) > 1
    for value in measured(predictions):
        apart = np.abs(value.guess - value.truth)
        unit = float(apart.mean()) if several and apart.any() else 1.0
        digits = decimals_of(value.truth)
        for row, guess, truth, error in zip(value.rows, value.guess, value.truth, apart, strict=True):
            case, true, given = predictions.cases[int(row)], f"{truth:.{digits}f}", f"{guess:.{digits}f}"
            found.append(WorstCase(case, value.name, true, given, float(guess), float(error / unit)))
    return found


def decimals_of(values: NDArray[np.float64]) -> int:
    """Decimals that the values were given with, at most four.

    >>> decimals_of(np.array([12.5, 3.25])), decimals_of(np.array([60.0, 71.0]))
    (2, 0)
    """
    return next((n for n in range(MOST_DECIMALS) if np.allclose(values, np.round(values, n), rtol=0)), MOST_DECIMALS)
