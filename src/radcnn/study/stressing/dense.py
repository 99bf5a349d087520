"""Attacks on networks that make images, case by case and budget by budget, and their figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.attacks.dense import Look, Within, Worst, climbed, sign_noise, stepped
from radcnn.core.chance import derived_seed
from radcnn.core.errors import InputError
from radcnn.metrics.fidelity import SSIM_REACH, ssim
from radcnn.metrics.noise_level import noise_sd
from radcnn.robustness.dense import NOISE, RATIO, SSIM, DenseCurve, dense_curve
from radcnn.study.listener import Listener
from radcnn.study.stressing.asked import Asked

DENSE_ATTACKS = ("fgsm", "pgd")
MOST_SLICES = 8  # of a volume, on which SSIM is taken
RESAMPLES = 2000


@dataclass(frozen=True, eq=False)
class Trial:
    """One case that is attacked.

    number, patient  what it is called, and whose it is
    image            (C, *size) in the values that are changed
    low, high        what its values can be
    per_unit         values per unit of the scanner
    noise            its noise sd in values
    look             the harm at a point, and the slope there
    figures          of an image, by name
    seen             what is shown of it in pictures: truth and what the networks make, each (n, *size)
    """

    number: int
    patient: str
    image: Tensor
    low: float
    high: float
    per_unit: float
    noise: float
    look: Look
    figures: Callable[[Tensor], Mapping[str, float]]
    seen: Callable[[Tensor], tuple[NDArray, NDArray]]


@dataclass(frozen=True, eq=False)
class Tried:
    """What a case came to by attacks, and by noise of the same size.

    attacks  names of the attacks
    figures  by attack, at each budget from 0 on
    images   by attack, at the largest budget
    seconds  by attack
    """

    attacks: tuple[str, ...]
    figures: dict[str, list[dict[str, float]]]
    images: dict[str, Tensor]
    seconds: dict[str, float]


def tried(trial: Trial, asked: Asked) -> Tried:
    """Every asked attack at every budget on one case, and noise of the same size."""
    clean = _with_changes(trial, trial.image)
    made = Tried(asked.attacks, {}, {}, {})
    slope = trial.look(trial.image, 1.0).slope
    for name in (*asked.attacks, NOISE):
        started = time.monotonic()
        made.figures[name] = [clean]
        for image in changed_images(name, trial, asked, slope):
            made.figures[name].append(_with_changes(trial, image))
            made.images[name] = image
        made.seconds[name] = time.monotonic() - started
    return made


def changed_images(name: str, trial: Trial, asked: Asked, slope: Tensor) -> Iterator[Tensor]:
    """What an attack, or noise of the same size, makes of an image at each budget; `slope` is that at the image."""
    before: Worst | None = None
    for budget in asked.budgets:
        within = Within(budget * (trial.noise if asked.in_noise else trial.per_unit), trial.low, trial.high)
        if name == NOISE:
            yield sign_noise(trial.image, within, seed=derived_seed(asked.seed, "noise", trial.number))
            continue
        image = stepped(trial.image, slope, within)
        if name == "pgd":
            before = climbed(trial.look, trial.image, image, within, before=before)
            image = before.image
        yield image


def _with_changes(trial: Trial, image: Tensor) -> dict[str, float]:
    """The figures of an image, and how large its change is."""
    apart = (image - trial.image).double()
    size = float(apart.square().mean().sqrt())
    found = dict(trial.figures(image))
    found[SSIM] = alike(image, trial.image, trial.high - trial.low) if size > 0 else np.nan
    found[RATIO] = size / trial.noise if size > 0 and trial.noise > 0 else np.nan
    return found


def alike(image: Tensor, clean: Tensor, wide: float) -> float:
    """SSIM of images (C, [slices,] rows, columns), mean over channels and some slices; NaN below SSIM's window."""
    if min(image.shape[-2:]) <= 2 * SSIM_REACH or not wide > 0:
        return float("nan")
    planes = [one.reshape(-1, *one.shape[-2:]).numpy() for one in (image, clean)]
    rows = np.unique(np.linspace(0, len(planes[0]) - 1, min(len(planes[0]), MOST_SLICES)).round().astype(int))
    return float(np.mean([ssim(planes[0][k], planes[1][k], data_range=wide) for k in rows]))


def noises_of(images: Iterable[NDArray[np.float32]], asked: Asked) -> NDArray[np.float64]:
    """The noise sd (n,) of each image in its values; where none is seen the median of the others.

    Raises InputError where none is seen at all and budgets are in it.
    """
    found = np.array([noise_sd(image) for image in images])
    seen = np.isfinite(found) & (found > 0)
    if not seen.any() and asked.in_noise:
        raise InputError("no noise was seen in these images, so a budget cannot be in its sds; leave --in-noise out")
    return np.where(seen, found, np.median(found[seen]) if seen.any() else np.nan)


@dataclass(frozen=True, eq=False)
class Table:
    """Every case with its figures, by attack, case and budget, and the seconds that each attack took."""

    tries: list[Trial]
    figures: dict[str, list[list[dict[str, float]]]]
    seconds: dict[str, float]

    def curves(self, asked: Asked, *, main: str, share: float, failed: Sequence[bool] = ()) -> list[DenseCurve]:
        """The curve of each attack; arguments as of `dense_curve`."""
        return [
            dense_curve(
                name, (0.0, *asked.budgets), found, [one.patient for one in self.tries], main=main, share=share,
                failed=failed, seconds=self.seconds[name], resamples=RESAMPLES, seed=asked.seed,
            )
            for name, found in self.figures.items()
        ]  # fmt: skip


def along_cases(
    trials: Sequence[Callable[[], Trial]], asked: Asked, listener: Listener, *, kept: Callable[[Trial, Tried], None]
) -> Table:
    """Every case, one after the other, so that only one is looked at.

    kept  is given each case with its images before they are let go
    """
    table = Table([], {}, {})
    for done, make in enumerate(trials):
        listener.progress("attacking cases", done, len(trials))
        trial = make()
        found = tried(trial, asked)
        for name, rows in found.figures.items():
            table.figures.setdefault(name, []).append(rows)
            table.seconds[name] = table.seconds.get(name, 0.0) + found.seconds[name]
        kept(trial, found)
        table.tries.append(trial)
    listener.progress("attacking cases", len(trials), len(trials))
    return table


def strongest(attacks: Sequence[str]) -> str:
    """Of the attacks that were asked for the one that searches longest."""
    return max(attacks, key=DENSE_ATTACKS.index)


def settled(networks: Sequence[torch.nn.Module]) -> None:
    """Networks as attacks look at them: in evaluation, in float32, without slopes of weights."""
    for network in networks:
        network.eval().float().requires_grad_(False)
