"""Rules for a restoration: what network the minutes suffice for, what patches it learns from, and how long."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from radcnn.core.settings import changed, from_plain, merged, to_plain
from radcnn.core.volume import Units
from radcnn.networks import activation_elements, multiply_accumulates
from radcnn.networks.image_networks import bare_image_network
from radcnn.networks.layers import Dims
from radcnn.plan.cost import Cost
from radcnn.plan.facts import SPARE
from radcnn.plan.resources import STEP
from radcnn.plan.restoration import LUNG, SOFT_TISSUE, RestorationPlan, Scale, Window
from radcnn.plan.rules_training import averaging_rule
from radcnn.plan.settings import NetworkPlan, Precision, Reason, TrainingPlan

PATCH_2D, PATCH_3D = 64, 32
BATCH_2D, BATCH_3D = 16, 4
WIDTHS = (64, 48, 32, 24, 16)  # kernels at the image's own resolution, widest first
LEVELS = 4
ENOUGH_STEPS = 2000  # below which a narrower network is the better use of the minutes
MOST_STEPS = 40_000
EPOCHS = 20  # times that the tuning patches are looked at
RATE = 1e-3
RATES: Mapping[str, float] = {"redcnn": 3e-4}  # of networks that the usual rate harms (decision 0018)
LEAST_BATCH = 4  # patches, to which a network that was asked for may fall


@dataclass(frozen=True)
class RestorationFacts:
    """What the rules may look at.

    rank, size  of the images: 2 or 3, and the smallest voxels per axis
    units, low, high  of the images: their unit, and the values between which nearly all of them lie
    pairs       to learn from
    asked       settings that a person gave, by section ("network", "training", "restoration")
    precision   what networks are computed in where none is asked for, which decides how far the minutes reach
    """

    rank: int
    size: tuple[int, ...]
    units: Units
    low: float
    high: float
    pairs: int
    minutes: float
    cores: int
    seed: int = 0
    asked: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    precision: Precision = "float32"

    @property
    def seconds(self) -> float:
        """Seconds that training may take."""
        return 60 * self.minutes * SPARE


def propose_restoration(facts: RestorationFacts) -> RestorationPlan:
    """The plan for these facts; whatever was asked for takes the place of the rule's value, and says so.

    Raises SettingsError for an unknown setting ("did you mean") or a value that does not fit.
    """
    asked = facts.asked.get("restoration", {})
    dims: Dims = asked.get("dims", 2)
    neighbours, why_beside = _neighbours(facts, dims)
    side, batch = (PATCH_2D, BATCH_2D) if dims == 2 else (PATCH_3D, BATCH_3D)
    patch = tuple(min(side, n) for n in facts.size[-dims:])
    scale, windows, why_scale = _numbers(facts)
    first = RestorationPlan(
        NetworkPlan("unet"), TrainingPlan(epochs=1, batch=batch, precision=_precision(facts)), patch, dims,
        neighbours=neighbours, scale=scale, units=facts.units, windows=windows, seed=facts.seed,
    )  # fmt: skip
    first = changed(first, {k: v for k, v in asked.items() if k != "steps"}, "restoration")
    network, why_network = _network(facts, first, int(facts.asked.get("training", {}).get("batch", batch)))
    first = replace(first, network=network)
    batch = _batch(facts, first, batch)
    steps = affordable_steps(facts, first, batch)
    training, why_training = _training(facts, network.name, batch, steps)
    each = int(asked.get("steps", max(1, steps // training.epochs)))
    said = {
        "restoration.dims": (str(dims), "slices: many more of them than volumes, and faster"),
        "restoration.neighbours": (str(first.neighbours), why_beside),
        "restoration.patch": (" x ".join(map(str, first.patch)), "many places in a batch, each larger than the grain"),
        "restoration.scale": (f"(value - {first.scale.low:g}) / {first.scale.unit:g}", why_scale),
        "restoration.loss": (first.loss, "keeps edges that the mean square would blur (Zhao et al. 2017)"),
        "restoration.steps": (str(each), f"{training.epochs} looks at the tuning patches"),
    }
    reasons = [
        Reason(name, value, "asked for", "study") if name.partition(".")[2] in asked else Reason(name, value, sentence)
        for name, (value, sentence) in said.items()
    ]
    return replace(first, training=training, steps=each, reasons=(*reasons, why_network, *why_training))


def affordable_steps(facts: RestorationFacts, plan: RestorationPlan, batch: int) -> int:
    """Steps of each network within the minutes, at most 40,000."""
    many = int(facts.asked.get("training", {}).get("members", 1))
    return int(max(1, min(MOST_STEPS, facts.seconds / many / step_seconds(plan, batch, facts.cores))))


def step_seconds(plan: RestorationPlan, batch: int, cores: int) -> float:
    """Seconds of a step: its arithmetic, and what every step costs beside it."""
    return STEP + image_cost(plan).training_seconds(batch, cores, plan.training.precision)


def image_cost(plan: RestorationPlan) -> Cost:
    """The cost of one patch in the plan's network; nothing is computed, only counted."""
    options = json.dumps(to_plain(dict(plan.network.options)), sort_keys=True)
    return _counted(plan.network.name, options, plan.channels, plan.patch)


