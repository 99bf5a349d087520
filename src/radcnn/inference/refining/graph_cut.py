"""Graph cuts: the labels of least energy, where a border costs less along edges of the image (Boykov et al. 2001).

    E(l) = sum_p D_p(l_p) + strength * sum_pq [l_p != l_q] exp(-(I_p - I_q)^2 / (2 sigma^2)) / dist(p, q)

Distances are in mm, so that thick slices do not count as near. Two labels are solved exactly by one cut; several by
expansions, each an exact cut, which ends within a factor of two of the least energy (doi:10.1109/34.969114).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import GeometryError, SettingsError

LEAST = 1e-6  # a probability below this counts as this: no voxel is certain for ever
ROUNDS = 5  # times that every label expands at most
FEWER = 1e-6  # share by which an energy must fall to be less
Values = NDArray[np.float32]
Arc = tuple[tuple[int, ...], Values]  # a step to a neighbour, and what a border between both costs


@dataclass(frozen=True)
class CutSettings:
    """What a border costs.

    strength    of the second term beside the first
    sigma       difference of grey values, in the image's unit, that an edge has
    neighbours  6 that share a side, or all 26; in a plane 4 or 8
    """

    strength: float = 2.0
    sigma: float = 30.0
    neighbours: int = 6

    def __post_init__(self) -> None:
        if self.strength < 0 or not self.sigma > 0:
            raise SettingsError(f"strength must be at least 0 and sigma positive, got {self.strength} and {self.sigma}")
        if self.neighbours not in (6, 26):
            raise SettingsError(f"neighbours must be 6 or 26, got {self.neighbours}")


def margin_of_cut(share: float, spacing: Sequence[float], settings: CutSettings, voxels: int) -> tuple[int, ...]:
    """How far from where anything but label 0 is likelier than `share` a cut of so many voxels can draw another label.

    One more voxel along each axis, so that the border's cost is counted. It is exact for two labels; each expansion of
    several keeps within it of what the one before drew.

    Beyond the last plane with such a voxel, another label costs c = log((1 - share) / share) more than 0 at each voxel,
    and a voxel is tied to the plane before by K at most. If T voxels of the label lie from a plane on and a of them in
    it, to take them all away saves c T and costs K a; where the cut is least, K a > c T. So T falls by a factor of
    1 - c / K from plane to plane, and T is a whole number.
    """
    dearer = math.log((1 - share) / share)
    margin = []
    for axis in range(len(spacing)):
        tied = settings.strength * sum(
            1 / _apart(s, spacing) for s in _steps(len(spacing), settings.neighbours) if s[axis]
        )
        falls = 1 - dearer / tied if tied else 0.0
        margin.append(1 + (math.ceil(math.log(voxels) / -math.log(falls)) if falls > 0 else 0))
    return tuple(margin)


def bytes_of_cut(labels: int, rank: int, neighbours: int = 6) -> int:
    """Bytes that a cut needs at most for each voxel: costs, what borders cost, capacities, and the trees."""
    return max(16 * labels, 4 * labels + 20 * len(_steps(rank, neighbours))) + 72


def costs_of(probabilities: NDArray) -> Values:
    """-log p of probabilities (L, *size): what each label costs at each voxel."""
    made: Values = -np.log(np.clip(probabilities, LEAST, None)).astype(np.float32)
    return made


def cut_labels(
    costs: NDArray, image: NDArray, spacing: Sequence[float], settings: CutSettings | None = None
) -> NDArray[np.uint8]:
    """The label (*size) of each voxel that makes the energy least: exactly for two labels, by expansions for more.

    costs    (L, *size) of each label at each voxel, such as `costs_of` probabilities
    image    (*size) grey values
    spacing  distances of voxel centres along each axis, in mm or in voxels

    Raises GeometryError where sizes do not fit.

    >>> p = np.array([[[0.9, 0.9, 0.4, 0.9]], [[0.1, 0.1, 0.6, 0.1]]])
    >>> cut_labels(costs_of(p), np.zeros((1, 4)), (1.0, 1.0)).tolist()
    [[0, 0, 0, 0]]
    """
    chosen = settings or CutSettings()
    _check(costs, image, spacing)
    arcs = _arcs(image, spacing, chosen)
    if len(costs) == 2:
        return _cut(costs[0] - costs[1], [(step, weight, weight) for step, weight in arcs]).astype(np.uint8)
    labels = np.argmin(costs, axis=0).astype(np.uint8)
    least = _energy(labels, costs, arcs)
    for _ in range(ROUNDS):
        before = least
        for label in range(len(costs)):
            tried = _expanded(labels, label, costs, arcs)
            found = _energy(tried, costs, arcs)
            if found < least:
                labels, least = tried, found
        if least >= before - FEWER * abs(before):
            break
    return labels


def energy(
    labels: NDArray, costs: NDArray, image: NDArray, spacing: Sequence[float], settings: CutSettings | None = None
) -> float:
    """The energy of labels (*size)."""
    return _energy(labels, costs, _arcs(image, spacing, settings or CutSettings()))


def _energy(labels: NDArray, costs: NDArray, arcs: Sequence[Arc]) -> float:
    total = float(np.take_along_axis(costs, labels[None].astype(np.intp), axis=0).sum(dtype=np.float64))
    for step, weight in arcs:
        first, second = _sides(step, labels.shape)
        total += float(weight[first][labels[first] != labels[second]].sum(dtype=np.float64))
    return total


def _arcs(image: NDArray, spacing: Sequence[float], settings: CutSettings) -> list[Arc]:
    """For each step to a neighbour, half of all, what a border between both costs at its first voxel (*size)."""
    made: list[Arc] = []
    values = image.astype(np.float32)
    for step in _steps(image.ndim, settings.neighbours):
        first, second = _sides(step, image.shape)
        weight = np.zeros(image.shape, np.float32)
        weight[first] = np.exp(-((values[first] - values[second]) ** 2) / (2 * settings.sigma**2))
        made.append((step, weight * np.float32(settings.strength / _apart(step, spacing))))
    return made


def _apart(step: tuple[int, ...], spacing: Sequence[float]) -> float:
    return math.hypot(*(s * mm for s, mm in zip(step, spacing, strict=True)))


def _steps(rank: int, neighbours: int) -> list[tuple[int, ...]]:
    """Half of the steps to neighbours: the others are their reverse."""
    found = [step for step in itertools.product((-1, 0, 1), repeat=rank) if step > (0,) * rank]
    return [step for step in found if neighbours == 26 or sum(map(abs, step)) == 1]


def _sides(step: tuple[int, ...], shape: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """The voxels that have a neighbour at a step, and these neighbours."""
    first = tuple(slice(max(0, -s), n - max(0, s)) for s, n in zip(step, shape, strict=True))
    second = tuple(slice(max(0, s), n - max(0, -s)) for s, n in zip(step, shape, strict=True))
    return first, second


def _cut(difference: NDArray, arcs: Sequence[tuple[tuple[int, ...], NDArray, NDArray]]) -> NDArray[np.bool_]:
    """Where 1 costs less (*size): of cost(0) - cost(1), and what (0, 1) and (1, 0) cost for each step's two voxels."""
    from radcnn.kernels.grid_cut import cut

    rank = difference.ndim
    padded = tuple(n + 2 for n in difference.shape)
    inner = (slice(1, -1),) * rank
    strides = [math.prod(padded[axis + 1 :]) for axis in range(rank)]
    terminal = np.zeros(padded, np.float32)
    terminal[inner] = difference
    many = 2 * len(arcs)
    capacity = np.zeros((*padded, many), np.float32)
    steps = np.zeros(many, np.int32)
    inside = capacity[inner]
    for k, (step, forward, backward) in enumerate(arcs):
        offset = sum(s * stride for s, stride in zip(step, strides, strict=True))
        steps[k], steps[many - 1 - k] = offset, -offset
        first, second = _sides(step, difference.shape)
        inside[..., k][first] = backward[first]  # the first voxel 1, the second 0: cut from source to sink
        inside[..., many - 1 - k][second] = forward[first]
    side = np.zeros(padded, np.uint8)
    cut(terminal.reshape(-1), capacity.reshape(-1, many), steps, side.reshape(-1))
    chosen: NDArray[np.bool_] = side[inner] > 0
    return chosen


