"""What right answers and errors look like, over all labelled cases of a side: groups that are alike, and mean maps.

RUN/explain/group-FEATURES-1-case-12.png   the cases nearest to the middle of a group; of maps with the map over them
RUN/explain/mean-LABEL-right.png           the mean map of the right answers to the cases of a class
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from radcnn.core.files import write_bytes
from radcnn.explanation.gathered import EACH, NEAREST, PERMUTATIONS, Gathered, gathered, in_parts, penultimate
from radcnn.explanation.layers import layer_to_map
from radcnn.explanation.shortcut import attribution, border_frame
from radcnn.reports.explaining.groups import Grouped, GroupedBy, Grouping, GroupShown, MeanShown
from radcnn.reports.explaining.overlay import overlaid, plain
from radcnn.study.explaining.asked import Asked, Way, outputs_of
from radcnn.study.explaining.chosen import Chosen, batches, choose
from radcnn.study.explaining.mapped import maps_of, strongest_slice, to_one
from radcnn.study.listener import Listener
from radcnn.study.looking import LookedInto

ERRORS = ("false positive", "miss", "wrong")


def grouped_of(
    looked: LookedInto, wanted: Asked, place: Path, *, named: bool, listener: Listener
) -> tuple[Grouped | None, str]:
    """What was found, or why not, where groups were asked for: of all cases of the side, or those that were named."""
    if not wanted.groups:
        return None, ""
    every = choose(looked, replace(wanted, most=len(looked.images)), named=named, listener=listener)
    if "value" in every.outcomes:
        return None, "values, and cases without the label that is asked, have no right or wrong answers"
    if len(every.numbers) < EACH * wanted.groups:
        return None, f"{len(every.numbers)} cases are too few for {wanted.groups} groups; give a smaller --groups"
    network = looked.networks[0]
    way = Way("gradcam", layer_to_map(network, every.images[:1]))
    maps = to_one(maps_of(looked.networks, looked.bundle.target, way, every.images, every.classes, listener).mean(0))
    wrong = [outcome in ERRORS for outcome in every.outcomes]
    features = penultimate(network, every.images, at_once=len(batches(every.images)[0]))
    by: dict[GroupedBy, Gathered] = {
        "features": gathered(features, wrong, every.patients, groups=wanted.groups, seed=wanted.seed),
        "maps": gathered(in_parts(maps), wrong, every.patients, groups=wanted.groups, seed=wanted.seed, scaled=False),
    }
    groupings = tuple(_grouping(name, found, every, maps, place) for name, found in by.items())
    means = _means(looked, every, maps, np.array(wrong), place)
    return Grouped(len(every.numbers), len(set(every.patients)), PERMUTATIONS, groupings, means), ""


def _grouping(by: GroupedBy, found: Gathered, every: Chosen, maps: Tensor, place: Path) -> Grouping:
    shown = []
    for k, group in enumerate(found.groups, start=1):
        nearest = group.rows[:NEAREST]
        files = tuple(f"group-{by}-{k}-case-{every.numbers[row]}.png" for row in nearest)
        for row, file in zip(nearest, files, strict=True):
            image = every.images[row].mean(0)
            write_bytes(place / file, _over(image, maps[row]) if by == "maps" else plain(_middle(image)))
        outcomes = tuple(Counter(every.outcomes[row] for row in group.rows).most_common())
        shown.append(
            GroupShown(len(group.rows), outcomes, group.errors, tuple(every.numbers[row] for row in nearest), files)
        )
    return Grouping(by, tuple(shown), found.p, found.undefined)


def _means(looked: LookedInto, every: Chosen, maps: Tensor, wrong: np.ndarray, place: Path) -> tuple[MeanShown, ...]:
    """The mean maps of right and of wrong answers, class by class of the truth."""
    truths, frame = every.truths.numpy(), border_frame(maps.shape[1:])
    names = outputs_of(looked.bundle.target)
    made = []
    for truth in sorted(set(truths.tolist())):
        for right in (True, False):
            rows = np.flatnonzero((truths == truth) & (wrong != right))
            if not len(rows):
                continue
            label = names[truth] if truth >= 0 else "none of the labels asked"
            file = f"mean-{truth if truth >= 0 else 'none'}-{'right' if right else 'wrong'}.png"
            mean = maps[rows].mean(0)
            image = every.images[rows].mean(dim=(0, 1))
            write_bytes(place / file, _over(image, mean / max(float(mean.max()), 1e-12)))
            border = attribution("border", maps[rows].numpy(), frame, [every.patients[row] for row in rows]).share
            made.append(MeanShown(label, right, border, file))
    return tuple(made)


def _over(image: Tensor, found: Tensor) -> bytes:
    """A map of 0..1 over its image; of volumes the slice in which the map is strongest."""
    if found.ndim == 3:
        at = strongest_slice(found)
        image, found = image[at], found[at]
    return overlaid(image.numpy(), found.numpy())


def _middle(image: Tensor) -> np.ndarray:
    return (image if image.ndim == 2 else image[len(image) // 2]).numpy()
