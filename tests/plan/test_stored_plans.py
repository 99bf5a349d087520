"""A plan survives its file; its hash is that of what decides the numbers, and of nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from radcnn.core.errors import ReadError, SettingsError
from radcnn.core.settings import to_plain
from radcnn.plan.settings import NetworkPlan, Plan, Reason
from radcnn.plan.stored import load_plan, plan_from_json, plan_hash, save_plan
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.catalogue import TRANSFORMS
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.preparation import Preparation
from radcnn.transforms.spatial import Flip
from written_lessons import tiny_plan

EVERY_TRANSFORM = Augmentation(
    tuple(Flip(laterality="free") if kind is Flip else kind() for kind in TRANSFORMS.values())
)
PLANS = {
    "tiny": tiny_plan(),
    "every transform": replace(tiny_plan(), augmentation=EVERY_TRANSFORM),
    "numbers written short": replace(
        tiny_plan(weight_decay=0, learning_rate=1),
        preparation=Preparation(dims=3, size=(8, 8, 8), region_mm=(40, 40, 40), intensity=Intensity("range", 0, 9)),
    ),
    "with reasons": replace(tiny_plan(), reasons=(Reason("a", "b", "c"), Reason("d", "e", "f", "study"))),
    "with options": replace(tiny_plan(), network=NetworkPlan("chain", {"kernels": [4, 6], "norm": "batch"})),
}  # fmt: skip


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_plan_survives_its_file(tmp_path: Path, plan: Plan) -> None:
    save_plan(plan, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == plan
    assert plan_hash(load_plan(tmp_path / "plan.json")) == plan_hash(plan)


def test_reasons_and_order_are_not_in_the_hash_but_every_setting_is() -> None:
    plan = tiny_plan()
    assert plan_hash(plan) == plan_hash(PLANS["with reasons"])
    shuffled = dict(reversed(to_plain(plan).items()))
    assert plan_hash(plan_from_json(shuffled)) == plan_hash(plan)
    others = [
        replace(plan, seed=1),
        replace(plan, resamples=10),
        replace(plan, training=replace(plan.training, epochs=4)),
        replace(plan, network=NetworkPlan("chain", {**plan.network.options, "dropout": 0.3})),
        replace(plan, preparation=replace(plan.preparation, size=(8, 9))),
        replace(plan, augmentation=Augmentation()),
        replace(plan, operating_points=()),
    ]
    assert len({plan_hash(other) for other in (plan, *others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda plain: plain.update(sed=3), "the plan has no setting 'sed': did you mean seed?"),
        (lambda plain: plain.pop("training"), "the plan lacks training"),
        (lambda plain: plain["training"].update(epochs=0), "epochs of training must be at least 1"),
        (lambda plain: plain["training"].update(keep="bets"), "did you mean best?"),
        (lambda plain: plain["target"].update(kind="binray"), "did you mean binary?"),
        (lambda plain: plain["augmentation"].update(transforms=[{"flop": {}}]), "did you mean flip?"),
        (lambda plain: plain["preparation"].update(dims=4), "dims of preparation must be one of 2, 3"),
        (lambda plain: plain.update(seed="7"), "seed of the plan must be a whole number, got '7'"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(change, says: str) -> None:
    plain = json.loads(json.dumps(to_plain(tiny_plan())))
    change(plain)
    with pytest.raises(SettingsError) as caught:
        plan_from_json(plain)
    assert says in str(caught.value)


def test_a_file_that_is_no_plan_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(ReadError, match="not readable JSON"):
        load_plan(tmp_path / "plan.json")
    (tmp_path / "plan.json").write_text("[]")
    with pytest.raises(SettingsError, match="the plan must be a mapping"):
        load_plan(tmp_path / "plan.json")
