"""Over-fitted, fitted or under-fitted? A verdict from the curves (Fig. 9 of the review), with the sentence why.

The curves are losses on training cases and on tuning cases, both measured as at prediction (no augmentation, no
dropout), so that their gap is not an effect of regularisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import nn

from radcnn.core.estimate import rounded
from radcnn.learning.events import EpochEnded
from radcnn.networks.build import bare
from radcnn.plan.settings import Plan

Label = Literal["under-fitted", "fitted", "over-fitted", "undecided"]

RISE = 0.10  # over-fitted: the tuning loss ends this share above its minimum, while the training loss still fell
GAP = 1.5  # over-fitted: the tuning loss is more than this many times the training loss, and ...
GAP_FIGURE = 0.05  # ... the watched figure is this much lower on the tuning cases
GUESSING = 0.95  # under-fitted: the training loss is still above this share of what guessing costs
FALLING = 0.05  # under-fitted: both losses fell by more than this share over the last fifth of the epochs


@dataclass(frozen=True)
class Verdict:
    """What the curves say, and which remedies of Table 3 are in use and which are not yet."""

    label: Label
    sentence: str
    in_use: tuple[str, ...]
    not_in_use: tuple[str, ...]


def verdict(history: Sequence[EpochEnded], plan: Plan, guessing: float) -> Verdict:
    """The verdict on all networks of a run: the most frequent one over networks, judged on smoothed curves.

    guessing  loss of the best constant answer (the task's `guessing`)
    """
    in_use, not_in_use = remedies(plan)
    networks = sorted({event.network for event in history})
    each = [judge([event for event in history if event.network == n], guessing) for n in networks]
    if not each:
        return Verdict("undecided", "nothing was trained yet", in_use, not_in_use)
    labels = [label for label, _ in each]
    common = max(sorted(set(labels)), key=labels.count)
    sentence = next(sentence for label, sentence in each if label == common)
    if len(each) > 1:
        sentence += f" ({labels.count(common)} of {len(each)} networks)"
    return Verdict(common, sentence, in_use, not_in_use)


def judge(history: Sequence[EpochEnded], guessing: float) -> tuple[Label, str]:
    """Label and sentence for the curves of one network; `guessing` is the loss of the best constant answer."""
    if len(history) < 4:
        few = "1 epoch is" if len(history) == 1 else f"{len(history)} epochs are"
        return "undecided", f"{few} too few for a verdict; train for at least 4"
    fit, tuning = _smooth([e.fit_loss for e in history]), _smooth([e.tuning_loss for e in history])
    last = history[-1]
    if not np.isfinite(tuning).all():
        return "undecided", "there are no tuning cases to compare with"
    minima = np.flatnonzero(tuning == tuning.min())
    lowest = int(minima[len(minima) // 2])
    rise = tuning[-1] / max(tuning[lowest], 1e-12) - 1
    if rise > RISE and fit[-1] < fit[lowest]:
        return "over-fitted", (
            f"the tuning loss rose by {rise:.0%} after epoch {history[lowest].epoch} while the training loss went on "
            "falling"
        )
    gap = last.fit_figure - last.tuning_figure
    if tuning[-1] > GAP * fit[-1] and gap > GAP_FIGURE:
        return "over-fitted", (
            f"the tuning loss ({rounded(tuning[-1])}) is {tuning[-1] / max(fit[-1], 1e-12):.1f} times the training "
            f"loss and the watched figure is {gap:.3f} lower on the tuning cases"
        )
    fifth = max(1, len(fit) // 5)
    if fit[-1] > GUESSING * guessing > 0:
        said = f"({rounded(fit[-1])}) is hardly below that of guessing ({rounded(guessing)})"
        return "under-fitted", f"the training loss {said}"
    falls = [1 - curve[-1] / curve[-1 - fifth] if curve[-1 - fifth] > 0 else 0.0 for curve in (fit, tuning)]
    if min(falls) > FALLING:
        return "under-fitted", f"both losses were still falling (by {min(falls):.0%} over the last {fifth} epochs)"
    return "fitted", "the tuning loss levelled off and did not rise again"


def remedies(plan: Plan) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Table 3 of the review: the remedies against overfitting (in use, not in use)."""
    training = plan.training
    layers = _layers(plan)
    table = {
        "data augmentation": bool(plan.augmentation.transforms),
        "weight decay": training.weight_decay > 0,
        "dropout": any(isinstance(m, nn.modules.dropout._DropoutNd) and m.p > 0 for m in layers),
        "batch normalization": any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in layers),
        "early stopping or keeping the best epoch": bool(training.patience) or training.keep == "best",
        "averaging of weights": training.averaging > 0,
        "label smoothing": training.label_smoothing > 0,
        "an ensemble": training.members > 1 or training.folds > 1,
        "more training data": False,
        "a smaller network": False,
    }
    return tuple(k for k, used in table.items() if used), tuple(k for k, used in table.items() if not used)


def _layers(plan: Plan) -> tuple[nn.Module, ...]:
    """The layers of the plan's network, built without weights: what it has by default counts too."""
    preparation, options = plan.preparation, plan.network.options
    network, _, _ = bare(
        plan.network.name, channels=preparation.channels, outputs=1, dims=preparation.dims, options=options
    )
    return tuple(network.modules())


def _smooth(values: Sequence[float]) -> np.ndarray:
    """Running median of three: a single bad epoch is no trend."""
    padded = np.pad(np.asarray(values, dtype=np.float64), 1, mode="edge")
    return np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
