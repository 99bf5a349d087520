"""The plan of a run and its precision: what the trial says, and what the minutes suffice for then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import radcnn
from radcnn.plan.cost import BFLOAT16_GAIN
from radcnn.plan.settings import Plan
from radcnn.study import planning
from radcnn.study.clearance import predicted_cost
from radcnn.study.folder import StudyFolder
from radcnn.study.open_study import OpenStudy, open_study
from written_studies import class_folders

SAME, OTHER = 0.05, 0.1  # minutes for which bfloat16 affords another network of the same width, or a wider one


@pytest.fixture
def opened(tmp_path: Path) -> OpenStudy:
    images = class_folders(tmp_path / "images")
    return open_study(StudyFolder(radcnn.new(images, out=tmp_path / "study", patient_from=r"person\d+")))


@pytest.fixture
def proposed(opened: OpenStudy, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plan]:
    """The plan for some minutes after trials that end so, each of which has to be asked for."""

    def made(minutes: float, *verdicts: bool, **asked: object) -> Plan:
        left = [(verdict, f"trial {number}") for number, verdict in enumerate(verdicts, 1)]
        monkeypatch.setattr(planning, "bfloat16_trial", lambda plan, device: left.pop(0))
        plan = planning.proposed_plan(opened, replace(opened.settings, minutes=minutes, training=asked), {})
        assert not left
        return plan

    return made


def precision(plan: Plan) -> tuple[str, str]:
    (found,) = [reason.sentence for reason in plan.reasons if reason.setting == "training.precision"]
    return plan.training.precision, found


def amount(plan: Plan) -> tuple[int, int]:
    """Kernels at first; epochs of all networks."""
    return plan.network.options["base_width"], plan.training.members * plan.training.epochs


def test_without_agreement_the_plan_is_that_of_float32(opened, proposed) -> None:
    plan = proposed(SAME, False)
    assert precision(plan) == ("float32", "trial 1")
    assert amount(plan) == amount(opened.propose(replace(opened.settings, minutes=SAME)))


def test_with_bfloat16_more_is_trained_within_the_minutes(proposed) -> None:
    slow, quick = proposed(SAME, False), proposed(SAME, True)
    assert precision(quick) == ("bfloat16", f"trial 1, and the minutes are planned for {BFLOAT16_GAIN} times")
    assert amount(quick)[0] == amount(slow)[0]
    assert amount(slow)[1] < amount(quick)[1] <= 1.6 * amount(slow)[1]


def test_a_wider_network_is_tried_by_itself(proposed) -> None:
    slow, quick = proposed(OTHER, False), proposed(OTHER, True, True)
    assert precision(quick) == ("bfloat16", f"trial 2, and the minutes are planned for {BFLOAT16_GAIN} times")
    assert amount(quick)[0] > amount(slow)[0]


def test_a_wider_network_that_does_not_agree_gives_way_to_the_one_that_did(proposed) -> None:
    plan = proposed(OTHER, True, False)
    assert precision(plan) == ("bfloat16", "trial 1")
    assert amount(plan) == amount(proposed(OTHER, False))


def test_a_precision_that_was_asked_for_needs_no_trial(proposed) -> None:
    assert amount(proposed(OTHER, precision="float32")) == amount(proposed(OTHER, False))
    plan = proposed(OTHER, precision="bfloat16")
    assert precision(plan) == ("bfloat16", "asked for")
    assert amount(plan) == amount(proposed(OTHER, True, True))


def test_what_a_training_will_take_counts_its_precision(opened, proposed) -> None:
    plan = proposed(OTHER, True, True)
    full = replace(plan, training=replace(plan.training, precision="float32"))
    assert predicted_cost(opened, plan).minutes < predicted_cost(opened, full).minutes
