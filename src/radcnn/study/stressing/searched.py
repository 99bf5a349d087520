"""Attacks that search for each case alone, and so are made on a few: some pixels, and the smallest change of all."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor

from radcnn.attacks.lbfgs import change_size, lbfgs
from radcnn.attacks.one_pixel import Evolution, one_pixel
from radcnn.core.chance import generator
from radcnn.core.estimate import Estimate
from radcnn.metrics.bootstrap import Resampling, bootstrap
from radcnn.metrics.clustered import Floats
from radcnn.metrics.proportions import proportion
from radcnn.robustness.counted import FewPixels, Smallest
from radcnn.study.listener import Listener
from radcnn.study.stressing.asked import Asked
from radcnn.study.stressing.budgeted import Goal

MOST_CASES = 20  # that are searched for; each takes up to 40,000 looks


def some_of(goal: Goal, seed: int) -> Goal:
    """At most MOST_CASES of the cases at which success is counted, drawn by chance, in order."""
    able = goal.aimed.nonzero()[:, 0]
    drawn = generator(seed, "searched").permutation(len(able))[:MOST_CASES]
    return goal.of(able[torch.from_numpy(np.sort(drawn))])


def few_pixels(goal: Goal, asked: Asked, listener: Listener) -> tuple[FewPixels, ...]:
    """Each number of pixels, on the same few cases."""
    some = some_of(goal, asked.seed)
    test, evolution = some.test, Evolution(generations=asked.generations)
    made = []
    for pixels in asked.pixels:
        started, hits = time.monotonic(), []
        for row in range(len(test.images)):
            listener.progress(f"attack of {pixels} pixels", row, len(test.images))
            one = some.of(torch.tensor([row]))
            found = one_pixel(
                test.network, one.test.images, one.aim, low=one.test.low, high=one.test.high, pixels=pixels,
                evolution=evolution, seed=asked.seed,
            )  # fmt: skip
            hits.append(bool(one.hit(test.logits(found))[0]))
        listener.progress(f"attack of {pixels} pixels", len(hits), len(hits))
        turned = proportion(hits, test.patients)
        made.append(FewPixels(pixels, goal.name, turned, time.monotonic() - started))
    return tuple(made)


def smallest(goal: Goal, asked: Asked, listener: Listener) -> Smallest:
    """The smallest changes that were found for a few cases."""
    some, started = some_of(goal, asked.seed), time.monotonic()
    test = some.test
    sizes, turned = torch.full((len(test.images),), torch.nan), torch.zeros(len(test.images)).bool()
    for row in range(len(test.images)):
        listener.progress("smallest changes", row, len(test.images))
        one = some.of(torch.tensor([row]))
        found, turned[row : row + 1] = lbfgs(
            test.network, one.test.images, one.aim, low=one.test.low, high=one.test.high
        )
        sizes[row] = change_size(found, one.test.images)[0] if turned[row] else torch.nan
    listener.progress("smallest changes", len(test.images), len(test.images))
    resamples = test.looked.plan.resamples
    return Smallest(
        towards=goal.name,
        found=proportion(turned.numpy(), test.patients),
        size=_median(sizes / test.per_unit, test.patients, resamples, asked.seed),
        in_noise=_median(sizes / test.noise, test.patients, resamples, asked.seed),
        seconds=time.monotonic() - started,
    )


def _median(values: Tensor, patients: tuple[str, ...], resamples: int, seed: int) -> Estimate:
    """The weighted median with an interval by patient; missing where no value is known."""
    numbers = values.double().numpy()
    known = np.isfinite(numbers)
    if not known.any():
        return Estimate.missing("no case was turned")
    order = np.argsort(numbers[known], kind="stable")
    ordered, names = numbers[known][order], np.asarray(patients)[known][order]

    def statistic(weights: Floats) -> Floats:
        shares = np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True)
        found: Floats = ordered[(shares >= 0.5 - 1e-9).argmax(axis=1)]
        return found

    return bootstrap(statistic, Resampling.by_patient(names, resamples=resamples, seed=seed)).estimate()