def _expanded(labels: NDArray[np.uint8], label: int, costs: NDArray, arcs: Sequence[Arc]) -> NDArray[np.uint8]:
    """The labels after the best expansion of one: each voxel keeps its label or takes this one.

    Of two neighbours, (keep, keep) costs w where their labels differ, (keep, take) w where the first is another than
    the label, (take, keep) where the second is, (take, take) nothing: submodular, so one cut solves it.
    """
    own = np.take_along_axis(costs, labels[None].astype(np.intp), axis=0)[0]
    difference = (own - costs[label]).astype(np.float32)
    made = []
    for step, weight in arcs:
        first, second = _sides(step, labels.shape)
        w = weight[first]
        differ, p, q = (
            (labels[first] != labels[second]) * w,
            (labels[first] != label) * w,
            (labels[second] != label) * w,
        )
        # E(xp, xq) = A + (C - A) xp + (0 - C) xq + (B + C - A) (1 - xp) xq, with A keep-keep, B keep-take, C take-keep
        difference[first] -= q - differ
        difference[second] += q
        between = np.zeros(labels.shape, np.float32)
        between[first] = p + q - differ
        made.append((step, between, np.zeros_like(between)))
    taken = _cut(difference, made)
    return np.where(taken, np.uint8(label), labels)


def _check(costs: NDArray, image: NDArray, spacing: Sequence[float]) -> None:
    if costs.shape[1:] != image.shape or len(spacing) != image.ndim or image.ndim not in (2, 3):
        raise GeometryError(
            "costs (labels, *size), an image of that size and its spacings are needed, got "
            f"{costs.shape}, {image.shape} and {tuple(spacing)}"
        )
    if not 2 <= len(costs) <= 255:
        raise SettingsError(f"a cut needs 2 to 255 labels, got {len(costs)}")
