"""Training against attacks in a study: how far they may go on each case, and what came of it, measured at the end."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radcnn.attacks.answers import Aim, Answers
from radcnn.attacks.fgsm import fgsm
from radcnn.attacks.hardening import own_range
from radcnn.attacks.pgd import PgdSettings, pgd
from radcnn.core.errors import InputError, SettingsError
from radcnn.core.estimate import Estimate
from radcnn.core.settings import fields_to_plain, from_plain
from radcnn.data.prepared.cases import Images
from radcnn.data.read import read_source
from radcnn.learning.lessons import Development
from radcnn.metrics.noise_level import noise_sd
from radcnn.metrics.proportions import proportion
from radcnn.plan.adversarial import budget_unit
from radcnn.plan.settings import Plan
from radcnn.study.folder import RunFolder, read_record
from radcnn.study.listener import Listener
from radcnn.study.looking import scale_of_volume
from radcnn.study.open_study import OpenStudy
from radcnn.transforms.intensity import linear_map
from radcnn.transforms.preparation import Preparation

CHECKED = 100  # tuning cases that the trained network is attacked on, at most
VOXELS = 1 << 21  # of a batch of them
SEVERAL = PgdSettings(steps=10, starts=1, from_fgsm=False)
COLLAPSED = 0.5  # of what holds against one step: a network of which less holds against ten learned the one step
COLLAPSE = (
    "Ten steps turn far more than one: the network learned to withstand the one step that it was shown, and is not "
    "robust (catastrophic overfitting). Train it against pgd, or within a smaller budget."
)
RECORD = "adversarial"  # its place in run.json


@dataclass(frozen=True)
class Hardened:
    """What the first network's answers to some of its tuning cases are worth, as they are and under attack.

    words      what was trained against
    costs      how many times a step cost
    clean, one_step, several  shares of right answers: without attack, under FGSM and PGD of 10 steps at the budget
    """

    words: str
    costs: float
    clean: Estimate
    one_step: Estimate
    several: Estimate

    @property
    def collapsed(self) -> bool:
        """Whether what was learned is the one step alone: catastrophic overfitting."""
        return self.several.value < COLLAPSED * self.one_step.value

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a reader must know of it."""
        made = (
            f"The networks were trained against attacks: {self.words}; a step cost {self.costs:.2g} times as much. On "
            f"{self.clean.n} tuning cases the first one is right in {self.clean}, under one step (FGSM) at that budget "
            f"in {self.one_step}, under ten (PGD) in {self.several}. This says nothing of other budgets, of attacks of "
            "another kind, or of other scanners; radcnn stress measures them."
        )
        if not self.collapsed:
            return (made,)
        return made, COLLAPSE

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        plain: dict[str, Any] = fields_to_plain(self)
        return plain

    @classmethod
    def from_json(cls, value: Any) -> Hardened:
        """The inverse of as_json; raises SettingsError for anything else."""
        return from_plain(cls, value, "what training against attacks came to")


def attack_words(opened: OpenStudy, plan: Plan) -> str:
    """What the plan trains against, with its cost, in words; empty where it does not.

    Raises InputError where images are in several units.
    """
    attacks = plan.training.adversarial
    if attacks is None:
        return ""
    return attacks.words(budget_unit(opened.fingerprint.units))


def reach(
    opened: OpenStudy, plan: Plan, order: NDArray[np.intp], images: Images, listener: Listener
) -> NDArray[np.float32] | None:
    """How far attacks may change each case (n,) in prepared values, as the plan says; None without attacks.

    order  rows of the cases in the cohort; images are theirs

    Raises InputError where images are in several units, or where no noise was seen that a budget could be a part of.
    """
    attacks = plan.training.adversarial
    if attacks is None:
        return None
    budget_unit(opened.fingerprint.units)
    units = _noises(images, listener) if attacks.in_noise else _gains(opened, plan.preparation, order)
    return np.float32(attacks.budget) * units.astype(np.float32)


