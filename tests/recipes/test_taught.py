"""Steps of a recipe's training: what the minutes suffice for, in the precision that is trusted."""

from __future__ import annotations

import pytest

from radcnn.plan.restoration import RestorationPlan
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from radcnn.recipes import taught
from radcnn.study.listener import SILENCE

FIRST = RestorationPlan(NetworkPlan("chen2017"), TrainingPlan(epochs=1, batch=8), (33, 33), loss="mse")


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine whose trials of bfloat16 agree; the plans that were tried."""
    tried: list[str] = []

    def trial(plan: RestorationPlan, device: str) -> tuple[bool, str]:
        tried.append(plan.training.precision)
        return True, "agreed"

    monkeypatch.setattr(taught, "bfloat16_trial", trial)
    return tried


def test_bfloat16_that_is_trusted_gives_more_steps_in_the_same_minutes(trials: list[str]) -> None:
    plan = taught.within(FIRST, 2.0)
    quick = taught.in_trusted_precision(plan, 2.0, SILENCE)
    assert (plan.training.precision, quick.training.precision) == ("float32", "bfloat16")
    assert quick.steps > 1.2 * plan.steps
    assert (quick.training.batch, quick.network, quick.patch) == (8, plan.network, plan.patch)
    assert trials == ["float32"]


def test_bfloat16_that_disagrees_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taught, "bfloat16_trial", lambda plan, device: (False, "did not agree"))
    plan = taught.within(FIRST, 2.0)
    assert taught.in_trusted_precision(plan, 2.0, SILENCE) == plan


def test_a_short_training_is_not_worth_a_trial(trials: list[str]) -> None:
    plan = taught.within(FIRST, 0.5)
    assert taught.in_trusted_precision(plan, 0.5, SILENCE) == plan
    assert not trials


def test_the_least_minutes_still_give_a_step_for_every_epoch() -> None:
    plan = taught.within(FIRST, 1e-6)
    assert (plan.steps, plan.training.epochs) == (1, taught.EPOCHS)
