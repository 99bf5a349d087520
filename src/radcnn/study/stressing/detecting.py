"""The part `detector`: whether attacks can be told from images as they are, and by whom the detector is fooled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.attacks.evading import evading
from radcnn.core.chance import derived_seed, generator
from radcnn.core.errors import InputError
from radcnn.metrics.clustered import Floats
from radcnn.metrics.delong import delong_interval
from radcnn.metrics.proportions import proportion
from radcnn.robustness.detected import KNOWING, SENSITIVITY, Detected, DetectedAt
from radcnn.robustness.detector import STATISTICS, FittedDetector, Statistics, fitted, statistics_of
from radcnn.study.listener import Listener
from radcnn.study.stressing.asked import Asked
from radcnn.study.stressing.attacked import goal_of
from radcnn.study.stressing.budgeted import BUDGETED, Goal, given
from radcnn.study.stressing.learned import halves
from radcnn.study.stressing.outside import known_of_training
from radcnn.study.stressing.tested import UnderTest

MOST = 100  # images of each half of patients
TOO_FEW = "too few patients are right without attack to train a detector on one half and judge it on the other"


@dataclass(frozen=True, eq=False)
class _Half:
    """One half of patients: its right images, their statistics as they are, and attacked (attack, budget).

    attacked, images  statistics, images
    """

    goal: Goal
    clean: Floats
    attacked: dict[tuple[str, float], Floats]
    images: dict[tuple[str, float], Tensor]


def detector(test: UnderTest, asked: Asked, place: Path, listener: Listener) -> Detected:  # noqa: ARG001 - no pictures
    """A detector of the asked attacks at every budget, trained on one half of patients and judged on the other."""
    goal = goal_of(test, asked)
    about: dict[str, Any] = {
        "side": test.looked.side,
        "unit": test.looked.opened.cohort.unit,
        "budget_unit": "noise sd" if asked.in_noise else test.unit,
        "towards": goal.name,
        "notes": test.notes,
    }
    parts = halves(goal, asked.seed)
    if parts is None:
        return Detected(n=0, patients=0, trained=0, because=TOO_FEW, **about)
    try:
        known = known_of_training(test, listener)
    except InputError as cause:
        return Detected(n=0, patients=0, trained=0, because=str(cause), **about)
    statistics = Statistics(test.looked.networks, test.answers, known)
    rows = parts[0], parts[1][goal.aimed[parts[1]]]
    learn, judge = (
        _half(goal.of(_some(one, asked.seed, k)), statistics, asked, listener, k) for k, one in enumerate(rows)
    )
    found = fitted(statistics, learn.clean, np.concatenate(list(learn.attacked.values())))
    made = tuple(_rows(found, learn, judge, asked, listener))
    names = judge.goal.test.patients
    return Detected(n=len(names), patients=len(set(names)), trained=len(learn.clean), rows=made, **about)


def _some(rows: Tensor, seed: int, half: int) -> Tensor:
    drawn = generator(seed, "detector", half).permutation(len(rows))[:MOST]
    return rows[torch.from_numpy(np.sort(drawn))]


def _half(goal: Goal, statistics: Statistics, asked: Asked, listener: Listener, half: int) -> _Half:
    """The half's images as they are and attacked, each budget by itself."""
    test = goal.test
    batches = list(test.batches(torch.arange(len(test.images))))
    names = dict.fromkeys((*(name for name in asked.attacks if name in BUDGETED), "pgd"))
    made = _Half(goal, statistics_of(statistics, test.images, batches), {}, {})
    steps = [(name, budget) for name in names for budget in asked.budgets]
    for done, (name, budget) in enumerate(steps):
        listener.progress(f"attacks for the detector, half {half + 1}", done, len(steps))
        way, parts = BUDGETED[name], []
        for index, rows in enumerate(batches):
            seed = {"seed": derived_seed(asked.seed, "detector", half, name, index)} if way.seeded else {}
            parts.append(
                way.attack(test.network, test.images[rows], goal.aim.of(rows), **given(goal, rows, budget), **seed)
            )
        images = torch.cat(parts)
        made.attacked[name, budget], made.images[name, budget] = statistics_of(statistics, images, batches), images
    listener.progress(f"attacks for the detector, half {half + 1}", len(steps), len(steps))
    return made


def _rows(found: FittedDetector, learn: _Half, judge: _Half, asked: Asked, listener: Listener) -> Iterator[DetectedAt]:
    """Every attack at every budget, PGD also by one who knows the detector."""
    for (name, budget), statistics in judge.attacked.items():
        trained = found.of(torch.from_numpy(learn.attacked[name, budget])).numpy()
        limit = float(np.quantile(trained, 1 - SENSITIVITY, method="lower"))
        images = judge.images[name, budget]
        yield _row(name, budget, found, judge, images, statistics, limit)
        if name == "pgd":
            listener.progress("attacks that know the detector", asked.budgets.index(budget), len(asked.budgets))
            images = _knowing(found, judge.goal, images, budget)
            rows = list(judge.goal.test.batches(torch.arange(len(images))))
            yield _row(KNOWING, budget, found, judge, images, statistics_of(found.statistics, images, rows), limit)
    listener.progress("attacks that know the detector", len(asked.budgets), len(asked.budgets))


def _knowing(found: FittedDetector, goal: Goal, start: Tensor, budget: float) -> Tensor:
    test = goal.test
    return torch.cat(
        [
            evading(test.network, found, test.images[r], goal.aim.of(r), start=start[r], **given(goal, r, budget))
            for r in test.batches(torch.arange(len(start)))
        ]
    )


def _row(
    name: str, budget: float, found: FittedDetector, judge: _Half, images: Tensor, statistics: Floats, limit: float
) -> DetectedAt:
    goal, patients = judge.goal, judge.goal.test.patients
    clean, scores = (found.of(torch.from_numpy(one)).numpy() for one in (judge.clean, statistics))
    hit: NDArray[np.bool_] = goal.hit(goal.test.logits(images)).numpy()
    both, truth = (*patients, *patients), np.arange(2 * len(clean)) >= len(clean)
    far = STATISTICS.index("distance")
    return DetectedAt(
        attack=name,
        budget=budget,
        turned=proportion(hit, patients),
        auc=delong_interval(np.concatenate([clean, scores]), truth, both),
        distance=delong_interval(np.concatenate([judge.clean[:, far], statistics[:, far]]), truth, both),
        alarms=proportion(clean >= limit, patients),
        found=proportion(scores >= limit, patients),
        unseen=proportion(hit & (scores < limit), patients),
    )
