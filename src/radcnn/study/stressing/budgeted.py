"""Attacks with a budget for each voxel, and their curves: FGSM, PGD, Square, and PGD made on another run's network."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radcnn.attacks.answers import Aim, Answers
from radcnn.attacks.fgsm import fgsm
from radcnn.attacks.pgd import PgdSettings, pgd
from radcnn.attacks.query import square
from radcnn.core.chance import derived_seed
from radcnn.metrics.fidelity import SSIM_REACH, ssim
from radcnn.robustness.curves import Curve, Outcomes, curve
from radcnn.study.listener import Listener
from radcnn.study.stressing.asked import Asked
from radcnn.study.stressing.tested import UnderTest

MOST_COMPARED = 100  # changed cases of which SSIM is computed at each budget
FURTHER = PgdSettings(goal="cross-entropy", starts=1, stop=False)  # what only just fools one network fools no other
Attack = Callable[..., Tensor]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Way:
    """How an attack of the catalogue is used.

    once    made anew at each budget from the clean images: it may fail at a larger one than it succeeded at
    seeded  draws random numbers
    """

    attack: Attack
    once: bool = False
    seeded: bool = True


BUDGETED: dict[str, Way] = {
    "fgsm": Way(fgsm, once=True, seeded=False),
    "pgd": Way(pgd),
    "square": Way(square),
}


@dataclass(frozen=True, eq=False)
class Goal:
    """What is wanted of the cases of a test: clean logits, the wanted answer (n,) or None, and how it is called.

    units  (n,) prepared values that a budget of 1 is
    """

    test: UnderTest
    clean: Tensor
    towards: Tensor | None
    name: str
    units: Tensor

    @property
    def aimed(self) -> Tensor:
        """The cases (n,) at which success is counted: right without attack, and not of the class that is wanted."""
        right = self.test.answers.right(self.clean, self.test.labels)
        return right if self.towards is None else right & (self.test.labels != self.towards)

    @property
    def aim(self) -> Aim:
        """What attacks on these cases are told."""
        return Aim(self.test.answers, self.test.labels, self.towards)

    def hit(self, logits: Tensor) -> Tensor:
        """The cases (n,) whose answer is turned, or is the wanted one."""
        return self.aim.fooled(logits)

    def of(self, rows: Tensor) -> Goal:
        """The same of some of the cases."""
        towards = None if self.towards is None else self.towards[rows]
        return Goal(self.test.of(rows), self.clean[rows], towards, self.name, self.units[rows])


@dataclass(frozen=True, eq=False)
class Attacking:
    """An attack on its way: what each case (n,) looks like now, its logits, and the budget that brought it there."""

    images: Tensor
    logits: Tensor
    at: Tensor

    @classmethod
    def untouched(cls, goal: Goal) -> Attacking:
        """Nothing was changed yet."""
        return cls(goal.test.images.clone(), goal.clean.clone(), torch.zeros(len(goal.clean)))

    def take(self, rows: Tensor, images: Tensor, logits: Tensor, budget: float) -> None:
        """Put in what these rows became."""
        self.images[rows], self.logits[rows], self.at[rows] = images, logits, budget


def budgeted(name: str, goal: Goal, asked: Asked, listener: Listener) -> tuple[Curve, Attacking]:
    """The curve of an attack of the catalogue, and what the cases became at the largest budget.

    Only cases that are right are attacked. What turned a case at one budget turns it at every larger one, so that
    curves of attacks that search fall; FGSM, which looks one step ahead, is made anew at each.
    """
    way, test = BUDGETED[name], goal.test

    def step(rows: Tensor, budget: float, index: int) -> Tensor:
        extra = {"seed": derived_seed(asked.seed, name, index)} if way.seeded else {}
        return way.attack(test.network, test.images[rows], goal.aim.of(rows), **given(goal, rows, budget), **extra)

    return along(name, goal, asked, step, listener, once=way.once)


def transferred(
    name: str, surrogate: nn.Module, answers: Answers, goal: Goal, asked: Asked, listener: Listener
) -> tuple[Curve, Attacking]:
    """The curve of PGD made on another network, `surrogate`, whose logits mean `answers`."""
    test = goal.test

    def step(rows: Tensor, budget: float, index: int) -> Tensor:
        told = {**given(goal, rows, budget), "settings": FURTHER}
        aim, seed = replace(goal.aim, answers=answers).of(rows), derived_seed(asked.seed, name, index)
        return pgd(surrogate, test.images[rows], aim, **told, seed=seed)

    return along(name, goal, asked, step, listener)


def along(
    name: str, goal: Goal, asked: Asked, step: Callable[[Tensor, float, int], Tensor], listener: Listener,
    *, once: bool = False,
) -> tuple[Curve, Attacking]:  # fmt: skip
    """The curve of `step`, which gives the rows of a batch attacked at a budget, over growing budgets.

    once  begin anew at each budget
    """
    started, now, test = time.monotonic(), Attacking.untouched(goal), goal.test
    outcomes = [outcomes_of(0.0, now, goal)]
    for done, budget in enumerate(asked.budgets):
        listener.progress(f"attack {name}", done, len(asked.budgets))
        if once:
            now = Attacking.untouched(goal)
        standing = (goal.aimed & ~goal.hit(now.logits)).nonzero()[:, 0]
        for index, rows in enumerate(test.batches(standing)):
            found = step(rows, budget, index)
            now.take(rows, found, test.logits(found), budget)
        outcomes.append(outcomes_of(budget, now, goal))
    listener.progress(f"attack {name}", len(asked.budgets), len(asked.budgets))
    return made_curve(name, outcomes, goal, asked, time.monotonic() - started), now


def made_curve(name: str, outcomes: list[Outcomes], goal: Goal, asked: Asked, seconds: float) -> Curve:
    """The figures of outcomes."""
    test = goal.test
    small = min(test.images.shape[2:]) <= 2 * SSIM_REACH
    return curve(
        name,
        outcomes,
        _numbers(test.labels),
        test.patients,
        aimed=goal.aimed.numpy(),
        towards=goal.name,
        seconds=seconds,
        resamples=test.looked.plan.resamples,
        seed=asked.seed,
        why_no_ssim="images are smaller than SSIM's window" if small else "no image was changed",
    )


def outcomes_of(budget: float, now: Attacking, goal: Goal) -> Outcomes:
    """What the cases came to at one budget."""
    answers, labels = goal.test.answers, goal.test.labels
    alike, ratio = _changes(now.images, goal.test)
    right, hit = answers.right(now.logits, labels).numpy(), goal.hit(now.logits).numpy()
    return Outcomes(budget, right, _numbers(answers.answered(now.logits)), hit, alike, ratio)


def given(goal: Goal, rows: Tensor, budget: float) -> dict[str, Any]:
    """What every attack with a budget is told of some of the cases."""
    test = goal.test
    return {"epsilon": budget * goal.units[rows], "low": test.low[rows], "high": test.high[rows]}


def _numbers(values: Tensor) -> Floats:
    found: Floats = values.double().numpy()
    return found


def _changes(images: Tensor, test: UnderTest) -> tuple[Floats, Floats]:
    """SSIM with the clean image, and change over noise, of the images that were changed; NaN for the others."""
    apart = (images - test.images).flatten(1)
    size = _numbers(apart.square().mean(1).sqrt())
    noise = _numbers(test.noise)
    moved = size > 0
    ratio = np.where(moved & (noise > 0), size / np.where(noise > 0, noise, 1.0), np.nan)
    alike = np.full(len(images), np.nan)
    if min(images.shape[2:]) > 2 * SSIM_REACH:
        for row in np.flatnonzero(moved)[:MOST_COMPARED]:
            wide = float(test.high[row] - test.low[row])
            pairs = zip(images[row].numpy(), test.images[row].numpy(), strict=True)
            alike[row] = np.mean([ssim(one, other, data_range=wide) for one, other in pairs])
    return alike, ratio
