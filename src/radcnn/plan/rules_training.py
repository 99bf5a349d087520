"""Rules for the network and its training: what fits the images, the number of cases and the minutes."""

from __future__ import annotations

import math
from dataclasses import replace

from radcnn.plan.cost import Cost, cost_of
from radcnn.plan.facts import Facts
from radcnn.plan.settings import NetworkPlan, Reason
from radcnn.transforms.preparation import Preparation

SMALL_STEM_SIDE = 32  # images up to this side keep their resolution in the first layer (MedMNIST's ResNet)
STRIDED_STEM_SIDE = 64  # up to this side it is halved once
WIDTHS = (64, 48, 32, 24, 16)  # kernels of the first stage, widest first
MEDIUM_WIDTH = 32
ENOUGH_EPOCHS = 20  # passes over many cases ...
ENOUGH_STEPS = 800  # ... or steps over few, below which a smaller network is the better use of the minutes
MOST_EPOCHS = 60  # passes beyond which further ones help less than another network for the ensemble
MOST_MEMBERS = 5
RATED_BATCH = 32  # up to which the learning rate is the same
PAIR = 2  # a wider network is taken only where two of them can be trained: the second lowers the variance more
FEW_CASES = 1000  # development cases below which tuning on one part of them is mostly noise


def stem_rule(preparation: Preparation) -> tuple[str, str]:
    """Stem of a residual network, and why."""
    side = max(preparation.size)
    if side > STRIDED_STEM_SIDE:
        return "imagenet", "large inputs are halved twice at once"
    if side <= SMALL_STEM_SIDE and preparation.region_mm is not None and preparation.dims == 3:
        return "pooled", "a lesion's margin is as thin as a voxel: the first layer sees it, its maximum is kept"
    if side > SMALL_STEM_SIDE or preparation.dims == 3:
        return "strided", "the first layer halves the size once: full resolution would cost most of the time"
    return "small", "small images keep their resolution in the first layer"


def network_rule(facts: Facts, preparation: Preparation, batch: int) -> tuple[NetworkPlan, Reason]:
    """A residual network, as wide as leaves enough epochs within the minutes."""
    stem, why = stem_rule(preparation)
    enough = enough_epochs(facts, batch)
    fit = f"the widest that leaves {facts.minutes:g} minutes time for {PAIR} networks of {enough} epochs"
    for width in WIDTHS:
        plan = NetworkPlan("resnet18", {"stem": stem, "base_width": width, "dropout": 0.2})
        if affordable_epochs(facts, cost_of(plan, preparation, facts.outputs)) >= PAIR * enough:
            break
    else:
        fit = f"the narrowest, since {facts.minutes:g} minutes are few"
    sentence = f"{why}; {fit}"
    return plan, Reason("network", f"resnet18, {stem} stem, {width} kernels at first", sentence)


def largest_side(facts: Facts, sides: tuple[int, ...], preparation: Preparation) -> int:
    """The largest side at which a network of medium width still has enough epochs."""
    for side in sides:
        sized = replace(preparation, size=(side,) * preparation.dims)
        network = NetworkPlan("resnet18", {"stem": stem_rule(sized)[0], "base_width": MEDIUM_WIDTH})
        if affordable_epochs(facts, cost_of(network, sized, facts.outputs)) >= ENOUGH_EPOCHS:
            return side
    return sides[-1]


def enough_epochs(facts: Facts, batch: int) -> int:
    """Epochs below which a network is not trained: 20, or as many as give 800 steps, at most 60."""
    return max(ENOUGH_EPOCHS, min(MOST_EPOCHS, math.ceil(ENOUGH_STEPS / math.ceil(facts.training / batch))))


def epoch_seconds(facts: Facts, cost: Cost) -> float:
    """Seconds of one epoch: training, and judging as many training cases as tuning cases; attacks are counted."""
    judged = 2 * facts.fingerprint.cases["tuning"]
    cores, precision = facts.cores, facts.precision
    training = cost.training_seconds(facts.training, cores, precision)
    if facts.adversarial is not None:
        training *= facts.adversarial.costs
    return training + cost.prediction_seconds(judged, cores, precision)


def affordable_epochs(facts: Facts, cost: Cost) -> int:
    """Epochs of one network within the minutes."""
    return int(facts.seconds / max(epoch_seconds(facts, cost), 1e-3))


def folds_rule(facts: Facts, cost: Cost, batch: int) -> tuple[int, Reason]:
    """Few cases and time enough: every one of them is trained on and tuned on, in turn."""
    k = facts.most_folds
    if facts.fixed_split:
        why = "the data bring their split"
    elif facts.development >= FEW_CASES:
        why = f"{facts.development} cases are enough to set some aside for tuning"
    elif not k:
        why = "too few patients of the rarest class to rotate training and tuning cases in folds"
    elif affordable_epochs(facts, cost) < k * enough_epochs(facts, batch):
        why = f"{facts.minutes:g} minutes do not suffice to train {k} networks"
    else:
        why = f"{facts.development} cases are too few to tune on a part: {k} networks rotate through them"
        return k, Reason("training.folds", str(k), why)
    return 0, Reason("training.folds", "0", why)


def members_rule(
    facts: Facts, cost: Cost, decided: int, batch: int, asked_epochs: int = 0
) -> tuple[int, int, tuple[Reason, ...]]:
    """Members and epochs: first enough epochs for one network, then further networks for the mean of several.

    decided       networks that folds or a person fixed already, or 0
    asked_epochs  epochs that a person fixed already, or 0
    """
    total = affordable_epochs(facts, cost)
    members = decided or max(1, min(MOST_MEMBERS, total // (asked_epochs or enough_epochs(facts, batch))))
    epochs = asked_epochs or max(1, min(MOST_EPOCHS, total // members))
    seconds = members * epochs * epoch_seconds(facts, cost)
    several = "the mean of several networks is steadier than any one of them"
    said = (
        Reason("training.members", str(members), several if members > 1 else "one network takes all of the minutes"),
        Reason("training.epochs", str(epochs), f"training takes about {seconds / 60:.1f} of {facts.minutes:g} minutes"),
    )
    return members, epochs, said


def batch_rule(facts: Facts, preparation: Preparation) -> tuple[int, Reason]:
    """A power of two that leaves at least 20 steps an epoch, at most 128 small or 32 large images."""
    most = 128 if math.prod(preparation.size) <= 64 * 64 else 32
    batch = max(8, min(most, 2 ** int(math.log2(max(8, facts.training / 20)))))
    return batch, Reason("training.batch", str(batch), "at least 20 steps an epoch, within memory")


def rate_rule(batch: int) -> tuple[float, Reason]:
    """Adam-type learning rates grow with the square root of the batch (Malladi et al. 2022).

    Batches below 32 are those of few cases, and of few steps: a lower rate would spend them without leaving the plateau
    at the start (docs/decisions/0017).
    """
    rate = round(1e-3 * math.sqrt(max(batch, RATED_BATCH) / RATED_BATCH), 5)
    return rate, Reason("training.learning_rate", f"{rate:g}", "1e-3 up to batch 32, growing with its square root")


def averaging_rule(steps: int) -> tuple[float, Reason]:
    """The average reaches back over a fiftieth of all steps, at least ten."""
    decay = round(1 - 1 / max(10.0, steps / 50), 5)
    sentence = "averaged weights of late steps generalise better than the last ones (Polyak; Izmailov et al. 2018)"
    return decay, Reason("training.averaging", f"{decay:g}", sentence)