def _noises(images: Images, listener: Listener) -> NDArray[np.float64]:
    """The noise sd of each prepared image; the median of the others where none was seen."""
    found = np.empty(len(images))
    for row in range(len(images)):
        found[row] = noise_sd(images[row])
        listener.progress("measuring the noise of images", row + 1, len(images))
    seen = np.isfinite(found) & (found > 0)
    if not seen.any():
        raise InputError("no noise was seen in these images; give adversarial_budget in their unit, without in_noise")
    return np.where(seen, found, np.median(found[seen]))


def _gains(opened: OpenStudy, preparation: Preparation, order: NDArray[np.intp]) -> NDArray[np.float64]:
    """Prepared values for each unit of each image; images are read again only where each has a scale of its own."""
    intensity = preparation.intensity
    alike = intensity.low is not None if intensity.kind == "range" else intensity.kind in ("window", "keep")
    if alike or intensity.mean is not None:
        return np.full(len(order), linear_map(intensity, np.zeros(1)).gain)
    cases = opened.cases(order)
    return np.array([scale_of_volume(read_source(case.source), preparation).per_unit for case in cases])


def hardened(
    network: nn.Module, opened: OpenStudy, plan: Plan, development: Development, order: NDArray[np.intp]
) -> Hardened | None:
    """The run's first network, attacked on its tuning cases at the budget it was trained against; None without.

    In float32 on the CPU, as a stress test does it.
    """
    attacks, epsilon = plan.training.adversarial, development.epsilon
    rows = development.pairs[0][1]
    if attacks is None or epsilon is None or not len(rows):
        return None
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), CHECKED)).round().astype(np.intp)]
    images, targets = development.cases.batch(rows)
    kind = plan.target.kind
    if kind not in ("binary", "multiclass", "multilabel"):  # refused when it was planned
        return None
    answers = Answers(kind)
    labels = targets if kind == "multilabel" else targets[:, 0]
    placed = copy.deepcopy(network).cpu().eval().requires_grad_(False)
    right = _right(placed, answers, images, labels, torch.from_numpy(epsilon[rows]), plan.seed)
    patients = [case.patient for case in opened.cases(order[rows])]
    shares = [proportion(one.numpy(), patients) for one in right]
    return Hardened(attack_words(opened, plan), attacks.costs, *shares)


def _right(
    network: nn.Module, answers: Answers, images: Tensor, labels: Tensor, epsilon: Tensor, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Whether each answer is right: as the image is, one step away, ten steps away."""
    found: list[list[Tensor]] = [[], [], []]
    for part in torch.arange(len(images)).split(max(1, VOXELS // math.prod(images.shape[1:]))):
        x, y = images[part], labels[part]
        low, high = own_range(x)
        ends: dict[str, Any] = {"epsilon": epsilon[part], "low": low, "high": high}
        aim = Aim(answers, y)
        attacked = (x, fgsm(network, x, aim, **ends), pgd(network, x, aim, **ends, settings=SEVERAL, seed=seed))
        with torch.no_grad():
            for place, one in zip(found, attacked, strict=True):
                place.append(answers.right(network(one), y))
    clean, one_step, several = (torch.cat(one) for one in found)
    return clean, one_step, several


def record_of(found: Hardened | None, listener: Listener) -> dict[str, Any]:
    """What run.json keeps of it; catastrophic overfitting is said at once."""
    if found is None:
        return {}
    for sentence in found.sentences[1:]:
        listener.say(sentence)
    return {RECORD: found.as_json()}


def hardened_sentences(run: RunFolder) -> tuple[str, ...]:
    """What the report says of a run that was trained against attacks; nothing of another one.

    Raises InputError where the record of it is damaged.
    """
    kept = read_record(run).get(RECORD)
    if kept is None:
        return ()
    try:
        return Hardened.from_json(kept).sentences
    except (SettingsError, KeyError, TypeError) as cause:
        raise InputError(f"{run.record} is not what radcnn wrote; restore it from a copy") from cause
