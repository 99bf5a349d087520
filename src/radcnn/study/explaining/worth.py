"""What the maps of one way are worth on these cases: every figure that can be made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.core.target import Target
from radcnn.explain.located import located
from radcnn.explain.randomised import randomised
from radcnn.explain.repeated import compared
from radcnn.explain.shortcut import FRAME, Attribution, attribution, border_frame, outside_body
from radcnn.networks import Network
from radcnn.reports.explaining.found import Figure
from radcnn.robustness.borders import pieces
from radcnn.study.explaining.asked import Way, answering_for
from radcnn.study.explaining.chosen import Chosen
from radcnn.study.explaining.mapped import maps_by, maps_of
from radcnn.study.explaining.marks import Marks

MOST_RANDOMISED = 16  # cases: each stage of forgetting costs a map of all of them


@dataclass(frozen=True, eq=False)
class Judged:
    """What figures are made of: the networks, the cases, their outlines, and the maps of one way.

    maps  (networks, n, *size)
    """

    networks: Sequence[Network]
    target: Target
    chosen: Chosen
    marks: Marks
    way: Way
    maps: Tensor
    seed: int

    @property
    def mean(self) -> Tensor:
        """The maps that are shown: means over networks, (n, *size)."""
        return self.maps.mean(0)

    @property
    def size(self) -> tuple[int, ...]:
        """Voxels per axis of the network's grid."""
        return tuple(int(n) for n in self.maps.shape[2:])


def figures_of(judged: Judged) -> tuple[Figure, ...]:
    """Every figure of one way, in the order of the report."""
    return (*_located(judged), *_randomised(judged), *_repeated(judged), *_placed(judged))


def _located(judged: Judged) -> tuple[Figure, ...]:
    """Pointing game, AUPRC and IoU beside the outlines of other patients."""
    if not len(judged.marks.rows):
        return ()
    found = located(
        judged.way.called,
        maps_of_truth(judged).numpy(),
        judged.marks.masks,
        [judged.chosen.patients[k] for k in judged.marks.rows],
    )
    return (
        Figure("pointing", found.pointing, found.pointing_chance, found.above_chance["pointing"]),
        Figure("auprc", found.auprc, found.auprc_chance, found.above_chance["auprc"]),
        Figure("iou", found.iou, found.iou_chance, found.above_chance["iou"]),
    )


def maps_of_truth(judged: Judged) -> Tensor:
    """Maps (m, *size) of the outlined cases that speak of their true class, made anew where another was asked."""
    rows = torch.from_numpy(judged.marks.rows)
    chosen, found = judged.chosen, judged.mean[rows].clone()
    classes = chosen.truths[rows].clamp(min=0)
    other = (classes != chosen.classes[rows]).nonzero()[:, 0]
    if len(other):
        images = chosen.images[rows[other]]
        found[other] = maps_of(judged.networks, judged.target, judged.way, images, classes[other]).mean(0)
    return found


def _randomised(judged: Judged) -> tuple[Figure, ...]:
    """How alike maps stay while the first network forgets: its last layer alone, and all of it."""
    rows = _some(len(judged.chosen.numbers))
    images, classes = judged.chosen.images[rows], judged.chosen.classes[rows]
    found = randomised(
        judged.way.called,
        answering_for(judged.networks[0], judged.target),
        lambda network: maps_by(network, judged.target, judged.way, images, classes),
        images[:1],
        [judged.chosen.patients[k] for k in rows],
        seed=judged.seed,
    )
    return (Figure("randomised", found.stages[-1].correlation, found.stages[0].correlation),)


def _some(n: int) -> list[int]:
    """Up to MOST_RANDOMISED of n cases, spread over all."""
    return sorted({round(k) for k in np.linspace(0, n - 1, min(n, MOST_RANDOMISED))})


def _repeated(judged: Judged) -> tuple[Figure, ...]:
    """How alike the maps of the run's networks are; none of one network."""
    if len(judged.networks) < 2:
        return ()
    return (Figure("repeated", compared(judged.way.called, list(judged.maps), judged.chosen.patients).correlation),)


def _placed(judged: Judged) -> tuple[Figure, ...]:
    """How much of the maps lies at the border, in which piece of it, and outside the body."""
    maps, patients = judged.mean.numpy(), judged.chosen.patients
    made = [_figure("border", attribution("border", maps, border_frame(judged.size), patients))]
    if len(judged.size) == 2:
        made += _pieces(judged.size, maps, patients)
    outside = outside_body(judged.chosen.images.mean(1).numpy())
    if outside.any():
        made.append(_figure("outside", attribution("outside the body", maps, outside, patients)))
    return tuple(made)


def _pieces(size: tuple[int, ...], maps: NDArray[np.float32], patients: Sequence[str]) -> list[Figure]:
    """The corner or edge of the border on which most of the maps lies, if it does so more than by its area."""
    width = max(1, round(FRAME * min(size)))
    found = {name: attribution(name, maps, place, patients) for name, place in pieces(size, width).items()}
    name, most = max(found.items(), key=lambda one: np.nan_to_num(one[1].ratio.value, nan=-1.0))
    return [_figure(f"border: {name}", most)] if most.ratio.low > 1 else []


def _figure(key: str, found: Attribution) -> Figure:
    return Figure(key, found.share, found.area, found.ratio)
