"""Rules whose value is the same for every study until evidence says otherwise; each has its reason all the same."""

from __future__ import annotations

from typing import Any

from radcnn.plan.settings import Reason

USUAL: dict[str, tuple[Any, str]] = {
    "optimizer": ("adamw", "one rate suits networks of all widths, and decay stays apart (Loshchilov & Hutter 2019)"),
    "schedule": ("cosine", "the rate falls to 0, so the last weights have settled (Loshchilov & Hutter 2017)"),
    "warmup": (0.05, "normalisation and the optimizer's moments settle before the rate is at its peak"),
    "weight_decay": (0.05, "small data sets are soon learned by heart"),
    "gradient_clip": (1.0, "one odd batch must not undo many"),
    "keep": ("last", "the rate ends at 0 and weights are averaged, so no epoch is chosen on the tuning cases"),
    "patience": (0, "the schedule is made for all epochs; stopping early would end it at a high rate"),
    "balance": (False, "class weights distort probabilities; operating points answer to rare classes instead"),
    "label_smoothing": (0.0, "it distorts probabilities"),
    "mixup": (0.0, "a mixture of two patients is no patient, and it distorts probabilities"),
    "channels_last": (True, "the faster memory format of convolutions"),
    "views": ("identity", "each further view multiplies the time of a prediction"),
    "snapshots": (0, "weights of single epochs take room, and serve only to look at what was learned when"),
}


def usual_rules() -> tuple[dict[str, Any], tuple[Reason, ...]]:
    """The usual values of training settings by name, and why."""
    values = {name: value for name, (value, _) in USUAL.items()}
    return values, tuple(Reason(f"training.{name}", str(value), why) for name, (value, why) in USUAL.items())
