"""The cases a reader should look at first: the most confidently wrong ones."""

from __future__ import annotations

import numpy as np

from radcnn.core.prediction import Predictions
from radcnn.evaluation.judgement import WorstCase
from radcnn.evaluation.questions import asked

SHOWN = 20


def worst_cases(predictions: Predictions) -> tuple[WorstCase, ...]:
    """At most twenty wrong cases, the worst first; equal ones in the order of the table.

    Wrong is a probability of the truth below one half (binary, each label), another class on top (multiclass); for
    regression the largest absolute errors.
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
    name, found = predictions.target.names[0], []
    for i in np.flatnonzero(np.isfinite(predictions.targets[:, 0])):
        guess, truth = float(predictions.scores[i, 0]), float(predictions.targets[i, 0])
        found.append(WorstCase(predictions.cases[i], name, f"{truth:.6g}", f"{guess:.6g}", guess, abs(guess - truth)))
    return found
