"""The part `attacks`: every attack that is asked for, and what is left of the answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from radcnn.attacks.masking import Sign, masking_signs
from radcnn.core.catalogue import did_you_mean
from radcnn.core.errors import InputError, SettingsError
from radcnn.robustness.attacked import Attacked, AttackedPicture
from radcnn.robustness.counted import FewPixels, Patched, Smallest
from radcnn.robustness.curves import Curve
from radcnn.study.listener import Listener
from radcnn.study.stressing.asked import Asked
from radcnn.study.stressing.budgeted import BUDGETED, Attacking, Goal, budgeted, transferred
from radcnn.study.stressing.learned import halves, patches, universal
from radcnn.study.stressing.picturing import pictured
from radcnn.study.stressing.raw import raw_attack, refuse_raw
from radcnn.study.stressing.searched import few_pixels, smallest
from radcnn.study.stressing.surrogate import surrogate_of
from radcnn.study.stressing.tested import UnderTest

LEAST_CHECKED, MOST_CHECKED = 10, 100  # cases that the checks of masking are made on
MOST_VOXELS_CHECKED = 1 << 18  # of these cases together: the checks look at each some 500 times
WIDE = 0.25  # of an image's range: a budget beyond it is no small change


def attacks(test: UnderTest, asked: Asked, place: Path, listener: Listener) -> Attacked:
    """Every asked attack at every budget, on one side's cases; pictures of turned cases are written to `place`."""
    goal = goal_of(test, asked)
    curves: list[Curve] = []
    pictures: tuple[AttackedPicture, ...] = ()
    for name in asked.attacks:
        if name in BUDGETED:
            made, now = budgeted(name, goal, asked, listener)
            curves.append(made)
            # of the last attack that turned anything: the strongest, as they are usually asked for
            pictures = _pictures(name, goal, now, place) or pictures
    curves += _others(goal, asked, listener)
    signs, budget = _masking(goal, curves, asked, listener)
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
        place="voxel" if test.images.ndim == 5 else "pixel",
        pixels=_pixels(goal, asked, listener),
        patches=_patches(goal, asked, listener),
        smallest=_smallest(goal, asked, listener),
        raw=raw_attack(goal, asked, listener) if "sinogram" in asked.attacks else None,
        masking=signs,
        masking_budget=budget,
        pictures=pictures,
        notes=(*test.notes, *_notes(test, asked), *_too_few(goal, asked)),
    )


def refuse_attacks(test: UnderTest, asked: Asked) -> None:
    """Raise SettingsError or InputError for a class, a budget or another run that this run does not go with."""
    _towards(test, asked)
    _unit_of_each(test, asked)
    if "sinogram" in asked.attacks:
        refuse_raw(test, asked)
    if asked.surrogate is not None:
        surrogate_of(test, asked.surrogate)


def goal_of(test: UnderTest, asked: Asked) -> Goal:
    """What is wanted of the cases."""
    clean, towards = test.logits(test.images), _towards(test, asked)
    return Goal(test, clean, towards, asked.towards or "", _unit_of_each(test, asked))


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


def _others(goal: Goal, asked: Asked, listener: Listener) -> list[Curve]:
    """The curves that need more than the run's network and each case."""
    made = []
    if asked.surrogate is not None:
        other, network, answers = surrogate_of(goal.test, asked.surrogate)
        made.append(transferred(f"pgd on {other}", network, answers, goal, asked, listener)[0])
    if "universal" in asked.attacks:
        found = universal(goal, asked, listener)
        made += [found[0]] if found is not None else []
    return made


def _both_ways(goal: Goal) -> tuple[Goal, ...]:
    """Any wrong answer, and the wanted class where there is one: to turn an answer is easier than to choose it."""
    return (goal,) if goal.towards is None else (replace(goal, towards=None, name=""), goal)


def _pixels(goal: Goal, asked: Asked, listener: Listener) -> tuple[FewPixels, ...]:
    if "one-pixel" not in asked.attacks:
        return ()
    ways = [one for one in _both_ways(goal) if one.aimed.any()]
    return tuple(found for one in ways for found in few_pixels(one, asked, listener))


def _patches(goal: Goal, asked: Asked, listener: Listener) -> tuple[Patched, ...]:
    if "patch" not in asked.attacks:
        return ()
    return tuple(found for one in _both_ways(goal) for found in patches(one, asked, listener))


def _smallest(goal: Goal, asked: Asked, listener: Listener) -> tuple[Smallest, ...]:
    return (smallest(goal, asked, listener),) if "l-bfgs" in asked.attacks and goal.aimed.any() else ()


def _pictures(name: str, goal: Goal, now: Attacking, place: Path) -> tuple[AttackedPicture, ...]:
    turned = (goal.aimed & goal.hit(now.logits)).nonzero()[:, 0]
    return pictured(name, goal.test, now.images, now.logits, now.at, turned, place)


def _masking(
    goal: Goal, curves: list[Curve], asked: Asked, listener: Listener
) -> tuple[tuple[Sign, ...], float | None]:
    """The checks of masking where PGD was asked for, at the budget where it turns nearest to half of the cases."""
    found = next((one for one in curves if one.attack == "pgd"), None)
    able = max(LEAST_CHECKED, min(MOST_CHECKED, MOST_VOXELS_CHECKED // goal.test.images[0, 0].numel()))
    rows = goal.aimed.nonzero()[:, 0][:able]
    if found is None or not len(rows):
        return (), None
    budget = min(found.points[1:], key=lambda point: abs(point.success.value - 0.5)).budget
    listener.progress("checking for gradient masking", 0, 1)
    some = goal.of(rows)
    test = some.test
    signs = masking_signs(
        test.network, test.images, replace(some.aim, towards=None), epsilon=budget * some.units, low=test.low,
        high=test.high, seed=asked.seed,
    )  # fmt: skip
    listener.progress("checking for gradient masking", 1, 1)
    return signs, budget


def _notes(test: UnderTest, asked: Asked) -> tuple[str, ...]:
    """What a reader must know of the figures."""
    notes = []
    wide = float(((test.high - test.low) / test.per_unit.clamp(min=1e-12)).median())
    if not asked.in_noise and asked.budgets[-1] > WIDE * wide:
        notes.append(
            f"The largest budget, {asked.budgets[-1]:g} {test.unit}, is {100 * asked.budgets[-1] / wide:.0f} % of the "
            "images' range: no small change; --in-noise gives budgets in noise sds."
        )
    return tuple(notes)


def _too_few(goal: Goal, asked: Asked) -> tuple[str, ...]:
    wanted = {"universal", "patch"} & set(asked.attacks)
    if not wanted or halves(goal, asked.seed) is not None:
        return ()
    return ("Too few patients are right without attack to learn a change on one half and judge it on the other.",)
