"""Rules for the network of a segmentation and for its patches: what fits into the minutes, and what it costs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from radcnn.core.cores import VectorBits
from radcnn.core.errors import SettingsError
from radcnn.core.settings import from_plain, merged, to_plain
from radcnn.networks import activation_elements, multiply_accumulates
from radcnn.networks.image_network import ImageNetwork
from radcnn.networks.image_networks import bare_image_network
from radcnn.networks.layers import Dims
from radcnn.plan.cost import PATCHES, Cost
from radcnn.plan.resources import PER_WEIGHT, STEP
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.plan.segmentation_facts import SegmentationFacts
from radcnn.plan.settings import NetworkPlan

SIDES = {2: (256, 224, 192, 160, 128, 96, 64, 48, 32), 3: (96, 80, 64, 48, 32)}
WIDTHS = (32, 24, 16, 12, 8)  # kernels at the image's own resolution, widest first
WIDEST = 10  # times as many at the coarsest resolutions
ABOUT = 2.0  # times the box about all structures: what lies farther away seldom says where they are
COARSEST = 6  # voxels across the coarsest map, below which nothing more is halved
ENOUGH_STEPS = 1500  # below which a narrower network, then a smaller patch, is the better use of the minutes
MOST_STEPS = 40_000
NETWORKS: Mapping[str, tuple[str, Dims]] = {  # what a person may call networks, with what they look at
    "unet2d": ("modern_unet", 2),
    "unet3d": ("modern_unet", 3),
    "resenc2d": ("resenc_unet", 2),
    "resenc3d": ("resenc_unet", 3),
}


def affordable_steps(facts: SegmentationFacts, plan: SegmentationPlan) -> int:
    """Steps of each network, in each stage of a cascade, within the minutes, at most 40,000."""
    seconds = plan.training.networks * sum(step_seconds(stage, facts.cores, facts.vectors) for stage in plan.stages)
    return int(max(1, min(MOST_STEPS, facts.seconds / seconds)))


def step_seconds(plan: SegmentationPlan, cores: int, vectors: VectorBits) -> float:
    """Seconds of a step on cores of a kind: its arithmetic, and what every step costs beside it."""
    cost = patch_cost(plan)
    beside = STEP + PER_WEIGHT * cost.weights
    return beside + cost.training_seconds(plan.training.batch, cores, plan.training.precision, PATCHES[vectors])


def patch_cost(plan: SegmentationPlan) -> Cost:
    """The cost of one patch in the plan's network; nothing is computed, only counted."""
    options = json.dumps(to_plain(dict(plan.network.options)), sort_keys=True)
    return _counted(plan.network.name, options, plan.seen, plan.outputs, plan.patch)


@lru_cache(maxsize=512)
def _counted(name: str, options: str, channels: int, outputs: int, size: tuple[int, ...]) -> Cost:
    dims: Dims = 2 if len(size) == 2 else 3
    built = _built(name, options, channels, outputs, dims)
    weights = sum(value.numel() for value in built.state_dict().values())
    return Cost(multiply_accumulates(built, size, channels), activation_elements(built, size, channels), dims, weights)


@lru_cache(maxsize=64)
def _built(name: str, options: str, channels: int, outputs: int, dims: Dims) -> ImageNetwork:
    return bare_image_network(name, channels=channels, outputs=outputs, dims=dims, options=json.loads(options))


def whole_patch(plan: SegmentationPlan) -> tuple[int, ...]:
    """The plan's patch, or the next larger one of which the network halves no voxel in two."""
    options = json.dumps(to_plain(dict(plan.network.options)), sort_keys=True)
    network = _built(plan.network.name, options, plan.seen, plan.outputs, plan.dims)
    if lost := sum(network.margins):
        return tuple(network.needed(side) - lost for side in plan.patch)
    multiples = network.multiples or (network.multiple,) * plan.dims
    return tuple(side + -side % multiple for side, multiple in zip(plan.patch, multiples, strict=True))


def asked_network(facts: SegmentationFacts) -> tuple[dict[str, Any], Dims | None]:
    """What was asked of the network, and what it looks at where its name says so."""
    asked = dict(facts.asked.get("network", {}))
    name = str(asked.get("name"))
    if name in NETWORKS:
        asked["name"], dims = NETWORKS[name]
        return asked, dims
    return asked, None


