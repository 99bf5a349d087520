"""The part `doubts`: calibration, risk against coverage, sets of classes, and what lies outside of training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from scipy import special

from radcnn.core.errors import InputError
from radcnn.core.estimate import Estimate
from radcnn.core.prediction import Predictions
from radcnn.metrics.calibration import FLOOR
from radcnn.metrics.clustered import Floats
from radcnn.metrics.delong import delong_interval
from radcnn.metrics.selective import risk_coverage
from radcnn.robustness.answers import ANSWERED_AT, Answered
from radcnn.robustness.doubted import Doubt, Doubted, OutsideFound
from radcnn.study.listener import Listener
from radcnn.study.stressing.asked import Asked
from radcnn.study.stressing.calibrating import calibrated
from radcnn.study.stressing.outside import foreign_images, outside
from radcnn.study.stressing.scoring import score
from radcnn.study.stressing.set_making import sets_of_classes
from radcnn.study.stressing.shifted import answered
from radcnn.study.stressing.shifting import threshold_of
from radcnn.study.stressing.spread import dropout_spread, network_spread
from radcnn.study.stressing.tested import UnderTest

Found = TypeVar("Found")
RESAMPLES = 1000


def doubts(test: UnderTest, asked: Asked, place: Path, listener: Listener) -> Doubted:  # noqa: ARG001 - no pictures
    """What the networks' own doubts are worth on one side's cases."""
    said = score(test.looked, test.looked.images)
    tuning = tuning_answers(test)
    here = tuning if test.looked.side == "tuning" else answered(test, said, np.ones(len(said.scores), bool))
    because: dict[str, str] = {}

    def tried(name: str, work: Callable[[], Found], otherwise: Found) -> Found:
        try:
            return work()
        except InputError as cause:
            because[name] = str(cause)
            return otherwise

    foreign = foreign_images(test, asked, listener)  # a folder that cannot be used is the user's to mend
    nothing: tuple[OutsideFound, ...] = ()
    far = tried("outside of training", lambda: outside(test, asked, said, foreign, listener), nothing)
    return Doubted(
        side=test.looked.side,
        n=len(here.scores),
        patients=len(set(here.patients)),
        threshold=test.threshold,
        calibrated=tried("temperature", lambda: calibrated(here, tuning, test.looked.side, seed=asked.seed), None),
        doubts=_doubts(test, here, asked.seed),
        sets=tried("sets of classes", lambda: sets_of_classes(test.looked, here, tuning, seed=asked.seed), ()),
        outside=far,
        because=because,
        notes=(*foreign.notes, *test.notes),
    )


def tuning_answers(test: UnderTest) -> Answered:
    """The tuning scores that the run wrote, out-of-fold where there are folds; of the asked cases alone there."""
    looked = test.looked
    target = looked.bundle.target
    table = Predictions.load(looked.folder.predictions("tuning"), target)
    if looked.side == "tuning":
        place = {case: row for row, case in enumerate(table.cases)}
        rows = np.array([place[case.id] for case in looked.cases], np.intp)
        patients = tuple(table.patients[row] for row in rows)
        return Answered(target, table.scores[rows], table.targets[rows], patients, threshold_of(looked))
    table = table.only(np.asarray(np.isfinite(table.targets).any(axis=1)))
    return Answered(target, table.scores, table.targets, table.patients, threshold_of(looked))


def _doubts(test: UnderTest, here: Answered, seed: int) -> tuple[Doubt, ...]:
    """Each way to doubt, with the wrong answers that it finds."""
    ways = {
        "the score itself": lambda: -sureness(here),
        "spread of the networks": lambda: network_spread(test.looked),
        "spread under dropout": lambda: dropout_spread(test.looked, seed=seed),
    }
    made = []
    for name, way in ways.items():
        try:
            made.append(_doubt(name, way(), here, seed))
        except InputError as cause:
            made.append(Doubt(name, Estimate.missing(str(cause)), because=str(cause)))
    return tuple(made)


def _doubt(name: str, doubt: Floats, here: Answered, seed: int) -> Doubt:
    wrong = ~here.right
    found = delong_interval(doubt, wrong, here.codes)
    if found.undefined:
        reason = "no answer is wrong" if not wrong.any() else "no answer is right"
        found = Estimate.missing(reason, wrong.size, len(set(here.patients)))
    return Doubt(name, found, risk_coverage(-doubt, wrong, here.codes, resamples=RESAMPLES, seed=seed))


def sureness(here: Answered) -> Floats:
    """How far each score is from the other answer (n,): the largest probability of a class, or distance in logits.

    Of a yes/no question from its threshold; of several labels that of the least sure one.
    """
    if here.target.kind == "multiclass":
        return np.asarray(here.scores.max(axis=1))
    at = ANSWERED_AT if here.target.kind == "multilabel" else here.threshold
    logits = special.logit(np.clip(here.scores, FLOOR, 1 - FLOOR)) - special.logit(np.clip(at, FLOOR, 1 - FLOOR))
    return np.asarray(np.abs(logits).min(axis=1))
