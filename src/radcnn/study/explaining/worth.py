"""What the maps of one way are worth on these cases: every figure that can be made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radcnn.core.chance import derived_seed
from radcnn.core.estimate import Estimate
from radcnn.core.target import Target
from radcnn.explanation.faithful import Answer, Removal, removal
from radcnn.explanation.located import located
from radcnn.explanation.randomised import randomised
from radcnn.explanation.repeated import compared
from radcnn.explanation.shortcut import FRAME, Attribution, attribution, border_frame, outside_body
from radcnn.metrics.clustered import t_quantile
from radcnn.networks import Network
from radcnn.reports.explaining.found import Figure
from radcnn.robustness.borders import pieces
from radcnn.study.explaining.asked import Way, answering_for, outputs_of
from radcnn.study.explaining.chosen import Chosen
from radcnn.study.explaining.mapped import maps_by, maps_of
from radcnn.study.explaining.marks import Marks
from radcnn.study.looking import Ensemble

MOST_RANDOMISED = 12  # cases: each stage of forgetting costs a map of all of them
MOST_FAITHFUL, MOST_VOXELS = 24, 1 << 23  # cases, and voxels of them: each takes 88 passes
ANSWERS: dict[str, Answer] = {"multilabel": "sigmoid", "regression": "logit"}  # of others softmax
DRAWS = 4  # networks that are drawn anew


@dataclass(frozen=True, eq=False)
class Judged:
    """What figures are made of: the networks, the cases, their outlines, and the maps of one way.

    maps     (networks, n, *size)
    removal  rows of the cases whose voxels are taken away, and what is answered of them; see `removal_of`
    """

    networks: Sequence[Network]
    target: Target
    chosen: Chosen
    marks: Marks
    way: Way
    maps: Tensor
    removal: tuple[list[int], Removal]
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
    return (*_located(judged), *_faithful(judged), *_randomised(judged), *_repeated(judged), *_placed(judged))


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


def removal_of(networks: Sequence[Network], target: Target, chosen: Chosen, seed: int) -> tuple[list[int], Removal]:
    """Some of the cases, and what is answered of them while voxels go in random order: the same for all ways."""
    able = max(1, min(MOST_FAITHFUL, MOST_VOXELS // chosen.images[0].numel()))
    rows = _some(len(chosen.numbers), able)
    asked = [answering_for(network, target) for network in networks]
    made = removal(
        asked[0] if len(asked) == 1 else Ensemble(asked).eval(),
        chosen.images[rows],
        chosen.classes[rows],
        [chosen.patients[k] for k in rows],
        answer=ANSWERS.get(target.kind, "softmax"),
        seed=seed,
    )
    return rows, made


def _faithful(judged: Judged) -> tuple[Figure, ...]:
    """Deletion and insertion by the maps that are shown, beside random order."""
    rows, at_random = judged.removal
    found = at_random.faithful(judged.way.called, judged.mean[rows])
    return (
        Figure("deletion", found.deletion, found.deletion_random, found.deletion_gain),
        Figure("insertion", found.insertion, found.insertion_random, found.insertion_gain),
    )


def _randomised(judged: Judged) -> tuple[Figure, ...]:
    """How alike maps stay while the first network forgets: all of it, and its last layer alone; mean over draws."""
    rows = _some(len(judged.chosen.numbers), MOST_RANDOMISED)
    images, classes = judged.chosen.images[rows], judged.chosen.classes[rows]
    patients = [judged.chosen.patients[k] for k in rows]
    asked, trained = answering_for(judged.networks[0], judged.target), judged.maps[0, rows]

    def maps(network: nn.Module) -> Tensor:
        return trained if network is asked else maps_by(network, judged.target, judged.way, images, classes)

    found = [
        randomised(
            judged.way.called, asked, maps, images[:1], patients, seed=derived_seed(judged.seed, "draw", k), stages=2
        ).stages
        for k in range(DRAWS)
    ]
    everything, last = (mean_of_draws([stages[at].correlation for stages in found]) for at in (-1, 0))
    return (Figure("randomised", everything, last),)


def mean_of_draws(draws: Sequence[Estimate]) -> Estimate:
    """The mean of a figure over networks drawn anew; its interval holds patients and draws, as independent of another.

    Of a map of few cells one draw alone says little: two maps of nine cells are alike by chance.
    """
    known = [one for one in draws if not math.isnan(one.value)]
    if not known:
        return draws[0]
    values = np.array([one.value for one in known])
    patients = float(np.mean([(one.high - one.low) / 2 for one in known]))
    spread = float(values.std(ddof=1)) / math.sqrt(len(known)) if len(known) > 1 else 0.0
    among = t_quantile(known[0].level, len(known)) * spread if spread else 0.0
    value, half = float(values.mean()), math.hypot(0.0 if math.isnan(patients) else patients, among)
    method = f"mean over {len(known)} networks drawn anew; t by patient, and by draw, added in quadrature"
    low, high = (value - half, value + half) if half else (math.nan, math.nan)
    fewest = min(known, key=lambda one: one.n)  # a map of zeros has no ranks
    return replace(fewest, value=value, low=max(-1.0, low), high=min(1.0, high), method=method)


def _some(n: int, most: int) -> list[int]:
    """Up to `most` of n cases, spread over all."""
    return sorted({round(k) for k in np.linspace(0, n - 1, min(n, most))})


def _repeated(judged: Judged) -> tuple[Figure, ...]:
    """How alike the maps of the run's networks are; none of one network."""
    if len(judged.networks) < 2:
        return ()
    return (Figure("repeated", compared(judged.way.called, list(judged.maps), judged.chosen.patients).correlation),)