@lru_cache(maxsize=256)
def _counted(name: str, options: str, channels: int, size: tuple[int, ...]) -> Cost:
    dims: Dims = 2 if len(size) == 2 else 3
    built = bare_image_network(name, channels=channels, dims=dims, options=json.loads(options))
    weights = sum(value.numel() for value in built.state_dict().values())
    return Cost(multiply_accumulates(built, size, channels), activation_elements(built, size, channels), dims, weights)


def _precision(facts: RestorationFacts) -> Precision:
    asked: Precision = facts.asked.get("training", {}).get("precision", facts.precision)
    return asked


def _neighbours(facts: RestorationFacts, dims: int) -> tuple[int, str]:
    if dims == 3:
        return 0, "a network of volumes sees all slices"
    if facts.rank == 2 or facts.size[0] < 3:
        return 0, "there are no slices beside"
    return 1, "the slices beside share the anatomy and not the noise"


def _numbers(facts: RestorationFacts) -> tuple[Scale, tuple[Window, ...], str]:
    """The network's numbers, and the windows in which figures are given."""
    if facts.units == "HU":
        return Scale(), (LUNG, SOFT_TISSUE), "air is 0 and water 1, in every scan"
    width = max(facts.high - facts.low, 1e-6)
    whole = Window("all values", facts.low, facts.low + width)
    return Scale(facts.low, width), (whole,), "nearly all values of the training images lie between 0 and 1"


def _network(facts: RestorationFacts, plan: RestorationPlan, batch: int) -> tuple[NetworkPlan, Reason]:
    """A residual U-Net without normalisation, which would take away what a value means; as wide as the minutes let."""
    asked = facts.asked.get("network", {})
    if "name" in asked:
        network = from_plain(NetworkPlan, asked, "network")
        bare_image_network(network.name, channels=plan.channels, dims=plan.dims, options=network.options)
        return network, Reason("network", network.name, "asked for", "study")
    for width in WIDTHS:
        network = NetworkPlan("unet", {"kernels": [width * 2**k for k in range(LEVELS)], "norm": "none"})
        if affordable_steps(facts, replace(plan, network=network), batch) >= ENOUGH_STEPS:
            break
    sentence = f"learns what is wrong with the image; the widest that leaves time for {ENOUGH_STEPS} steps"
    if asked:
        network = from_plain(NetworkPlan, merged({"name": "unet", "options": dict(network.options)}, asked), "network")
    return network, Reason("network", f"unet, {width} kernels at first", sentence)


def _batch(facts: RestorationFacts, plan: RestorationPlan, usual: int) -> int:
    """Patches in a step; fewer where a network that was asked for would have too few steps in its minutes."""
    asked = facts.asked.get("training", {})
    if "batch" in asked:
        return int(asked["batch"])
    batch = usual
    if "name" in facts.asked.get("network", {}):
        while batch > LEAST_BATCH and affordable_steps(facts, plan, batch) < ENOUGH_STEPS:
            batch //= 2
    return batch


def peak_rate(network: str) -> float:
    """The learning rate at which a network's training begins.

    >>> peak_rate("redcnn"), peak_rate("unet")
    (0.0003, 0.001)
    """
    return RATES.get(network, RATE)


def _training(facts: RestorationFacts, network: str, batch: int, steps: int) -> tuple[TrainingPlan, tuple[Reason, ...]]:
    asked = facts.asked.get("training", {})
    averaging, why_averaging = averaging_rule(steps)
    rate = peak_rate(network)
    proposed = TrainingPlan(
        epochs=EPOCHS, batch=batch, optimizer="adamw", learning_rate=rate, weight_decay=0.0, averaging=averaging,
        gradient_clip=1.0, keep="last", precision=facts.precision,
    )  # fmt: skip
    made = changed(proposed, asked, "training")
    reasons = (
        Reason("training.epochs", str(EPOCHS), f"{steps} steps in about {facts.seconds / 60:.1f} minutes"),
        Reason(
            "training.batch", str(batch), f"patches of many places, or as many as {ENOUGH_STEPS} steps leave time for"
        ),
        Reason("training.learning_rate", f"{rate:g}", "falls to 0 along a cosine"),
        Reason("training.weight_decay", "0", "there are more patches than weights"),
        why_averaging,
    )
    said = {f"training.{name}" for name in asked}
    kept = tuple(reason for reason in reasons if reason.setting not in said)
    plain = to_plain(made)
    return made, (*kept, *(Reason(f"training.{n}", str(plain[n]), "asked for", "study") for n in asked))
