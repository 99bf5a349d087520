"""The verdict on curves drawn by hand: each label has its shape and its sentence; remedies are those of Table 3."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from radcnn.learning.events import EpochEnded
from radcnn.learning.verdict import judge, verdict
from radcnn.plan.settings import NetworkPlan
from radcnn.transforms.augmentation import Augmentation
from written_lessons import tiny_plan

TEN = range(10)
EVEN = math.log(2)  # what guessing costs where both classes are equally frequent


def curves(
    fit: list[float], tuning: list[float], figures: tuple[float, float] = (0.9, 0.88), network: int = 0
) -> list[EpochEnded]:
    return [
        EpochEnded(network, i + 1, len(fit), 1.0, 1e-3, f, f, t, *figures)
        for i, (f, t) in enumerate(zip(fit, tuning, strict=True))
    ]


FITTED = curves([0.3 + 0.4 * 0.5**i for i in TEN], [0.35 + 0.4 * 0.5**i for i in TEN])
RISING = curves([0.7 * 0.7**i for i in TEN], [0.5 + 0.02 * (i - 3) ** 2 for i in TEN])
APART = curves([0.05 + 0.6 * 0.4**i for i in TEN], [0.4 + 0.3 * 0.4**i for i in TEN], (0.99, 0.85))
FLAT = curves([0.693 - 0.001 * i for i in TEN], [0.693] * 10, (0.52, 0.5))
FALLING = curves([0.7 - 0.05 * i for i in TEN], [0.72 - 0.05 * i for i in TEN])


@pytest.mark.parametrize(
    ("history", "label", "says"),
    [
        (FITTED, "fitted", "the tuning loss levelled off and did not rise again"),
        (RISING, "over-fitted", "after epoch 4 while the training loss went on falling"),
        (APART, "over-fitted", "times the training loss and the watched figure is 0.140 lower on the tuning cases"),
        (FLAT, "under-fitted", "the training loss (0.684) is hardly below that of guessing (0.693)"),
        (FALLING, "under-fitted", "both losses were still falling"),
        (FITTED[:3], "undecided", "3 epochs are too few for a verdict; train for at least 4"),
        (curves([0.5] * 5, [math.nan] * 5), "undecided", "there are no tuning cases to compare with"),
    ],
    ids=["fitted", "rising", "apart", "flat", "falling", "short", "no tuning"],
)
def test_each_shape_has_its_label_and_its_sentence(history: list[EpochEnded], label: str, says: str) -> None:
    found, sentence = judge(history, EVEN)
    assert found == label
    assert says in sentence


@pytest.mark.parametrize(
    ("losses", "figure", "guessing", "label"),
    [
        ([0.020, 0.0197, 0.0195, 0.0194, 0.0194, 0.0194], 0.99, EVEN, "fitted"),  # learned in the first epoch
        ([2.0, 0.75, 0.70, 0.6931, 0.6931, 0.6931], 0.5, EVEN, "under-fitted"),  # a bad start, then guessing
        ([0.9, 0.25, 0.199, 0.198, 0.198, 0.198], 0.5, 0.1985, "under-fitted"),  # guessing at 5 % of positives
        ([0.21, 0.18, 0.17, 0.165, 0.165, 0.165], 0.8, 0.1985, "fitted"),
        ([0.3, 0.01, 0.01, 0.01, 0.01, 0.01], math.nan, 0.0, "fitted"),  # one class only: guessing costs nothing
    ],
)
def test_a_network_is_under_fitted_when_it_does_hardly_better_than_guessing(
    losses: list[float], figure: float, guessing: float, label: str
) -> None:
    assert judge(curves(losses, [1.05 * loss for loss in losses], (figure, figure)), guessing)[0] == label


def test_one_bad_epoch_is_no_trend() -> None:
    spike = [replace(event, tuning_loss=9.0) if event.epoch == 6 else event for event in FITTED]
    assert judge(spike, EVEN)[0] == "fitted"
    assert judge([*FITTED[:-1], replace(FITTED[-1], tuning_loss=0.36)], EVEN)[0] == "fitted"


def test_losses_of_zero_divide_nothing() -> None:
    assert judge(curves([0.5, 0.1] + [0.0] * 8, [0.5, 0.1] + [0.0] * 8), EVEN)[0] == "fitted"
    assert judge(curves([0.0] * 10, [0.1] * 10, (1.0, 0.8)), EVEN)[0] == "over-fitted"


def test_a_gap_without_a_worse_figure_is_no_overfitting() -> None:
    same = [replace(event, fit_figure=0.99, tuning_figure=0.98) for event in APART]
    assert judge(same, EVEN)[0] == "fitted"


def test_a_watched_figure_that_is_undefined_leaves_the_losses_to_decide() -> None:
    undefined = [replace(event, fit_figure=math.nan, tuning_figure=math.nan) for event in RISING]
    assert judge(undefined, EVEN)[0] == "over-fitted"


def test_several_networks_are_judged_by_most_of_them() -> None:
    networks = [FITTED, RISING, RISING]
    history = [replace(event, network=n) for n, events in enumerate(networks) for event in events]
    found = verdict(history, tiny_plan(), EVEN)
    assert found.label == "over-fitted"
    assert found.sentence.endswith("(2 of 3 networks)")


def test_nothing_trained_is_undecided() -> None:
    assert verdict([], tiny_plan(), EVEN).label == "undecided"


def test_remedies_in_use_and_not_in_use_are_those_of_table_3() -> None:
    plan = tiny_plan(weight_decay=0.0)
    found = verdict(FITTED, plan, EVEN)
    assert set(found.in_use) == {"data augmentation", "dropout", "batch normalization"}
    assert {"weight decay", "label smoothing", "an ensemble", "more training data"} <= set(found.not_in_use)
    assert not set(found.in_use) & set(found.not_in_use)
    bare = replace(
        tiny_plan(weight_decay=0.1, averaging=0.9, label_smoothing=0.1, members=3, keep="best"),
        augmentation=Augmentation(),
        network=NetworkPlan("vgg11", {}),
    )
    used = set(verdict(FITTED, bare, EVEN).in_use)
    assert used == {
        "weight decay", "averaging of weights", "label smoothing", "an ensemble",
        "early stopping or keeping the best epoch", "dropout",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "options", "normalised", "dropped"),
    [
        ("resnet18", {}, True, False),
        ("resnet18", {"dropout": 0.2}, True, True),
        ("densenet121", {}, True, False),
        ("vgg11_bn", {}, True, True),
        ("vgg11", {"dropout": 0.0}, False, False),
        ("alexnet", {}, False, True),
        ("chain", {}, False, False),
        ("chain", {"norm": "batch", "dropout": 0.1}, True, True),
        ("googlenet", {}, True, True),
    ],
)
def test_what_a_network_brings_of_itself_counts(name: str, options: dict, normalised: bool, dropped: bool) -> None:
    used = verdict(FITTED, replace(tiny_plan(), network=NetworkPlan(name, options)), EVEN).in_use
    assert ("batch normalization" in used, "dropout" in used) == (normalised, dropped)
