"""What is learned on one half of the patients and judged on the other: one change for all images, and patches."""

from __future__ import annotations

import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.attacks.patch import learned_patch, patch_side, with_patch
from radcnn.attacks.universal import changed, learned_change
from radcnn.core.chance import derived_seed, generator, torch_generator
from radcnn.core.estimate import Estimate
from radcnn.metrics.proportions import mean_share
from radcnn.robustness.counted import Patched
from radcnn.robustness.curves import Curve
from radcnn.study.listener import Listener
from radcnn.study.stressing.asked import Asked
from radcnn.study.stressing.budgeted import Attacking, Goal, made_curve, outcomes_of
from radcnn.study.stressing.sized import mm_of

PLACES = 4  # at which each case is given a patch
FEWEST = 4  # patients in all


def halves(goal: Goal, seed: int) -> tuple[Tensor, Tensor] | None:
    """Rows that are learned on (right without attack) and rows that are judged, of different patients; None of too few.

    Judged are all cases of their half, since robust accuracy counts all.
    """
    names = np.asarray(goal.test.patients)
    people = np.array(list(dict.fromkeys(names)))
    if len(people) < FEWEST:
        return None
    first = generator(seed, "halves").permutation(len(people))[: len(people) // 2]
    mine = torch.from_numpy(np.isin(names, people[first]))
    learn, judge = (mine & goal.aimed).nonzero()[:, 0], (~mine).nonzero()[:, 0]
    return (learn, judge) if len(learn) and bool(goal.aimed[judge].any()) else None


def universal(goal: Goal, asked: Asked, listener: Listener) -> tuple[Curve, Attacking] | None:
    """The curve of one change for all images, on the half of patients it was not learned on; None of too few."""
    parts = halves(goal, asked.seed)
    if parts is None:
        return None
    started, learn, judge = time.monotonic(), goal.of(parts[0]), goal.of(parts[1])
    now = Attacking.untouched(judge)
    outcomes = [outcomes_of(0.0, now, judge)]
    for done, budget in enumerate(asked.budgets):
        listener.progress("attack universal", done, len(asked.budgets))
        mine = learn.test
        change = learned_change(
            mine.network, mine.images, learn.aim, epsilon=budget * learn.units, low=mine.low, high=mine.high,
            seed=derived_seed(asked.seed, "universal", done),
        )  # fmt: skip
        now, rows = Attacking.untouched(judge), judge.aimed.nonzero()[:, 0]
        other = judge.test.of(rows)
        images = changed(other.images, change, epsilon=budget * judge.units[rows], low=other.low, high=other.high)
        now.take(rows, images, judge.test.logits(images), budget)
        outcomes.append(outcomes_of(budget, now, judge))
    listener.progress("attack universal", len(asked.budgets), len(asked.budgets))
    return made_curve("universal", outcomes, judge, asked, time.monotonic() - started), now


def patches(goal: Goal, asked: Asked, listener: Listener) -> tuple[Patched, ...]:
    """A patch for each area, beside a patch of noise of its size; none of too few patients."""
    parts = halves(goal, asked.seed)
    if parts is None:
        return ()
    learn, judge = goal.of(parts[0]), goal.of(parts[1][goal.aimed[parts[1]]])
    made = []
    for done, area in enumerate(asked.areas):
        listener.progress("attack patch", done, len(asked.areas))
        started, mine = time.monotonic(), learn.test
        patch = learned_patch(
            mine.network, mine.images, learn.aim, low=mine.low, high=mine.high, area=area, seed=asked.seed
        )
        noise = torch.rand(patch.shape, generator=torch_generator(asked.seed, "noise patch", done))
        turned, plain = (_turned(judge, one, asked.seed) for one in (patch, noise))
        side = patch_side(area, goal.test.images.shape[2:])
        mm = mm_of(goal.test, side)
        made.append(Patched(area, side, mm, goal.name, turned, plain, time.monotonic() - started))
    listener.progress("attack patch", len(asked.areas), len(asked.areas))
    return tuple(made)


def _turned(judge: Goal, patch: Tensor, seed: int) -> Estimate:
    """The share of places at which a patch turns each case, on average over the cases."""
    test = judge.test
    shares: NDArray[np.float64] = np.zeros(len(test.images))
    for place in range(PLACES):
        dice = torch_generator(seed, "places", place)
        for rows in test.batches(torch.arange(len(test.images))):
            some = judge.of(rows)
            shown = with_patch(some.test.images, patch, low=some.test.low, high=some.test.high, dice=dice)
            shares[rows.numpy()] += some.hit(test.logits(shown)).double().numpy() / PLACES
    return mean_share(shares, test.patients)
