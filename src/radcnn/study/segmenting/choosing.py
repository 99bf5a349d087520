"""What is chosen on the tuning set once the networks are trained: a refinement, components, holes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case
from radcnn.core.volume import Volume
from radcnn.inference.refining.choice import Helped, best_settings
from radcnn.inference.segmented import largest_component, segmented, without_holes
from radcnn.learning.execution import Execution, logits_of
from radcnn.metrics.overlap import counts_of
from radcnn.networks.image_network import ImageNetwork
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.plan.settings import Reason
from radcnn.study.listener import Listener
from radcnn.study.segmenting.judging import case_of

BETTER = 1e-4  # of the mean Dice coefficient, by which a rule must help
MOST_CASES = 12  # of the tuning set that refinements are judged on: each takes a cut or a field


@dataclass(frozen=True, eq=False)
class _Tuned:
    """A tuning case: its image, the true masks (structures, *size) and what counts."""

    volume: Volume
    truth: NDArray[np.bool_]
    counted: NDArray[np.bool_] | None

    def dice(self, made: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Dice of each structure."""
        looked = slice(None) if self.counted is None else self.counted
        return np.array([counts_of(a[looked], b[looked]).dice for a, b in zip(self.truth, made, strict=True)])


def chosen_on_tuning(
    plan: SegmentationPlan, cases: Sequence[Case], networks: Sequence[ImageNetwork], execution: Execution,
    listener: Listener,
) -> SegmentationPlan:  # fmt: skip
    """The plan with the refinement and rules that help on the tuning cases; its reasons say by how much."""
    if not cases:
        return replace(plan, refine="none", refined={})
    tuned = [_tuned(case, plan) for case in cases]
    bare = replace(plan, refine="none", refined={}, largest=(), filled=())

    def made(one: _Tuned, asked: SegmentationPlan) -> NDArray[np.bool_]:
        return segmented(networks, one.volume, asked, logits_of=lambda n, x: logits_of(n, x, execution))

    reasons = list(plan.reasons)
    if plan.refine != "none":
        some = tuned[:MOST_CASES]
        before = float(np.mean([one.dice(made(one, bare)) for one in some]))
        settings, after = best_settings(
            plan.refine,
            plan.seed,
            lambda asked: float(
                np.mean([one.dice(made(one, replace(bare, refine=plan.refine, refined=asked))) for one in some])
            ),
            lambda done, of: listener.progress(f"trying settings of {plan.refine}", done, of),
        )
        found = Helped(settings, before, after)
        reasons.append(Reason("segmentation.refine", plan.refine, found.sentence))
        listener.say(f"{plan.refine}: {found.sentence}")
        if found.after > before + BETTER:
            bare = replace(bare, refine=plan.refine, refined=dict(found.settings))
    masks = [made(one, bare) for one in tuned]
    rules: dict[str, list[str]] = {"largest": list(plan.largest), "filled": list(plan.filled)}
    for name, rule in (("largest", largest_component), ("filled", without_holes)):
        for k, structure in enumerate(plan.structures):
            before = float(np.mean([one.dice(m)[k] for one, m in zip(tuned, masks, strict=True)]))
            ruled = [m.copy() for m in masks]
            for m in ruled:
                m[k] = rule(m[k])
            after = float(np.mean([one.dice(m)[k] for one, m in zip(tuned, ruled, strict=True)]))
            if after > before + BETTER and structure.name not in rules[name]:
                rules[name].append(structure.name)
                said = f"mean Dice on the tuning set {after:.4f}, {before:.4f} without"
                reasons.append(Reason(f"segmentation.{name}", structure.name, said))
                masks = ruled
    return replace(bare, largest=tuple(rules["largest"]), filled=tuple(rules["filled"]), reasons=tuple(reasons))


def _tuned(case: Case, plan: SegmentationPlan) -> _Tuned:
    volume, labels = case_of(case)
    truth = np.stack([np.isin(labels, one.labels) for one in plan.structures])
    return _Tuned(volume, truth, None if plan.unlabelled is None else labels != plan.unlabelled)
