"""Which refinement, and with which settings: drawn at random, judged on tuning cases, kept only where it helps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.chance import generator
from radcnn.inference.refining.crf import CrfSettings, crf_probabilities
from radcnn.inference.refining.graph_cut import CutSettings, costs_of, cut_labels
from radcnn.plan.segmentation import SegmentationPlan

DRAWS = 12
SURE = 8.0  # logit of a label that a cut chose, beside 0 of the others
# what is drawn from: the least and the most, on a logarithmic scale; grey values in the network's own numbers
RANGES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "graphcut": {"strength": (0.1, 10.0), "sigma": (0.03, 1.0)},
    "crf": {
        "near_weight": (0.1, 5.0), "near_mm": (0.5, 6.0), "weight": (0.1, 10.0), "mm": (2.0, 40.0), "grey": (0.03, 1.0),
    },
}  # fmt: skip


def refined(logits: NDArray, image: NDArray, spacing: Sequence[float], plan: SegmentationPlan) -> NDArray[np.float32]:
    """Logits (K, *size) of exclusive structures after the plan's refinement on an image (*size)."""
    p = _softmax(logits)
    if plan.refine == "crf":
        made = crf_probabilities(p, image, spacing, CrfSettings(**plan.refined))  # type: ignore[arg-type]
        return np.log(np.clip(made, 1e-6, None)).astype(np.float32)
    labels = cut_labels(costs_of(p), image, spacing, CutSettings(**plan.refined))  # type: ignore[arg-type]
    return SURE * (labels[None] == np.arange(len(p)).reshape(-1, *(1,) * image.ndim)).astype(np.float32)


def drawn(refine: str, seed: int) -> Iterator[dict[str, float]]:
    """Settings of a refinement, by chance: the same for the same seed."""
    chance = generator(seed, "refine", refine)
    for _ in range(DRAWS):
        yield {
            name: float(f"{np.exp(chance.uniform(np.log(low), np.log(high))):.3g}")
            for name, (low, high) in RANGES[refine].items()
        }


def best_settings(
    refine: str,
    seed: int,
    dice_of: Callable[[Mapping[str, float]], float],
    told: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, float], float]:
    """Of settings drawn by chance those with the highest mean Dice on tuning cases, and that."""
    best: tuple[dict[str, float], float] = ({}, -1.0)
    for k, settings in enumerate(drawn(refine, seed), start=1):
        found = dice_of(settings)
        if found > best[1]:
            best = settings, found
        if told is not None:
            told(k, DRAWS)
    return best


@dataclass(frozen=True)
class Helped:
    """What the best settings of a refinement reach on the tuning cases, beside none."""

    settings: Mapping[str, float]
    before: float
    after: float

    @property
    def sentence(self) -> str:
        """Whether it is kept, and why."""
        said = f"mean Dice on the tuning set {self.after:.4f}, {self.before:.4f} without"
        return f"{said}: {'kept' if self.after > self.before else 'left out'}"


def _softmax(logits: NDArray) -> NDArray[np.float32]:
    values = np.asarray(logits, np.float32)
    shifted = np.exp(values - values.max(axis=0, keepdims=True))
    made: NDArray[np.float32] = shifted / shifted.sum(axis=0, keepdims=True)
    return made
