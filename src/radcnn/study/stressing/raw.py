"""The attack on raw data: PGD in the line integrals, through reconstruction, on a few cases of CT."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from radcnn.attacks.pgd import PgdSettings, pgd
from radcnn.core.chance import derived_seed, torch_generator
from radcnn.core.errors import SettingsError
from radcnn.data.read import read_source
from radcnn.metrics.clustered import clustered_mean
from radcnn.metrics.proportions import proportion
from radcnn.physics.lower_dose import VIEWS
from radcnn.physics.noise import Dose
from radcnn.robustness.raw_change import OfRawData, RawCase, raw_case
from radcnn.robustness.raw_found import RawAt, RawFound
from radcnn.study.listener import Listener
from radcnn.study.stressing.asked import Asked
from radcnn.study.stressing.budgeted import Goal
from radcnn.study.stressing.searched import some_of
from radcnn.study.stressing.tested import UnderTest

STEPS = PgdSettings(starts=1)  # each step reconstructs the image and projects its slope


def raw_attack(goal: Goal, asked: Asked, listener: Listener) -> RawFound | None:
    """The attack at every budget, on the few cases that are searched for; None where none is right."""
    some = some_of(goal, asked.seed)
    test, count = some.test, len(some.test.images)
    if not count:
        return None
    started, dose = time.monotonic(), Dose(asked.photons)
    tries = []
    for row in range(count):
        listener.progress("attack on raw data", row, count)
        tries.append(_tried(some.of(torch.tensor([row])), _raw(test, row, dose), asked, row))
    listener.progress("attack on raw data", count, count)
    names = test.patients
    points = []
    for k, budget in enumerate(asked.raw_budgets):
        mine = [one.at[k] for one in tries]
        turned, plain = (proportion([getattr(one, name) for one in mine], names) for name in ("turned", "plain"))
        change, noise = (clustered_mean([getattr(one, n) for one in mine], names) for n in ("change_hu", "noise_hu"))
        points.append(RawAt(budget, turned, plain, change, noise))
    shown = clustered_mean([one.dose_hu for one in tries], names)
    return RawFound(goal.name, asked.photons, VIEWS, shown, tuple(points), time.monotonic() - started)


def refuse_raw(test: UnderTest, asked: Asked) -> None:
    """Raise SettingsError, GeometryError or InputError where these images have no raw data that could be projected."""
    if test.unit != "HU":
        raise SettingsError(f"--attack sinogram changes the raw data of CT, and these images are in {test.unit}")
    _raw(test, 0, Dose(asked.photons))


def _raw(test: UnderTest, row: int, dose: Dose) -> RawCase:
    looked = test.looked
    case = looked.opened.cases(looked.rows[test.rows[row : row + 1].numpy()])[0]
    return raw_case(read_source(case.source), looked.bundle.preparation, dose, centre_mm=case.centre_mm)


@dataclass(frozen=True)
class _At:
    """One case at one budget: turned by the attack, by noise; root mean squares of both in HU."""

    turned: bool
    plain: bool
    change_hu: float
    noise_hu: float


@dataclass(frozen=True)
class _Tried:
    """One case at every budget, and the noise sd of its image at the dose."""

    dose_hu: float
    at: tuple[_At, ...]


def _tried(one: Goal, raw: RawCase, asked: Asked, row: int) -> _Tried:
    """What turned a case at one budget turns it at every larger one."""
    test = one.test
    through = OfRawData(test.network, test.images[0], raw, low=float(test.low[0]), high=float(test.high[0])).eval()
    shape = (1, *raw.part.sd.shape)
    dice = torch_generator(asked.seed, "raw noise", row)
    signs = torch.randint(0, 2, shape, generator=dice) * 2.0 - 1
    noisy = _size(raw.change_hu(torch.randn(shape, generator=dice)))
    made, change, turned = [], torch.zeros(shape), False
    ends, plain_hu = torch.full((1,), torch.inf), _size(raw.change_hu(signs))
    for k, budget in enumerate(asked.raw_budgets):
        if not turned:
            change = pgd(
                through, torch.zeros(shape), one.aim, epsilon=torch.full((1,), budget), low=-ends, high=ends,
                settings=STEPS, seed=derived_seed(asked.seed, "raw", row, k),
            )  # fmt: skip
            turned = _hit(one, through, change)
        plain = _hit(one, through, budget * signs)
        made.append(_At(turned, plain, _size(raw.change_hu(change)), budget * plain_hu))
    return _Tried(noisy, tuple(made))


@torch.no_grad()
def _hit(one: Goal, through: OfRawData, change: Tensor) -> bool:
    return bool(one.hit(through(change))[0])


def _size(change: Tensor) -> float:
    return float(np.sqrt(np.mean(change.numpy().astype(np.float64) ** 2)))