def network_and_patch(
    facts: SegmentationFacts, first: SegmentationPlan, asked: dict[str, Any], patch: Any
) -> tuple[SegmentationPlan, str]:
    """The largest patch up to twice the structures, then the widest network, that leave enough steps in the minutes.

    Raises SettingsError for a patch that was asked for and that the network cannot halve.
    """
    size = _on_grid(facts, first, facts.size)[-first.dims :]
    if facts.masks.reach is not None and not first.cells:
        about = _on_grid(facts, first, facts.masks.reach.median)[-first.dims :]
        size = tuple(min(n, math.ceil(ABOUT * box)) for n, box in zip(size, about, strict=True))

    def enough(plan: SegmentationPlan) -> bool:
        return affordable_steps(facts, plan) >= ENOUGH_STEPS

    chosen = first
    for side in _patches(size, first.dims) if patch is None else [tuple(int(n) for n in patch)]:
        chosen = _fitted(facts, first, side, WIDTHS[-1], asked)
        if enough(chosen):
            break
    by_width = (_fitted(facts, first, chosen.patch, width, asked) for width in WIDTHS)
    chosen = next(filter(enough, by_width), chosen)
    if patch is not None and chosen.patch != tuple(int(n) for n in patch):
        said = " x ".join(map(str, patch))
        raise SettingsError(
            f"segmentation.patch {said} cannot be halved as often as {chosen.network.name} does; the next that can is "
            f"{' x '.join(map(str, chosen.patch))}"
        )
    return chosen, (
        f"as large, up to {ABOUT:g} times the structures, and as wide as leaves {facts.minutes:g} minutes time for "
        f"{ENOUGH_STEPS} steps"
    )


def _on_grid(facts: SegmentationFacts, plan: SegmentationPlan, size: Sequence[float]) -> tuple[int, ...]:
    """Voxels per axis, counted in those of a usual image, on the plan's grid."""
    own, grid = facts.spacing, grid_spacing(facts, plan.spacing_mm)
    if own is None or grid is None:
        return tuple(max(1, round(n)) for n in size)
    return tuple(max(1, round(n * old / new)) for n, old, new in zip(size, own.median, grid, strict=True))


def _patches(size: tuple[int, ...], dims: Dims) -> list[tuple[int, ...]]:
    """Patches of a usual image, largest first; no longer than it is, but for filling up to whole halvings."""
    made: list[tuple[int, ...]] = []
    for side in SIDES[dims]:
        patch = tuple(min(side, _filled(n)) for n in size)
        if patch not in made:
            made.append(patch)
    return made


def _filled(length: int) -> int:
    step = 2 ** max(0, min(5, int(math.log2(max(1, length / COARSEST)))))
    return -(-length // step) * step


def _fitted(
    facts: SegmentationFacts, first: SegmentationPlan, patch: tuple[int, ...], width: int, asked: dict[str, Any]
) -> SegmentationPlan:
    """The plan with a patch, and with a network of this width where none was asked for."""
    if asked.get("name", "modern_unet") not in ("modern_unet", "resenc_unet"):
        made = replace(first, patch=patch, network=from_plain(NetworkPlan, asked, "network"))
        return replace(made, patch=whole_patch(made))
    flat = flat_levels(facts, first.spacing_mm) if first.dims == 3 else 0
    halvings = max(1, min(5, int(math.log2(max(2, min(patch[-2:]) / COARSEST)))))
    kernels = [min(width * 2**k, WIDEST * width) for k in range(halvings + 1)]
    if wanted := dict(asked.get("options") or {}).get("kernels"):  # what else depends on their number follows it
        kernels, halvings = list(wanted), len(wanted) - 1
    supervised = max(0, min(2, halvings - 1))
    options: dict[str, object] = {"kernels": kernels, "flat": min(flat, halvings), "supervised": supervised}
    if asked.get("name") == "resenc_unet":
        options["down"] = [(1, 3, 4, 6, 6, 6)[min(k, 5)] for k in range(halvings + 1)]
    own = {"name": "modern_unet", "options": options}
    made = replace(first, patch=patch, network=from_plain(NetworkPlan, merged(own, asked), "network"))
    return replace(made, patch=whole_patch(made))


def grid_spacing(facts: SegmentationFacts, asked: tuple[float, ...] | None) -> tuple[float, ...] | None:
    """The usual spacing of the networks' grid: what is asked for, and the median of images where axes stay (0)."""
    own = facts.spacing
    if own is None or asked is None:
        return None if own is None else own.median
    return tuple(new or old for new, old in zip(asked, own.median, strict=True))


def flat_levels(facts: SegmentationFacts, asked: tuple[float, ...] | None) -> int:
    """Resolutions at which voxels of that grid are still more than twice as long as wide."""
    spacing = grid_spacing(facts, asked)
    if spacing is None:
        return 0
    ratio = spacing[0] / min(spacing[1:])
    return max(0, round(math.log2(ratio))) if ratio >= 2 else 0
