"""How well features foretell an answer: scores of a small model on patients it was not fitted to.

The score is the mean of a ridge regression on standardised features (what is linear, in milliseconds) and of boosted
trees (thresholds and pairs). Measured on 5,216 chest radiographs, out-of-fold AUC from borders and corners: ridge or
logistic regression 0.93, a random forest 0.96 in four times the time, trees 0.97, the mean of both 0.96.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.data.shortcuts.features import Features, Floats
from radcnn.data.shortcuts.questions import Question
from radcnn.data.stratify import deal
from radcnn.metrics.ranking import auc

FOLDS = 5
RIDGE = 0.1  # of the number of cases: standardised features share their weight rather than cancel
TREES, LEAVES, RATE = 40, 15, 0.15
NAMED = 2  # features that are named as those that tell most


def folds_of(question: Question, seed: int) -> NDArray[np.intp]:
    """The fold (k,) of each case, by patient, so that every fold has its share of patients with yes."""
    _, codes = np.unique(question.patients, return_inverse=True)
    ill = np.bincount(codes, weights=question.yes) > 0
    chance = np.random.default_rng(seed)
    sides = deal([int(one) for one in ill], [0] * ill.size, [1 / FOLDS] * FOLDS, chance)
    dealt: NDArray[np.intp] = np.asarray(sides, dtype=np.intp)[codes]
    return dealt


def foretold(features: Features, question: Question, folds: NDArray[np.intp], seed: int) -> Floats:
    """Scores (k,) of a question's cases, each from a model that saw no case of its patient."""
    scores = np.zeros(question.yes.size)
    for fold in range(FOLDS):
        held = folds == fold
        seen = ~held
        if held.any():
            given = features.columns[seen], question.yes[seen], features.columns[held]
            scores[held] = (_ridge(*given) + _trees(*given, seed)) / 2
    return scores


def _ridge(x: Floats, yes: NDArray[np.bool_], asked: Floats) -> Floats:
    mean, sd = x.mean(axis=0), x.std(axis=0)
    sd[sd < 1e-9 * (1 + np.abs(mean))] = np.inf  # the same in all of these cases
    z = (x - mean) / sd
    weights = np.linalg.solve(z.T @ z + RIDGE * len(z) * np.eye(z.shape[1]), z.T @ (yes - yes.mean()))
    return np.clip(yes.mean() + ((asked - mean) / sd) @ weights, 0.0, 1.0)


def _trees(x: Floats, yes: NDArray[np.bool_], asked: Floats, seed: int) -> Floats:
    from sklearn.ensemble import HistGradientBoostingClassifier  # a second to import

    model = HistGradientBoostingClassifier(
        max_iter=TREES,
        learning_rate=RATE,
        max_leaf_nodes=LEAVES,
        min_samples_leaf=int(np.clip(len(x) // 20, 5, 20)),
        early_stopping=False,
        random_state=seed % 2**32,
    )
    found: Floats = model.fit(x, yes).predict_proba(asked)[:, -1]
    return found


def tells_most(features: Features, question: Question) -> str:
    """The names of the features that tell most by themselves, with their AUC in the better direction."""
    best: dict[str, float] = {}
    for name, column in zip(features.names, features.columns.T, strict=True):
        alone = auc(column, question.yes)
        best[name] = max(best.get(name, 0.0), alone, 1 - alone)
    ordered = sorted(best, key=lambda name: -best[name])[:NAMED]
    return ", ".join(f"{name} ({best[name]:.2f} alone)" for name in ordered)
