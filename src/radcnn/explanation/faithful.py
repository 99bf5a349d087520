"""Whether a map's highest voxels are those that the answer needs: they are taken away, or given back, first.

Petsiuk et al. 2018, RISE, BMVC (arXiv:1806.07421). Images with voxels taken away are none that the network has seen,
and its answer may change for that alone. So the same number of voxels is taken away in random order beside it, and the
difference to that is what counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from scipy import integrate
from torch import Tensor, nn

from radcnn.core.catalogue import look_up
from radcnn.core.chance import torch_generator
from radcnn.core.errors import InputError, SettingsError
from radcnn.core.estimate import Estimate
from radcnn.explanation.asked import Classes, asked_of, logits_asked
from radcnn.explanation.fills import Fill, filling
from radcnn.metrics.clustered import Floats, clustered_mean

STEPS = 10  # tenths of the image
DRAWS = 3  # random orders of each image, whose mean is compared with

Answer = Literal["softmax", "sigmoid", "logit"]
ANSWERS = {
    "softmax": lambda logits, asked: logits_asked(logits.softmax(1), asked),
    "sigmoid": lambda logits, asked: logits_asked(logits.sigmoid(), asked),
    "logit": logits_asked,
}


@dataclass(frozen=True)
class Faithful:
    """Answers while voxels are taken away (deletion) or given back (insertion), highest of the map first.

    shares              of the voxels, from 0 to 1
    deletion_curve      mean answer with that share taken away; insertion_curve with it given back
    deletion, insertion areas under the curves; a good map's are low and high
    *_random            the same in random order
    deletion_gain       random minus map's; insertion_gain map's minus random: above 0 where the map knows more than
                        chance; every interval is by patient
    """

    method: str
    shares: tuple[float, ...]
    deletion_curve: tuple[float, ...]
    insertion_curve: tuple[float, ...]
    deletion_random_curve: tuple[float, ...]
    insertion_random_curve: tuple[float, ...]
    deletion: Estimate
    deletion_random: Estimate
    deletion_gain: Estimate
    insertion: Estimate
    insertion_random: Estimate
    insertion_gain: Estimate
    n: int


@dataclass(frozen=True, eq=False)
class Removal:
    """Images whose answers are asked while voxels go, and those in random order: made once for all maps of them.

    images, asked, patients  (B, C, *size); (B,) the class that is asked; of each image
    by_lot                   (2, B, steps + 1) mean answers in random order, with voxels taken away and given back
    """

    network: nn.Module
    images: Tensor
    asked: Tensor
    patients: Sequence[str]
    answer: Answer
    fill: Fill
    steps: int
    seed: int
    by_lot: Floats

    def faithful(self, method: str, maps: Tensor, *, level: float = 0.95) -> Faithful:
        """The curves of maps (B, *size) beside random order; raises InputError where they are none of the images."""
        _fitting(self.images, maps, self.patients)
        orders = torch.stack([_order_of(one, self.seed, case) for case, one in enumerate(maps)])
        by_map = _both(self.network, self.images, self.asked, orders, self.fill, self.answer, self.steps)
        areas, lots = (integrate.trapezoid(curves, dx=1 / self.steps, axis=2) for curves in (by_map, self.by_lot))

        def curve(answers: Floats) -> tuple[float, ...]:
            return tuple(answers.mean(axis=0).tolist())

        def area(values: Floats) -> Estimate:
            return clustered_mean(values, self.patients, level=level)

        return Faithful(
            method=method,
            shares=tuple(k / self.steps for k in range(self.steps + 1)),
            deletion_curve=curve(by_map[0]),
            insertion_curve=curve(by_map[1]),
            deletion_random_curve=curve(self.by_lot[0]),
            insertion_random_curve=curve(self.by_lot[1]),
            deletion=area(areas[0]),
            deletion_random=area(lots[0]),
            deletion_gain=area(lots[0] - areas[0]),
            insertion=area(areas[1]),
            insertion_random=area(lots[1]),
            insertion_gain=area(areas[1] - lots[1]),
            n=len(self.images),
        )


def removal(
    network: nn.Module,
    images: Tensor,
    classes: Classes,
    patients: Sequence[str],
    *,
    answer: Answer = "softmax",
    fill: Fill = "darkest",
    steps: int = STEPS,
    draws: int = DRAWS,
    seed: int = 0,
) -> Removal:
    """What the network answers for images (B, C, *size) while voxels go in random order, to hold maps against.

    answer  of the asked class: softmax (one of several), sigmoid (each for itself), or the logit
    fill    what is taken away becomes: see `fills.filling`
    draws   random orders of each image; they depend on the seed and the image's number alone

    Equal values of a map are ordered by lot. Costs 2 (steps + 1) draws passes of each image here, and 2 (steps + 1) for
    each way of making maps. Raises InputError where shapes differ, SettingsError for fewer than one step or draw.
    """
    if steps < 1 or draws < 1:
        raise SettingsError(f"steps and draws of deletion must be at least 1, got {steps} and {draws}")
    asked = asked_of(classes, len(images))
    by_lot = np.mean(
        [_both(network, images, asked, _lots(images, seed, draw), fill, answer, steps) for draw in range(1, draws + 1)],
        axis=0,
    )
    return Removal(network, images, asked, patients, answer, fill, steps, seed, by_lot)


def _both(
    network: nn.Module, images: Tensor, asked: Tensor, orders: Tensor, fill: Fill, answer: Answer, steps: int
) -> Floats:
    """Answers (2, B, steps + 1) with more and more voxels taken away, and given back, in orders (B, voxels)."""
    empty = filling(images, fill).expand_as(images)
    score = look_up(ANSWERS, answer, "answer")
    curves = np.zeros((2, len(images), steps + 1))
    places = orders.argsort(1)  # the place of each voxel in the order
    with torch.inference_mode():
        for k in range(steps + 1):
            gone = (places < round(k * orders.shape[1] / steps)).view(len(images), 1, *images.shape[2:])
            for side, (first, then) in enumerate(((images, empty), (empty, images))):
                curves[side, :, k] = score(network(torch.where(gone, then, first)), asked).double().cpu().numpy()
    return curves


def _order_of(shown: Tensor, seed: int, case: int) -> Tensor:
    """The voxels of a map (*size) from the highest to the lowest, equal ones by lot: (voxels,)."""
    lot = torch.randperm(shown.numel(), generator=torch_generator(seed, "faithful", case, 0))
    return lot[shown.detach().cpu().flatten()[lot].argsort(descending=True, stable=True)]


def _lots(images: Tensor, seed: int, draw: int) -> Tensor:
    voxels = images[0, 0].numel()
    streams = [torch_generator(seed, "faithful", case, draw) for case in range(len(images))]
    return torch.stack([torch.randperm(voxels, generator=stream) for stream in streams])


def _fitting(images: Tensor, maps: Tensor, patients: Sequence[str]) -> None:
    if maps.shape != (len(images), *images.shape[2:]) or len(patients) != len(images):
        raise InputError(
            f"maps must be one for each image, on its voxels, with a patient each; got {tuple(maps.shape)} for images "
            f"{tuple(images.shape)} and {len(patients)} patients"
        )
