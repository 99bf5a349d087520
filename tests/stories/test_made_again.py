"""'How to do it again' on the report, typed as printed, makes the same model and the same figures."""

from __future__ import annotations

import html
import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import radcnn
from cli_in_process import refused, told, torch_threads, tree
from finished_studies import Finish
from radcnn.core.files import sha256_of, write_json
from radcnn.evaluation.panels import PANELS
from radcnn.physics.phantoms.scan import Field
from radcnn.physics.phantoms.study import simulate_nodule_study
from radcnn.plan.settings import Reason
from radcnn.plan.stored import load_plan, save_plan
from radcnn.study.again import commands_again
from radcnn.study.folder import find_run
from radcnn.study.open_study import open_study


def printed_commands(page: Path) -> list[str]:
    found = re.search(r'aria-label="Commands"><pre>(.*?)</pre>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return html.unescape(found[1]).strip().splitlines()


def outcome(run: Path) -> list[str]:
    names = ("bundle/weights-0.safetensors", "plan.json", "judgement-tuning.json", "judgement-test.json")
    return [sha256_of(run / name) for name in names]


@pytest.fixture
def copied(finished: Finish, tmp_path: Path) -> Path:
    return shutil.copytree(finished("table").study, tmp_path / "my study")


def test_the_printed_commands_train_the_same_network_and_judge_it_alike(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told("report", copied)
    commands = printed_commands(copied / "runs" / "run-001" / "report.html")
    assert commands == [
        "radcnn train 'my study' --plan 'my study/runs/run-001/plan.json'",
        "radcnn evaluate 'my study'",
        "radcnn evaluate 'my study' --open-test",
        "radcnn report 'my study'",
    ]
    monkeypatch.chdir(copied.parent)
    for command in commands:
        told(*shlex.split(command)[1:])
    assert outcome(copied / "runs" / "run-002") == outcome(copied / "runs" / "run-001")
    assert (copied / "runs" / "run-002" / "report.html").is_file()


def test_a_run_with_options_of_its_own_is_made_again_with_them(copied: Path) -> None:
    told("train", copied, "--seed", "4", "--set", "network.options.dropout=0.4", "--set", "resamples=130")
    first = find_run(copied)
    radcnn.evaluate(first.path)
    with torch_threads(1):
        again = radcnn.train(copied, plan=first.plan)
    radcnn.evaluate(again)
    names = ("bundle/weights-0.safetensors", "judgement-tuning.json")
    assert [sha256_of(again / name) for name in names] == [sha256_of(first.path / name) for name in names]
    assert load_plan(find_run(again).plan) == load_plan(first.plan)


def test_a_run_is_judged_with_the_resamples_of_its_plan_not_of_the_study(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, asked = find_run(copied), []
    save_plan(replace(load_plan(run.plan), resamples=130), run.plan)
    judge = PANELS["binary"]
    monkeypatch.setitem(
        PANELS, "binary", lambda table, settings, points: asked.append(settings) or judge(table, settings, points)
    )
    radcnn.evaluate(run.path)
    assert [settings.resamples for settings in asked] == [130]


def test_a_plan_that_does_not_fit_is_refused_and_nothing_is_left(
    finished: Finish, copied: Path, tmp_path: Path
) -> None:
    plan = copied / "runs" / "run-001" / "plan.json"
    value = json.loads(plan.read_text())
    write_json(tmp_path / "unknown.json", {**value, "epochs": 3})
    before = tree(copied)
    assert "the plan has no setting 'epochs'" in refused("train", copied, "--plan", tmp_path / "unknown.json")
    assert "there is no plan in" in refused("train", copied, "--plan", tmp_path / "absent.json")
    assert "leave the other options out" in refused("train", copied, "--plan", plan, "--seed", "3")
    assert "leave the options out" in refused("train", copied, "--plan", plan, "--resume")
    other = finished("regression").run / "plan.json"
    assert "predicts size_mm (regression), but this study's target is malignant" in refused(
        "train", copied, "--plan", other
    )
    preparation = load_plan(finished("dicom regions").run / "plan.json").preparation
    save_plan(replace(load_plan(plan), preparation=preparation), tmp_path / "regions.json")
    assert "looks at regions, but this study has none" in refused("train", copied, "--plan", tmp_path / "regions.json")
    assert tree(copied) == before


COARSE = Field(size=72, pixel_mm=2.2, height_mm=66, views=60)


def test_a_run_of_the_demo_is_made_again_by_the_demo(finished: Finish, tmp_path: Path) -> None:
    # the demo itself is tested elsewhere: here a small simulated study stands where the demo would have put it
    simulate_nodule_study(tmp_path / "simulated-ct", patients=24, seed=3, workers=1, field=COARSE)
    labels = tmp_path / "simulated-ct" / "nodules.csv"
    options = {"target": "malignant", "patient": "patient", "image": "series", "case": "case"}
    study = radcnn.new(
        tmp_path / "simulated-ct", out=tmp_path / "study", labels=str(labels), synthetic=True, seed=3,
        centre=["x_mm", "y_mm", "z_mm"], **options,
    )  # fmt: skip
    run = shutil.copytree(finished("dicom regions").run, study / "runs" / "run-001")
    write_json(run / "run.json", {**json.loads((run / "run.json").read_text()), "minutes": 2.0})
    opened, folder = open_study(find_run(run).study), find_run(run)
    plan = opened.propose()
    assert commands_again(folder, opened, plan) == ("radcnn demo --patients 24 --seed 3 --minutes 2",)
    chosen = (Reason("network", "chain", "asked for", "study"),)
    assert commands_again(folder, opened, replace(plan, reasons=chosen))[0].startswith("radcnn train")
