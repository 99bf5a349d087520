"""What is chosen on the tuning set once the networks are trained: a refinement, components, holes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from radcnn.core.case import Case
from radcnn.evaluation.segmentation import dice_by_structure
from radcnn.inference.refining.choice import BETTER, best_refinement
from radcnn.inference.segmented import Seen, by_stage, of_fold, on_network_grid, segmented, tidied
from radcnn.learning.execution import Execution, logits_of
from radcnn.networks.image_network import ImageNetwork
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.plan.settings import Reason
from radcnn.study.listener import Listener
from radcnn.study.segmenting.judging import case_of

Look = tuple[Case, int | None]
MOST_CASES = 12  # of the tuning set that refinements are judged on: each takes a cut or a field


def chosen_on_tuning(
    plan: SegmentationPlan, looks: Sequence[Look], networks: Sequence[ImageNetwork], execution: Execution,
    listener: Listener,
) -> SegmentationPlan:  # fmt: skip
    """The plan with the refinement and rules that help on the tuning cases; its reasons say by how much.

    looks  each tuning case, and the network of the fold that did not learn from it; None: all networks look at it

    One case is held at a time. The second network of a cascade is judged within what the first one outlines.
    """
    if not looks:
        return replace(plan, refine="none", refined={}, refined_within={})
    settled: list[SegmentationPlan] = []
    before: tuple[SegmentationPlan, Sequence[ImageNetwork]] | None = None
    for stage, part in by_stage(networks, plan):
        found = _Stage(stage, part, looks, execution, listener, before).settled()
        settled.append(found)
        before = found, part
    first, last = settled[0], settled[-1]
    return replace(
        plan,
        refine=next((stage.refine for stage in settled if stage.refine != "none"), "none"),
        refined=first.refined,
        refined_within=last.refined if len(settled) > 1 else {},
        largest=tuple(dict.fromkeys(name for stage in settled for name in stage.largest)),
        filled=tuple(dict.fromkeys(name for stage in settled for name in stage.filled)),
        reasons=(*plan.reasons, *(reason for stage in settled for reason in stage.reasons[len(plan.reasons) :])),
    )


@dataclass(frozen=True, eq=False)
class _Stage:
    """Networks that look at the tuning cases; `before` are the plan and networks that say where."""

    plan: SegmentationPlan
    networks: Sequence[ImageNetwork]
    looks: Sequence[Look]
    execution: Execution
    listener: Listener
    before: tuple[SegmentationPlan, Sequence[ImageNetwork]] | None

    def settled(self) -> SegmentationPlan:
        """The plan with what helps."""
        plan, bare, reasons = self.plan, replace(self.plan, refine="none", refined={}), list(self.plan.reasons)
        if plan.refine != "none":
            found = best_refinement(self._judged(), plan)
            reasons.append(Reason("segmentation.refine", plan.refine, self._of(found.sentence)))
            self.listener.say(f"{plan.refine}: {self._of(found.sentence)}")
            if found.kept:
                bare = replace(bare, refine=plan.refine, refined=dict(found.settings))
        dice = self._dice_by_rule(bare)
        rules = {"largest": list(plan.largest), "filled": list(plan.filled)}
        for k, structure in enumerate(plan.structures):
            at = [structure.name in plan.largest, structure.name in plan.filled]
            for axis, name in enumerate(rules):
                ruled = [*at]
                ruled[axis] = True
                before, after = (dice[(*map(int, which), k)] for which in (at, ruled))
                if after > before + BETTER:
                    rules[name].append(structure.name)
                    said = f"mean Dice on the tuning set {after:.4f}, {before:.4f} without"
                    reasons.append(Reason(f"segmentation.{name}", structure.name, said))
                    at = ruled
        return replace(bare, largest=tuple(rules["largest"]), filled=tuple(rules["filled"]), reasons=tuple(reasons))

    def _of(self, sentence: str) -> str:
        """A sentence about a cascade's second network says so."""
        return sentence if self.before is None else f"{sentence}, within {self.before[0].structures[0].name}"

    @contextmanager
    def _seen(self, look: Look) -> Iterator[tuple[Seen, NDArray[np.integer]]]:
        """What the networks that look at a case say of it, and its true labels."""
        case, fold = look
        volume, labels = case_of(case)

        def looked(network: ImageNetwork, images: torch.Tensor) -> torch.Tensor:
            return logits_of(network, images, self.execution)

        region = None
        if self.before is not None:
            region = segmented(of_fold(self.before[1], self.before[0], fold), volume, self.before[0], logits_of=looked)[
                0
            ]
        networks = of_fold(self.networks, self.plan, fold)
        with on_network_grid(networks, volume, self.plan, logits_of=looked, region=region) as seen:
            yield seen, labels

    def _judged(self) -> Iterator[Callable[[SegmentationPlan], float]]:
        """For one case after the other, what the mean Dice of its structures is by a plan."""
        some = self.looks[:MOST_CASES]
        for done, look in enumerate(some):
            self.listener.progress(f"trying settings of {self.plan.refine}", done, len(some))
            with self._seen(look) as (seen, labels):
                yield lambda one: float(np.mean(dice_by_structure(labels, seen.masks(one), one)))

    def _dice_by_rule(self, plan: SegmentationPlan) -> NDArray[np.float64]:
        """Mean Dice of each structure (largest component or all, filled or not, structures) by the rules together."""
        names, untidy = tuple(one.name for one in plan.structures), replace(plan, largest=(), filled=())
        made = np.zeros((2, 2, len(names)))
        for done, look in enumerate(self.looks):
            self.listener.progress("trying rules for components and holes", done, len(self.looks))
            with self._seen(look) as (seen, labels):
                masks = seen.masks(untidy)
            for largest, filled in product((0, 1), repeat=2):
                ruled = replace(plan, largest=names if largest else (), filled=names if filled else ())
                made[largest, filled] += dice_by_structure(labels, tidied(masks.copy(), ruled), plan) / len(self.looks)
        return made
