"""Which refinement, and with which settings: drawn at random, judged on tuning cases, kept only where it helps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from radcnn.core.chance import generator
from radcnn.inference.refining.boxes import Box, grown, parts_of, room_like, softmax, undecided, voxels_of
from radcnn.inference.refining.crf import CrfSettings, bytes_of_field, crf_probabilities, margin_of_field
from radcnn.inference.refining.graph_cut import CutSettings, bytes_of_cut, costs_of, cut_labels, margin_of_cut
from radcnn.plan.segmentation import SegmentationPlan

DRAWS = 12
BETTER = 1e-4  # of the mean Dice coefficient, by which what is chosen must help
MOST_BYTES = 2 << 30  # that a refinement needs at most beside the image and the logits
LEAST_PART = 1 << 15  # voxels; a field that needs more for so few has too fine a grid, and says so
SHARES = (0.001, 0.01, 0.1)  # probabilities of all structures, up to which a voxel may lie beyond a cut's box
DECIDED = 0.1  # and beyond a field's
SURE = 8.0  # logit of a label that a cut chose, beside 0 of the others
# what is drawn from: the least and the most, on a logarithmic scale; grey values in the network's own numbers
RANGES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "graphcut": {"strength": (0.1, 10.0), "sigma": (0.03, 1.0)},
    "crf": {
        "near_weight": (0.1, 5.0), "near_mm": (0.5, 6.0), "weight": (0.1, 10.0), "mm": (2.0, 40.0), "grey": (0.03, 1.0),
    },
}  # fmt: skip


def refined(logits: NDArray, image: NDArray, spacing: Sequence[float], plan: SegmentationPlan) -> NDArray[np.float16]:
    """Logits (K, *size) of exclusive structures after the plan's refinement on an image (*size).

    It looks at a box about what is undecided; beyond it nothing can change. A box that would need more than MOST_BYTES
    is refined in parts that overlap.
    """
    return _by_field(logits, image, spacing, plan) if plan.refine == "crf" else _by_cut(logits, image, spacing, plan)


def _by_cut(logits: NDArray, image: NDArray, spacing: Sequence[float], plan: SegmentationPlan) -> NDArray[np.float16]:
    """Background everywhere, and in the smallest of the boxes that are safe what a cut draws."""
    settings = CutSettings(**plan.refined)  # type: ignore[arg-type]
    made, whole = room_like(logits), _whole(image)
    made[0], made[1:] = SURE, 0
    boxes = []
    for share, box in zip(SHARES, undecided(logits, SHARES), strict=True):
        if box is None:  # background everywhere costs less than anything else
            return made
        margin = margin_of_cut(share, spacing, settings, image.size)
        boxes.append((grown(box, margin, whole), margin))
    box, margin = min(boxes, key=lambda one: voxels_of(one[0]))
    most = MOST_BYTES / bytes_of_cut(len(logits), image.ndim, settings.neighbours)
    for part in parts_of(box, margin, most):
        costs = costs_of(softmax(logits[(slice(None), *part.seen)]))
        labels = cut_labels(costs, image[part.seen], spacing, settings)[part.inner]
        for k in range(len(logits)):
            made[k][part.kept] = SURE * (labels == k)
    return made


def _by_field(logits: NDArray, image: NDArray, spacing: Sequence[float], plan: SegmentationPlan) -> NDArray[np.float16]:
    """The logits as they are, and in a box about what is undecided those of the field."""
    settings = CrfSettings(**plan.refined)  # type: ignore[arg-type]
    made = room_like(logits)
    made[:] = logits
    margin = margin_of_field(spacing, settings)
    (box,) = undecided(logits, (DECIDED,))
    if box is None:
        return made
    most = max(LEAST_PART, MOST_BYTES / bytes_of_field(len(logits), image, spacing, settings))
    darkest = float(image.min())
    for part in parts_of(grown(box, margin, _whole(image)), margin, most):
        first = [one.start for one in part.seen]
        p = softmax(logits[(slice(None), *part.seen)])
        p = crf_probabilities(p, image[part.seen], spacing, settings, first=first, darkest=darkest)
        made[(slice(None), *part.kept)] = np.log(np.clip(p[(slice(None), *part.inner)], 1e-6, None))
    return made


def _whole(image: NDArray) -> Box:
    return tuple(slice(0, n) for n in image.shape)


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
