"""Doubts of a run that are worth something: calibration and sets on patients without a say, spreads, sureness."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special
from torch import nn

from radcnn.core.chance import generator
from radcnn.core.errors import InputError
from radcnn.core.target import Target
from radcnn.robustness.answers import Answered
from radcnn.study.stressing import set_making
from radcnn.study.stressing.calibrating import calibrated
from radcnn.study.stressing.doubted import sureness
from radcnn.study.stressing.set_making import sets_of_classes
from radcnn.study.stressing.spread import dropout_spread, network_spread

YES_NO = Target("binary", ("ill",), ("no", "yes"))


def answered(n: int, seed: int, *, hot: float = 3.0) -> Answered:
    """Two cases a patient, scores whose logits are `hot` times too large."""
    chance = generator(seed, "doubts")
    logits = chance.normal(0, 1.5, n)
    truth = (chance.random(n) < special.expit(logits)).astype(float)
    return Answered(YES_NO, special.expit(hot * logits)[:, None], truth[:, None], tuple(str(i // 2) for i in range(n)))


def looked(side: str, *networks: nn.Module) -> Any:
    images = generator(0, "images").random((5, 1, 4, 4)).astype(np.float32)
    task = SimpleNamespace(decode=lambda logits: torch.sigmoid(logits.double()).numpy())
    return SimpleNamespace(side=side, networks=networks, images=images, task=task)


def test_scaling_helps_scores_that_are_too_extreme_on_either_side():
    tuning, test = answered(400, 0), answered(300, 1)
    for here, side in ((tuning, "tuning"), (test, "test")):
        found = calibrated(here, tuning, side, seed=0)
        assert all(2 < one < 4.5 for one in found.temperatures)
        assert found.ece[1].value < found.ece[0].value
        assert found.gained.low > 0
        assert sum(found.before.cases) == len(here.scores)
    with pytest.raises(InputError, match="at least 10 tuning patients, got 4"):
        calibrated(answered(8, 0), answered(8, 0), "tuning", seed=0)


def test_a_temperature_of_the_test_side_is_that_of_the_tuning_side():
    tuning = answered(400, 0)
    first, second = (calibrated(answered(300, seed), tuning, "test", seed=0) for seed in (1, 2))
    assert first.temperatures == second.temperatures


def test_sets_hold_the_true_class_and_are_told_by_class_and_column(monkeypatch):
    tuning, test = answered(200, 0), answered(300, 1)
    monkeypatch.setattr(set_making, "scanner_columns", lambda _: {"site": ["a", "b"] * 150})
    found = sets_of_classes(looked("test"), test, tuning, seed=0)
    assert [one.way for one in found] == ["LAC", "APS"]
    for one in found:
        assert 0.84 < one.groups[0].coverage.value < 0.96
        assert [(g.column, g.group) for g in one.groups[1:]] == [
            ("class", "no"), ("class", "yes"), ("site", "a"), ("site", "b"),
        ]  # fmt: skip
        assert sum(one.shares) == pytest.approx(1)


def test_sets_of_the_tuning_side_are_judged_by_the_other_half(monkeypatch):
    tuning = answered(300, 0)
    monkeypatch.setattr(set_making, "scanner_columns", lambda _: {})
    found = sets_of_classes(looked("tuning"), tuning, tuning, seed=0)[0]
    assert "other half" in found.how
    assert 0.82 < found.groups[0].coverage.value < 0.97
    several = dataclasses.replace(tuning, target=Target("multilabel", ("ill",), ("absent", "present")))
    with pytest.raises(InputError, match="several labels"):
        sets_of_classes(looked("tuning"), several, several, seed=0)


def test_networks_that_agree_have_no_spread_and_one_network_none_to_tell():
    def network(value: float) -> nn.Module:
        made = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
        nn.init.constant_(made[1].weight, value)
        nn.init.zeros_(made[1].bias)
        return made.eval()

    assert np.allclose(network_spread(looked("test", network(0.1), network(0.1))), 0)
    assert (network_spread(looked("test", network(0.1), network(-0.1))) > 0).all()
    with pytest.raises(InputError, match="one network"):
        network_spread(looked("test", network(0.1)))


def test_dropout_spreads_alike_with_the_same_seed_and_is_off_again():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(16, 1)).eval()
    run = looked("test", network)
    before = torch.get_rng_state()
    first = dropout_spread(run, seed=3)
    assert (first > 0).all()
    assert np.array_equal(first, dropout_spread(run, seed=3))
    assert not np.array_equal(first, dropout_spread(run, seed=4))
    assert torch.equal(before, torch.get_rng_state())
    assert not any(layer.training for layer in network.modules())
    with pytest.raises(InputError, match="no dropout"):
        dropout_spread(looked("test", nn.Sequential(nn.Flatten(), nn.Linear(16, 1))), seed=0)


def test_the_least_sure_answer_is_the_one_at_the_threshold():
    scores = np.array([[0.3], [0.5], [0.9]])
    made = Answered(YES_NO, scores, np.zeros((3, 1)), ("a", "b", "c"), threshold=0.5)
    assert sureness(made).argmin() == 1
    assert sureness(dataclasses.replace(made, threshold=0.3)).argmin() == 0
    three = Target("multiclass", ("grade",), ("low", "middle", "high"))
    classes = Answered(three, np.array([[0.4, 0.3, 0.3], [0.8, 0.1, 0.1]]), np.zeros((2, 1)), ("a", "b"))
    assert sureness(classes).tolist() == [0.4, 0.8]
