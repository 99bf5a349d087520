"""The part `attacks`: each attack at each budget, and what is left of the answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.attacks.fgsm import fgsm
from radcnn.attacks.pgd import pgd
from radcnn.core.catalogue import did_you_mean
from radcnn.core.chance import derived_seed
from radcnn.core.errors import InputError, SettingsError
from radcnn.metrics.fidelity import SSIM_REACH, ssim
from radcnn.robustness.attacked import Attacked, AttackedPicture
from radcnn.robustness.curves import Curve, Outcomes, curve
from radcnn.study.listener import Listener
from radcnn.study.stressing.asked import Asked
from radcnn.study.stressing.picturing import pictured
from radcnn.study.stressing.tested import UnderTest

MOST_COMPARED = 100  # cases of which SSIM is computed at each budget
Attack = Callable[..., Tensor]
RESTARTED = ("pgd",)  # what draws random numbers, and takes a seed
ONCE = ("fgsm",)  # what may fail at a larger budget where it succeeded at a smaller one: it looks at one step only
BY_GRADIENT: dict[str, Attack] = {"fgsm": fgsm, "pgd": pgd}


@dataclass(frozen=True, eq=False)
class Attacking:
    """An attack on its way: what each case (n,) looks like now, its logits, and the budget that brought it there."""

    images: Tensor
    logits: Tensor
    at: Tensor


def attacks(test: UnderTest, asked: Asked, place: Path, listener: Listener) -> Attacked:
    """Every asked attack at every budget, on one side's cases.

    Only cases that are right are attacked. What turned a case at one budget turns it at every larger one, so that
    curves of attacks that search fall; FGSM, which looks one step ahead, is made anew at each.
    """
    clean = test.logits(test.images)
    towards = _towards(test, asked)
    units = _unit_of_each(test, asked)
    curves: list[Curve] = []
    pictures: tuple[AttackedPicture, ...] = ()
    for name in asked.attacks:
        found, now = _curve(name, BY_GRADIENT[name], test, asked, clean, towards, units, listener)
        curves.append(found)
        turned = (_aimed(test, clean, towards) & _hit(now.logits, test, towards)).nonzero()[:, 0]
        # the last attack that turned anything: the strongest, as they are usually asked for
        pictures = pictured(name, test, now.images, now.logits, now.at, turned, place) or pictures
    return Attacked(
        side=test.looked.side,
        n=len(test.images),
        patients=len(set(test.patients)),
        unit=test.looked.opened.cohort.unit,
        budgets=(0.0, *asked.budgets),
        budget_unit="noise sd" if asked.in_noise else test.unit,
        intensity_unit=test.unit,
        per_noise=test.median_noise,
        threshold=test.threshold,
        curves=tuple(curves),
        pictures=pictures,
        notes=_notes(test, asked),
    )


def refuse_attacks(test: UnderTest, asked: Asked) -> None:
    """Raise SettingsError or InputError for a class or a budget that this run does not know."""
    _towards(test, asked)
    _unit_of_each(test, asked)


def _unit_of_each(test: UnderTest, asked: Asked) -> Tensor:
    """Prepared values (n,) that a budget of 1 is for each image."""
    if not asked.in_noise:
        return test.per_unit
    if test.median_noise is None:
        raise InputError("no noise was seen in these images, so a budget cannot be in its sds; leave --in-noise out")
    return test.noise


def _towards(test: UnderTest, asked: Asked) -> Tensor | None:
    """The answer (n,) that every case is to be given, or None."""
    target = test.looked.bundle.target
    if asked.towards is None:
        return None
    if target.kind == "multilabel":
        raise SettingsError("--towards names one class, but several labels are asked for at once; leave it out")
    if asked.towards not in target.classes:
        raise SettingsError(f"--towards {asked.towards!r} is no class: {did_you_mean(asked.towards, target.classes)}")
    return torch.full((len(test.images),), float(target.classes.index(asked.towards)))


def _curve(
    name: str, attack: Attack, test: UnderTest, asked: Asked, clean: Tensor, towards: Tensor | None, units: Tensor,
    listener: Listener,
) -> tuple[Curve, Attacking]:  # fmt: skip
    started = time.monotonic()
    aimed = _aimed(test, clean, towards)
    now = _untouched(test, clean)
    outcomes = [_outcomes(0.0, now, test, towards)]
    for step, budget in enumerate(asked.budgets):
        listener.progress(f"attack {name}", step, len(asked.budgets))
        if name in ONCE:
            now = _untouched(test, clean)
        for index, rows in enumerate(test.batches(_standing(now, test, towards, aimed))):
            extra = {"seed": derived_seed(asked.seed, name, index)} if name in RESTARTED else {}
            found = attack(
                test.network,
                test.images[rows],
                test.labels[rows],
                epsilon=budget * units[rows],
                low=test.low[rows],
                high=test.high[rows],
                answers=test.answers,
                towards=None if towards is None else towards[rows],
                **extra,
            )
            now.images[rows] = found
            now.logits[rows] = test.logits(found)
            now.at[rows] = budget
        outcomes.append(_outcomes(budget, now, test, towards))
    listener.progress(f"attack {name}", len(asked.budgets), len(asked.budgets))
    small = min(test.images.shape[2:]) <= 2 * SSIM_REACH
    made = curve(
        name,
        outcomes,
        _numbers(test.labels),
        test.patients,
        aimed=aimed.numpy(),
        towards=asked.towards or "",
        seconds=time.monotonic() - started,
        resamples=test.looked.plan.resamples,
        seed=asked.seed,
        why_no_ssim="images are smaller than SSIM's window" if small else "no image was changed",
    )
    return made, now


def _untouched(test: UnderTest, clean: Tensor) -> Attacking:
    return Attacking(test.images.clone(), clean.clone(), torch.zeros(len(clean)))


def _aimed(test: UnderTest, clean: Tensor, towards: Tensor | None) -> Tensor:
    """The cases (n,) at which success is counted: right without attack, and not of the class that is wanted."""
    right = test.answers.right(clean, test.labels)
    return right if towards is None else right & (test.labels != towards)


def _standing(now: Attacking, test: UnderTest, towards: Tensor | None, aimed: Tensor) -> Tensor:
    """Rows of the cases that are aimed at and not turned yet."""
    return (aimed & ~_hit(now.logits, test, towards)).nonzero()[:, 0]


def _hit(logits: Tensor, test: UnderTest, towards: Tensor | None) -> Tensor:
    if towards is None:
        return ~test.answers.right(logits, test.labels)
    return test.answers.right(logits, towards)


def _outcomes(budget: float, now: Attacking, test: UnderTest, towards: Tensor | None) -> Outcomes:
    answered = test.answers.answered(now.logits)
    alike, ratio = _changes(now.images, test)
    return Outcomes(
        budget,
        test.answers.right(now.logits, test.labels).numpy(),
        _numbers(answered),
        _hit(now.logits, test, towards).numpy(),
        alike,
        ratio,
    )


def _numbers(values: Tensor) -> NDArray[np.float64]:
    return values.double().numpy()


def _changes(images: Tensor, test: UnderTest) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """SSIM with the clean image, and change over noise, of the images that were changed; NaN for the others."""
    apart = (images - test.images).flatten(1)
    size = apart.square().mean(1).sqrt().double().numpy()
    noise = test.noise.double().numpy()
    moved = size > 0
    ratio = np.where(moved & (noise > 0), size / np.where(noise > 0, noise, 1.0), np.nan)
    alike = np.full(len(images), np.nan)
    if min(images.shape[2:]) > 2 * SSIM_REACH:
        for row in np.flatnonzero(moved)[:MOST_COMPARED]:
            wide = float(test.high[row] - test.low[row])
            pairs = zip(images[row].numpy(), test.images[row].numpy(), strict=True)
            alike[row] = np.mean([ssim(one, other, data_range=wide) for one, other in pairs])
    return alike, ratio


def _notes(test: UnderTest, asked: Asked) -> tuple[str, ...]:
    """What a reader must know of the figures."""
    notes = []
    if test.looked.side == "tuning":
        notes.append(
            "These are tuning cases, on which epochs and thresholds were chosen; --open-test attacks test cases."
        )
    wide = ((test.high - test.low) / test.per_unit.clamp(min=1e-12)).median()
    if not asked.in_noise and asked.budgets[-1] > 0.25 * float(wide):
        notes.append(
            f"The largest budget, {asked.budgets[-1]:g} {test.unit}, is {100 * asked.budgets[-1] / float(wide):.0f} % "
            "of the images' range: no small change; --in-noise gives budgets in noise sds."
        )
    return tuple(notes)
