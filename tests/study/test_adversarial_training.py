"""`--adversarial`: planned, counted and told, the same from Python, and refused where it must be."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import radcnn
from cli_in_process import QUICK, refused, told, torch_threads
from radcnn.core.errors import SettingsError
from radcnn.core.estimate import Estimate
from radcnn.core.settings import to_plain
from radcnn.plan.adversarial import Adversarial
from radcnn.plan.settings import TrainingPlan
from radcnn.plan.stored import load_plan, plan_from_json, plan_hash
from radcnn.study.clearance import predicted_cost
from radcnn.study.folder import StudyFolder
from radcnn.study.hardening import Hardened, reach
from radcnn.study.listener import SILENCE
from radcnn.study.open_study import open_study
from written_lessons import tiny_plan
from written_studies import class_folders, rows_of_images, write_csv, write_npz

PGD = ("--adversarial", "pgd", "--adversarial-budget", "4")
ONE_EPOCH = ("--network", "chain", "--set", "training.epochs=1", "--set", "training.members=1", *QUICK[6:])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of 8-bit images, not trained yet."""
    folder = tmp_path_factory.mktemp("against")
    told("new", write_npz(folder / "set.npz"), "--out", folder / "study")
    return folder / "study"


@pytest.fixture(scope="module")
def run(study: Path) -> Path:
    """One epoch against PGD, judged and told."""
    said = told("train", study, *ONE_EPOCH, *PGD, "--json")
    assert "against PGD of 5 steps and 4 grey levels: a step costs 4.3 times as much" in said.err
    made = Path(said.json["run"])
    told("evaluate", made)
    told("report", made)
    return made


def test_plan_report_and_card_say_against_what_and_at_what_cost(run: Path) -> None:
    page = " ".join(re.sub(r"<[^>]+>", " ", (run / "report.html").read_text(encoding="utf-8")).split())
    said = "PGD of 5 steps and 4 grey levels"
    assert f"trained against attacks: {said}; a step cost 4.3 times as much" in page
    assert "a step costs 4.3 times as much, which the minutes are planned for" in page
    card = (run / "bundle" / "README.md").read_text(encoding="utf-8")
    assert said in card
    assert ["trained against", said] in json.loads((run / "bundle" / "bundle.json").read_text())["provenance"]
    (reason,) = [one for one in load_plan(run / "plan.json").reasons if one.setting == "training.adversarial"]
    assert (reason.value, reason.source) == (said, "option")


def test_the_call_trains_the_same_as_the_verb(run: Path, study: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(study, tmp_path / "study")
    training = {"epochs": 1, "members": 1, "precision": "float32"}
    with torch_threads(1):
        made = radcnn.train(
            copied, network="chain", training=training, resamples=100, adversarial="pgd", adversarial_budget=4.0
        )
    assert plan_hash(load_plan(made / "plan.json")) == plan_hash(load_plan(run / "plan.json"))
    weights = [(one / "bundle" / "SHA256SUMS").read_text().splitlines() for one in (made, run)]
    same = set(weights[0]) & set(weights[1])
    assert any("safetensors" in line for line in same)


def test_a_plan_round_trips_and_one_without_attacks_is_as_it_was() -> None:
    against = tiny_plan(adversarial=Adversarial("fgsm", 0.5, in_noise=True))
    assert plan_from_json(to_plain(against)) == against
    assert "adversarial" not in to_plain(tiny_plan())["training"]
    assert plan_from_json(to_plain(tiny_plan())) == tiny_plan()
    assert len({plan_hash(one) for one in (against, tiny_plan(), tiny_plan(adversarial=Adversarial("fgsm", 0.5)))}) == 3


def test_the_cost_is_counted_and_fewer_epochs_fit(study: Path) -> None:
    opened = open_study(StudyFolder(study))
    attacks = {"adversarial": {"attack": "pgd", "budget": 4}}
    fixed = {"epochs": 40, "members": 1, "precision": "float32"}
    plain, harder = (
        predicted_cost(opened, opened.propose(replace(opened.settings, training={**fixed, **more})))
        for more in ({}, attacks)
    )
    assert harder.minutes > plain.minutes
    short = [opened.propose(replace(opened.settings, minutes=0.02, training=more)).training for more in ({}, attacks)]
    assert short[1].epochs * short[1].networks < short[0].epochs * short[0].networks / 2


def test_budgets_are_in_the_images_unit_or_in_their_noise(study: Path) -> None:
    opened = open_study(StudyFolder(study))
    order = opened.rows("training", "tuning")
    plan = opened.propose()
    images = opened.prepared(order, plan.preparation, SILENCE)

    def reached(attacks: Adversarial | None) -> np.ndarray | None:
        return reach(
            opened, replace(plan, training=replace(plan.training, adversarial=attacks)), order, images, SILENCE
        )

    assert reached(None) is None
    np.testing.assert_allclose(reached(Adversarial("pgd", 4)), 4 / 255, rtol=1e-6)
    in_noise = reached(Adversarial("pgd", 0.5, in_noise=True))
    assert in_noise is not None
    assert 5 / 255 < np.median(in_noise) < 20 / 255, "half of the sd of levels 40 to 110, drawn alike"
    assert len(np.unique(in_noise)) > 10


def test_learning_one_step_alone_is_said() -> None:
    clean, half, none = (Estimate(v, v - 0.1, v + 0.1, 40, 40, "t") for v in (0.9, 0.8, 0.1))
    good, bad = Hardened("FGSM of 4 HU", 2.67, clean, half, half), Hardened("FGSM of 4 HU", 2.67, clean, half, none)
    assert not good.collapsed
    assert len(good.sentences) == 1
    assert bad.collapsed
    assert "catastrophic overfitting" in bad.sentences[1]
    assert Hardened.from_json(json.loads(json.dumps(bad.as_json()))) == bad


def test_impossible_wishes_are_refused_in_one_sentence(study: Path, tmp_path: Path) -> None:
    assert "adversarial_budget must be above 0" in refused("train", study, "--adversarial", "pgd")
    assert "lacks attack" in refused("train", study, "--adversarial-budget", "4")
    assert "must be one of fgsm, pgd" in refused("train", study, "--adversarial", "pdg", "--adversarial-budget", "4")
    assert "steps of training.adversarial must be 1 to 50" in refused(
        "train", study, *PGD, "--set", "training.adversarial.steps=0"
    )
    images = tmp_path / "images"
    labels = write_csv(tmp_path / "labels.csv", rows_of_images(images, patients=12, images=1))
    table = ("--labels", labels, "--patient", "patient_id", "--target", "size_mm", "--out", tmp_path / "study")
    assert "a regression has none" in refused("new", images, *table, *PGD)
    assert not (tmp_path / "study").exists()


def test_networks_that_make_images_are_not_trained_against_attacks(tmp_path: Path) -> None:
    folders = class_folders(tmp_path / "low", patients=2)
    out = ("--out", tmp_path / "study")
    assert "answers that can be turned" in refused("run", folders, "--simulate-dose", "0.25", *out, *PGD)
    again = ("--set", "training.adversarial={attack: pgd, budget: 4}")
    assert "a segmentation has none" in refused("run", folders, "--masks", "*_m*", *out, *again)
    for what in ("a segmentation", "a restoration"):
        with pytest.raises(SettingsError, match=what):
            TrainingPlan(1, 2, adversarial=Adversarial("pgd", 1)).refuse_adversarial(what)
    assert not (tmp_path / "study").exists()
