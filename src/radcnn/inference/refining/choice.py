"""Which refinement, and with which settings: drawn at random, judged on tuning cases, kept only where it helps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from radcnn.core.chance import generator
from radcnn.inference.refining.crf import CrfSettings, crf_probabilities
from radcnn.inference.refining.graph_cut import CutSettings, costs_of, cut_labels
from radcnn.plan.segmentation import SegmentationPlan

DRAWS = 12
BETTER = 1e-4  # of the mean Dice coefficient, by which what is chosen must help
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
        return f"{said}: {'kept' if self.kept else 'left out'}"

    @property
    def kept(self) -> bool:
        """Whether it helps by more than nothing."""
        return self.after > self.before + BETTER


def best_refinement(judged: Iterable[Callable[[SegmentationPlan], float]], plan: SegmentationPlan) -> Helped:
    """Of settings drawn by chance for the plan's refinement those with the highest mean Dice on tuning cases.

    judged  for one tuning case after the other, what the mean Dice of its structures is by a plan; a case is asked for
            once the one before it is done with, so that one is held at a time
    """
    bare = replace(plan, refine="none", refined={}, largest=(), filled=())
    draws = tuple(drawn(plan.refine, plan.seed))
    tried = (bare, *(replace(bare, refine=plan.refine, refined=settings) for settings in draws))
    without, *found = np.mean([[dice(one) for one in tried] for dice in judged], axis=0)
    best = int(np.argmax(found))
    return Helped(draws[best], float(without), float(found[best]))


def _softmax(logits: NDArray) -> NDArray[np.float32]:
    values = np.asarray(logits, np.float32)
    shifted = np.exp(values - values.max(axis=0, keepdims=True))
    made: NDArray[np.float32] = shifted / shifted.sum(axis=0, keepdims=True)
    return made
