"""The cases a reader should look at first: the most confidently wrong ones."""

from __future__ import annotations

import numpy as np

from radcnn.core.prediction import Predictions
from radcnn.evaluation.judgement import WorstCase
from radcnn.evaluation.questions import asked
from radcnn.evaluation.values import measured

SHOWN = 20


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
        for row, guess, truth, error in zip(value.rows, value.guess, value.truth, apart, strict=True):
            case = predictions.cases[int(row)]
            found.append(WorstCase(case, value.name, f"{truth:.6g}", f"{guess:.6g}", float(guess), float(error / unit)))
    return found
