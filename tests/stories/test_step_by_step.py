"""The same study step by step: each verb names the next command, which works as printed; and the same from Python."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

import radcnn
from cli_in_process import QUICK, Spoken, told, torch_threads
from radcnn.data.ledger import openings
from written_studies import blob, class_folders, rows_of_images, save_png, write_csv

FROM_NAME = r"person\d+"
OPTIONS = {
    "patient_from": FROM_NAME,
    "network": "chain",
    "resamples": 100,
    "training": {"epochs": 2, "folds": 0, "members": 1, "precision": "float32"},
}


def follow(said: Spoken) -> Spoken:
    """Type the next command as it was printed."""
    words = shlex.split(said.next)
    assert words[0] == "radcnn", said.out
    return told(*words[1:])


def test_each_verb_names_the_next_command_and_it_works_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my own folder"  # the space is why commands must be quoted
    class_folders(folder / "chest")
    save_png(folder / "new one.png", blob(True, "new"))
    monkeypatch.chdir(folder)

    made = told("new", "chest", "--out", "the study", "--patient-from", FROM_NAME, *QUICK)
    assert made.next == "radcnn check 'the study'"
    checked = follow(made)
    assert "a run will take about" in checked.out
    trained = follow(checked)
    judged = follow(trained)
    assert judged.out.startswith("tuning: ")
    assert openings(Path("the study/ledger.jsonl")) == ()
    reported = follow(judged)
    run = Path("the study/runs/run-001")
    assert (run / "report.html").is_file()
    predict = reported.next.replace("IMAGE", "'new one.png'")
    assert "new one.png: sick 0." in told(*shlex.split(predict)[1:]).out

    monkeypatch.chdir(run)
    told("evaluate", ".", "--open-test", "--reason", "the paper's table")
    monkeypatch.chdir(folder)
    assert [one.reason for one in openings(Path("the study/ledger.jsonl"))] == ["the paper's table"]
    assert [one.run for one in openings(Path("the study/ledger.jsonl"))] == ["run-001"]


def test_python_says_the_same_as_the_command_line(tmp_path: Path) -> None:
    data = class_folders(tmp_path / "chest")
    told("new", data, "--out", tmp_path / "typed", "--patient-from", FROM_NAME, *QUICK)
    told("train", tmp_path / "typed", "--quiet")
    typed = told("evaluate", tmp_path / "typed", "--json", "--quiet").json

    study = radcnn.new(data, out=tmp_path / "called", **OPTIONS)
    assert radcnn.check(study).errors == ()
    with torch_threads(1):
        run = radcnn.train(study / "study.yaml")
    called = radcnn.evaluate(run).as_json()
    assert called == typed, "another salt and other pseudonyms change no figure"
    page = radcnn.report(run)
    assert page == run / "report.html"
    (one,) = radcnn.predict(run, data / "sick" / "person100_0.png")
    assert set(one.scores) == {"sick"}


def test_what_study_yaml_asks_for_after_training_is_judged_or_answered(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "labels.csv", rows_of_images(tmp_path / "images"))
    options = ("--labels", table, "--patient", "patient_id", "--target", "malignant", *QUICK)
    told("new", tmp_path / "images", "--out", tmp_path / "study", *options)
    told("train", tmp_path / "study", "--quiet")
    before = told("evaluate", tmp_path / "study", "--json", "--quiet").json
    assert {row["column"] for row in before["subgroups"]} <= {"site"}
    assert not any("study.yaml" in note for note in before["notes"])

    with (tmp_path / "study" / "study.yaml").open("a") as file:
        file.write("\nsubgroup: [hospital]\noperating_points: [specificity>=0.9]\n")
    after = told("evaluate", tmp_path / "study", "--json", "--quiet").json
    assert "hospital" in {row["column"] for row in after["subgroups"]}
    assert any("study.yaml now asks for specificity>=0.9" in note for note in after["notes"])
    assert after["figures"] == before["figures"]


def test_figures_and_points_of_folds_are_said_to_be_of_single_networks(tmp_path: Path) -> None:
    data = class_folders(tmp_path / "chest")
    told("new", data, "--out", tmp_path / "study", "--patient-from", FROM_NAME, *QUICK)
    told("train", tmp_path / "study", "--quiet", "--set", "training.folds=2")
    tuning, test = (
        " ".join(told("evaluate", tmp_path / "study", "--json", "--quiet", *option).json["notes"])
        for option in ((), ("--open-test",))
    )
    told("report", tmp_path / "study")
    run = tmp_path / "study" / "runs" / "run-001"
    points = "Operating points were chosen on out-of-fold scores of single networks; the mean of 2 networks"
    assert "These are out-of-fold scores of single networks" in tuning
    assert "These are out-of-fold scores of single networks" not in test
    for text in (tuning, test, (run / "report.html").read_text(), (run / "bundle" / "README.md").read_text()):
        assert points in text


def test_run_and_its_steps_are_the_same_story(tmp_path: Path) -> None:
    data = class_folders(tmp_path / "chest")
    with torch_threads(1):
        run = radcnn.run(data, out=tmp_path / "study", keep_sealed=True, **OPTIONS)
    assert not (run / "judgement-test.json").exists()
    known = (run / "judgement-tuning.json").read_text()
    with torch_threads(1):
        again = radcnn.train(run.parent.parent)
    radcnn.evaluate(again)
    assert again.name == "run-002"
    assert (again / "judgement-tuning.json").read_text() == known


def test_a_study_is_readable_and_its_proposal_can_be_overruled_by_hand(tmp_path: Path) -> None:
    data = class_folders(tmp_path / "chest")
    study = tmp_path / "study"
    told("new", data, "--out", study, "--patient-from", FROM_NAME, "--quiet")
    text = (study / "study.yaml").read_text(encoding="utf-8")
    assert "# training.batch: " in text
    assert "\ntraining" not in text, "only what differs from the proposal"
    (study / "study.yaml").write_text(text + "\ntraining:\n  batch: 7\n", encoding="utf-8")
    told("check", study / "study.yaml", "--network", "chain", "--json")
    run = Path(told("train", study, *QUICK, "--set", "training.epochs=1", "--json", "--quiet").json["run"])
    plan = json.loads((run / "plan.json").read_text())
    assert plan["training"]["batch"] == 7, "the study beats the proposal"
    assert plan["training"]["epochs"] == 1, "options beat the study"
    sources = {reason["setting"]: reason["source"] for reason in plan["reasons"]}
    names = ("training.batch", "training.epochs", "network", "training.optimizer")
    assert [sources[name] for name in names] == ["study", "option", "option", "rule"]


def test_quiet_verbs_print_results_only_and_json_alone_is_json(tmp_path: Path) -> None:
    data = class_folders(tmp_path / "chest")
    made = told("new", data, "--out", tmp_path / "study", "--unit", "image", "--quiet", "--json", *QUICK)
    assert made.err == ""
    assert made.json == {"study": str(tmp_path / "study")}
    keys = {"findings", "minutes", "memory_mib", "disk_mib", "outcomes", "muted", "errors"}
    assert set(told("check", tmp_path / "study", "--json").json) == keys
    for verb in ("check", "train", "evaluate", "report"):
        said = told(verb, tmp_path / "study", "--json", "--quiet")
        assert isinstance(said.json, dict), verb
        assert said.err == "", verb
