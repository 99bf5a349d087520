"""A finding that makes a result wrong stands in the way of training until a person mutes it, and the report says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli_in_process import QUICK, refused, spoken, told
from written_studies import class_folders

UNIT = ("--unit", "image")
REASON = "a published split that has to be kept"


@pytest.fixture
def leaking(tmp_path: Path) -> Path:
    """A folder per side and class, with a copy of a training image on the test side."""
    source = class_folders(tmp_path / "source")
    for number, image in enumerate(sorted(source.rglob("*.png"))):
        side = ("train", "train", "val", "test")[number % 4 if number % 28 < 24 else 0]
        place = tmp_path / "chest" / side / image.parent.name / image.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(image.read_bytes())
    first = next((tmp_path / "chest" / "train" / "sick").glob("*.png"))
    (tmp_path / "chest" / "test" / "sick" / "copy.png").write_bytes(first.read_bytes())
    return tmp_path / "chest"


def test_train_refuses_while_an_error_stands_and_check_shows_it(tmp_path: Path, leaking: Path) -> None:
    study = tmp_path / "study"
    told("new", leaking, "--out", study, *UNIT, *QUICK)
    sentence = refused("train", study)
    assert sentence.startswith("a finding stands in the way of training (RC023: ")
    assert f"radcnn check {study}" in sentence
    assert sentence.endswith("--mute RC023")
    assert not (study / "runs").exists()
    said = spoken("check", study)
    assert said.code == 1
    assert said.out.startswith("RC023 error: ")
    assert spoken("check", study, "--mute", "RC023").code == 0
    assert "did you mean RC023" in refused("check", study, "--mute", "RC23")


def test_run_goes_on_in_spite_of_an_error_and_says_so_wherever_its_figures_are_shown(
    tmp_path: Path, leaking: Path
) -> None:
    study = tmp_path / "study"
    said = told("run", leaking, "--out", study, *UNIT, *QUICK)
    assert said.out.startswith("THESE FIGURES ARE WRONG WHILE THIS STANDS: RC023 error: ")
    page = (study / "runs" / "run-001" / "report.html").read_text()
    assert "RC023 makes the figures on this page wrong:" in page
    assert "RC023 makes a result wrong: " in (study / "runs" / "run-001" / "bundle" / "README.md").read_text()


def test_what_a_person_mutes_is_told_with_the_reason(tmp_path: Path, leaking: Path) -> None:
    study = tmp_path / "study"
    said = told("run", leaking, "--out", study, *UNIT, *QUICK, "--mute", f"RC023={REASON}")
    run = study / "runs" / "run-001"
    assert f"[muted: {REASON}]" in said.err + told("check", study, "--mute", f"RC023={REASON}").out
    assert json.loads((run / "run.json").read_text())["muted"] == {"RC023": REASON}
    page, card = (run / "report.html").read_text(), (run / "bundle" / "README.md").read_text()
    assert f"Muted by a person, because: {REASON}" in page
    assert "RC023 makes a result wrong and was muted" in page
    assert "RC023 makes a result wrong and was muted" in card
    assert "Pairs of cases that are alike" in page
    assert "internal test" in page
    assert "Checks that found nothing: " in page


def test_a_mute_in_study_yaml_holds_for_every_verb(tmp_path: Path, leaking: Path) -> None:
    study = tmp_path / "study"
    told("new", leaking, "--out", study, *UNIT, *QUICK)
    with (study / "study.yaml").open("a") as file:
        file.write(f"\nmute: {{RC023: {REASON}}}\n")
    checked = told("check", study, "--json").json
    assert checked["muted"] == {"RC023": REASON}
    assert checked["errors"] == []
    assert checked["findings"][0]["code"] == "RC023"
    run = Path(told("train", study, "--json", "--quiet").json["run"])
    again = Path(told("train", study, "--plan", run / "plan.json", "--mute", "RC014", "--json", "--quiet").json["run"])
    assert json.loads((again / "run.json").read_text())["muted"] == {"RC023": REASON, "RC014": ""}


def test_a_resumed_run_is_not_checked_again(tmp_path: Path, leaking: Path) -> None:
    study = tmp_path / "study"
    told("new", leaking, "--out", study, *UNIT, *QUICK, "--mute", "RC023")
    told("train", study)
    (study / "findings.json").unlink()
    told("train", study, "--resume")
    assert not (study / "findings.json").exists()
