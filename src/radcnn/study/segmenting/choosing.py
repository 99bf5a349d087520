"""What is chosen on the tuning set once the networks are trained: a refinement, components, holes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case
from radcnn.evaluation.segmentation import dice_by_structure
from radcnn.inference.refining.choice import BETTER, best_refinement
from radcnn.inference.segmented import Seen, on_network_grid, tidied
from radcnn.learning.execution import Execution, logits_of
from radcnn.networks.image_network import ImageNetwork
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.plan.settings import Reason
from radcnn.study.listener import Listener
from radcnn.study.segmenting.judging import case_of

MOST_CASES = 12  # of the tuning set that refinements are judged on: each takes a cut or a field


def chosen_on_tuning(
    plan: SegmentationPlan, cases: Sequence[Case], networks: Sequence[ImageNetwork], execution: Execution,
    listener: Listener,
) -> SegmentationPlan:  # fmt: skip
    """The plan with the refinement and rules that help on the tuning cases; its reasons say by how much.

    One case is held at a time.
    """
    bare = replace(plan, refine="none", refined={})
    if not cases:
        return bare
    reasons = list(plan.reasons)

    @contextmanager
    def seen_of(case: Case) -> Iterator[tuple[Seen, NDArray[np.integer]]]:
        volume, labels = case_of(case)
        with on_network_grid(networks, volume, plan, logits_of=lambda n, x: logits_of(n, x, execution)) as seen:
            yield seen, labels

    def by_case() -> Iterator[Callable[[SegmentationPlan], float]]:
        some = cases[:MOST_CASES]
        for done, case in enumerate(some):
            listener.progress(f"trying settings of {plan.refine}", done, len(some))
            with seen_of(case) as (seen, labels):
                yield lambda one: float(np.mean(dice_by_structure(labels, seen.masks(one), one)))

    if plan.refine != "none":
        found = best_refinement(by_case(), plan)
        reasons.append(Reason("segmentation.refine", plan.refine, found.sentence))
        listener.say(f"{plan.refine}: {found.sentence}")
        if found.kept:
            bare = replace(bare, refine=plan.refine, refined=dict(found.settings))
    by_rule = []
    untidy = replace(bare, largest=(), filled=())
    for done, case in enumerate(cases):
        listener.progress("trying rules for components and holes", done, len(cases))
        with seen_of(case) as (seen, labels):
            by_rule.append(_dice_by_rule(seen.masks(untidy), labels, bare))
    dice = np.mean(by_rule, axis=0)
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


def _dice_by_rule(masks: NDArray[np.bool_], labels: NDArray[np.integer], plan: SegmentationPlan) -> NDArray[np.float64]:
    """Dice of each structure (largest component or all, filled or not, structures) by every combination of rules."""
    names = tuple(one.name for one in plan.structures)
    made = np.empty((2, 2, len(names)))
    for largest, filled in product((False, True), repeat=2):
        ruled = replace(plan, largest=names if largest else (), filled=names if filled else ())
        made[int(largest), int(filled)] = dice_by_structure(labels, tidied(masks.copy(), ruled), plan)
    return made
