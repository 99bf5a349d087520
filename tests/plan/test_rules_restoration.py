"""The plan of a restoration: what a network that was asked for gets of the minutes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from radcnn.plan.restoration import RestorationPlan
from radcnn.plan.rules_restoration import ENOUGH_STEPS, LEAST_BATCH, RestorationFacts, propose_restoration


def planned(minutes: float = 10.0, **asked: Mapping[str, Any]) -> RestorationPlan:
    facts = RestorationFacts(
        rank=2, size=(256, 256), units="HU", low=-1000.0, high=1000.0, pairs=50, minutes=minutes, cores=2, asked=asked
    )
    return propose_restoration(facts)


def steps(plan: RestorationPlan) -> int:
    return plan.steps * plan.training.epochs


def test_redcnn_begins_at_a_lower_rate_than_other_networks() -> None:
    rates = {name: planned(network={"name": name}).training.learning_rate for name in ("redcnn", "dncnn", "unet")}
    assert rates == {"redcnn": 3e-4, "dncnn": 1e-3, "unet": 1e-3}
    plan = planned(network={"name": "redcnn"})
    said = {reason.setting: reason.value for reason in plan.reasons}
    assert said["training.learning_rate"] == "0.0003"


def test_a_rate_that_was_asked_for_is_kept() -> None:
    plan = planned(network={"name": "redcnn"}, training={"learning_rate": 2e-4})
    assert plan.training.learning_rate == 2e-4


def test_a_costly_network_that_was_asked_for_takes_smaller_batches() -> None:
    costly, cheap = (planned(network={"name": name}) for name in ("redcnn", "chen2017"))
    assert (costly.training.batch, cheap.training.batch) == (LEAST_BATCH, 16)
    assert steps(cheap) > ENOUGH_STEPS
    middle = planned(60.0, network={"name": "redcnn"})
    assert LEAST_BATCH < middle.training.batch < 16
    assert steps(middle) > 0.9 * ENOUGH_STEPS


@pytest.mark.parametrize("batch", [2, 16])
def test_a_batch_that_was_asked_for_is_kept(batch: int) -> None:
    plan = planned(network={"name": "redcnn"}, training={"batch": batch})
    assert plan.training.batch == batch


def test_a_network_that_the_rules_chose_keeps_its_batch() -> None:
    assert planned(0.5).training.batch == 16
