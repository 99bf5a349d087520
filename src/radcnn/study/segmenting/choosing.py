"""What is chosen on the tuning set once the networks are trained: a refinement, components, holes."""

from __future__ import annotations

import math
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
from radcnn.inference.seen import Seen, on_network_grid
from radcnn.inference.segmented import by_stage, of_fold, segmented
from radcnn.inference.tidying import tidy
from radcnn.learning.execution import Execution, logits_of
from radcnn.metrics.conformal import SizeErrors, size_errors
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
) -> tuple[SegmentationPlan, dict[str, SizeErrors]]:  # fmt: skip
    """The plan with the refinement and rules that help on the tuning cases, and how wrong sizes are by it.

    The plan's reasons say by how much something helps. Sizes are in ml where all millimetres are known.

    looks  each tuning case, and the network of the fold that did not learn from it; None: all networks look at it

    One case is held at a time. The second network of a cascade is judged within what the first one outlines.
    """
    if not looks:
        return replace(plan, refine="none", refined={}, refined_within={}), {}
    settled: list[SegmentationPlan] = []
    sizes: dict[str, SizeErrors] = {}
    before: tuple[SegmentationPlan, Sequence[ImageNetwork]] | None = None
    for stage, part in by_stage(networks, plan):
        found, wrong = _Stage(stage, part, looks, execution, listener, before).settled()
        settled.append(found)
        sizes |= wrong
        before = found, part
    first, last = settled[0], settled[-1]
    chosen = replace(
        plan,
        refine=next((stage.refine for stage in settled if stage.refine != "none"), "none"),
        refined=first.refined,
        refined_within=last.refined if len(settled) > 1 else {},
        largest=tuple(dict.fromkeys(name for stage in settled for name in stage.largest)),
        filled=tuple(dict.fromkeys(name for stage in settled for name in stage.filled)),
        reasons=(*plan.reasons, *(reason for stage in settled for reason in stage.reasons[len(plan.reasons) :])),
    )
    return chosen, sizes


@dataclass(frozen=True, eq=False)
class _Stage:
    """Networks that look at the tuning cases; `before` are the plan and networks that say where."""

    plan: SegmentationPlan
    networks: Sequence[ImageNetwork]
    looks: Sequence[Look]
    execution: Execution
    listener: Listener
    before: tuple[SegmentationPlan, Sequence[ImageNetwork]] | None

    def settled(self) -> tuple[SegmentationPlan, dict[str, SizeErrors]]:
        """The plan with what helps, and how wrong sizes are with it."""
        plan, bare, reasons = self.plan, replace(self.plan, refine="none", refined={}), list(self.plan.reasons)
        if plan.refine != "none":
            found = best_refinement(self._judged(), plan)
            reasons.append(Reason("segmentation.refine", plan.refine, self._of(found.sentence)))
            self.listener.say(f"{plan.refine}: {self._of(found.sentence)}")
            if found.kept:
                bare = replace(bare, refine=plan.refine, refined=dict(found.settings))
        ruled_by = self._by_rule(bare)
        rules = {"largest": list(plan.largest), "filled": list(plan.filled)}
        wrong: dict[str, SizeErrors] = {}
        patients = [case.patient for case, _ in self.looks]
        for k, structure in enumerate(plan.structures):
            at = [structure.name in plan.largest, structure.name in plan.filled]
            for axis, name in enumerate(rules):
                ruled = [*at]
                ruled[axis] = True
                before, after = (ruled_by.dice[(*map(int, which), k)] for which in (at, ruled))
                if after > before + BETTER:
                    rules[name].append(structure.name)
                    said = f"mean Dice on the tuning set {after:.4f}, {before:.4f} without"
                    reasons.append(Reason(f"segmentation.{name}", structure.name, said))
                    at = ruled
            made = ruled_by.ml[:, int(at[0]), int(at[1]), k]
            if (errors := size_errors(ruled_by.true_ml[:, k], made, patients)) is not None:
                wrong[structure.name] = errors
        chosen = replace(bare, largest=tuple(rules["largest"]), filled=tuple(rules["filled"]), reasons=tuple(reasons))
        return chosen, wrong

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
            plan, before = self.before
            region = segmented(of_fold(before, plan, fold), volume, plan, logits_of=looked)[0]
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

    def _by_rule(self, plan: SegmentationPlan) -> _Ruled:
        """What each rule makes of the structures."""
        names, untidy = tuple(one.name for one in plan.structures), replace(plan, largest=(), filled=())
        many = len(self.looks)
        found = _Ruled(np.zeros((2, 2, len(names))), np.zeros((many, 2, 2, len(names))), np.zeros((many, len(names))))
        for done, look in enumerate(self.looks):
            self.listener.progress("trying rules for components and holes", done, many)
            with self._seen(look) as (seen, labels):
                masks, ml = seen.masks(untidy), seen.volume.voxel_ml if plan.unlabelled is None else None
            ml = math.nan if ml is None else ml
            found.true_ml[done] = [ml * np.isin(labels, one.labels).sum() for one in plan.structures]
            for largest, filled in product((0, 1), repeat=2):
                ruled = replace(plan, largest=names if largest else (), filled=names if filled else ())
                made = masks.copy()
                tidy(made, ruled)
                found.dice[largest, filled] += dice_by_structure(labels, made, plan) / many
                found.ml[done, largest, filled] = [ml * mask.sum() for mask in made]
        return found


@dataclass(frozen=True, eq=False)
class _Ruled:
    """What the rules make of structures: only the largest component or all, holes filled or not.

    dice     (largest, filled, structures) mean over cases
    ml       (cases, largest, filled, structures), NaN where millimetres are not known or not all was looked at
    true_ml  (cases, structures)
    """

    dice: NDArray[np.float64]
    ml: NDArray[np.float64]
    true_ml: NDArray[np.float64]