def _placed(judged: Judged) -> tuple[Figure, ...]:
    """How much of the maps lies at the border, in which piece of it, and outside the body.

    Only maps of what was answered count, class by class, and the class with the most of it at the border is told: what
    stands in the corner of one class speaks for that class alone.
    """
    chosen, maps = judged.chosen, judged.mean.numpy()
    own = chosen.answered == chosen.classes
    found: list[tuple[Figure, ...]] = []
    for asked in sorted(set(chosen.classes[own].tolist())):
        rows = (own & (chosen.classes == asked)).nonzero()[:, 0].numpy()
        name = outputs_of(judged.target)[asked]
        images, patients = chosen.images[rows].mean(1).numpy(), [chosen.patients[k] for k in rows]
        found.append(_of_class(name, maps[rows], images, patients))
    return max(found, key=_leaning, default=())


def _leaning(figures: tuple[Figure, ...]) -> float:
    beyond = figures[0].beyond
    return -1.0 if beyond is None or math.isnan(beyond.value) else beyond.value


def _of_class(
    name: str, maps: NDArray[np.float32], images: NDArray[np.float32], patients: Sequence[str]
) -> tuple[Figure, ...]:
    """The figures of the maps (n, *size) of one class, whose images are (n, *size)."""
    size = maps.shape[1:]
    made = [_figure("border", name, attribution("border", maps, border_frame(size), patients))]
    if len(size) == 2:
        made += _pieces(name, maps, patients)
    outside = outside_body(images)
    if outside.any():
        made.append(_figure("outside", name, attribution("outside the body", maps, outside, patients)))
    return tuple(made)


def _pieces(of: str, maps: NDArray[np.float32], patients: Sequence[str]) -> list[Figure]:
    """The corner or edge of the border to which the maps lean most, if they do so more than by its area."""
    size = maps.shape[1:]
    width = max(1, round(FRAME * min(size)))
    found = {name: attribution(name, maps, place, patients) for name, place in pieces(size, width).items()}
    name, most = max(found.items(), key=lambda one: np.nan_to_num(one[1].ratio.value, nan=-1.0))
    return [_figure(f"border: {name}", of, most)] if most.ratio.low > 1 else []


def _figure(key: str, of: str, found: Attribution) -> Figure:
    return Figure(key, found.share, found.area, found.ratio, of)
