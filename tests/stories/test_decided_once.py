"""What a study is made with is decided once: no later verb takes another wish without a word, or without effect."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import radcnn
from cli_in_process import QUICK, refused, spoken, told, tree
from radcnn.data.ledger import openings, record_split
from radcnn.data.splits import Split
from written_studies import blob, class_folders

FROM_NAME = ("--patient-from", r"person\d+")
DECIDED = {
    ("--split-seed", "3"): "split_seed was decided when the study was made",
    ("--fractions", "0.5", "0.25", "0.25"): "fractions was decided",
    ("--sites", "stratified"): "sites was decided",
    ("--set", "prevalences=[0.1]"): "prevalences was decided",
    ("--set", "leave_site=north", "--set", "sites=stratified"): "leave_site, sites were decided",
}


@pytest.mark.parametrize("options", DECIDED, ids=" ".join)
def test_another_split_needs_another_study(tmp_path: Path, options: tuple[str, ...]) -> None:
    data, study = class_folders(tmp_path / "chest"), tmp_path / "study"
    told("new", data, "--out", study, *FROM_NAME, *QUICK)
    before = tree(tmp_path)
    assert DECIDED[options] in refused("run", data, "--out", study, *FROM_NAME, *QUICK, *options)
    if options[0] == "--set":
        for verb in ("train", "check"):
            assert DECIDED[options] in refused(verb, study, *options)
    assert tree(tmp_path) == before


def test_a_second_run_takes_what_a_run_may_decide(tmp_path: Path) -> None:
    data, study = class_folders(tmp_path / "chest"), tmp_path / "study"
    told("run", data, "--out", study, "--keep-sealed", *FROM_NAME, *QUICK)
    rule = ("--set", "operating_points=[specificity>=0.8]")
    second = told("run", data, "--out", study, "--keep-sealed", "--json", *FROM_NAME, *QUICK, *rule)
    assert "specificity>=0.8" in second.out
    assert openings(study / "ledger.jsonl") == ()


@pytest.mark.parametrize(("line", "says"), [("split_seed: 4", "seed 4"), ("sites: stratified", "target and site")])
def test_a_split_edited_into_study_yaml_is_refused(tmp_path: Path, line: str, says: str) -> None:
    data, study = class_folders(tmp_path / "chest"), tmp_path / "study"
    told("new", data, "--out", study, *FROM_NAME, *QUICK)
    with (study / "study.yaml").open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    sentence = refused("train", study)
    assert "a split is made once" in sentence
    assert says in sentence


def test_a_study_of_before_goes_on_with_the_names_it_stored(tmp_path: Path) -> None:
    data, study = class_folders(tmp_path / "chest"), tmp_path / "study"
    told("new", data, "--out", study, *FROM_NAME, *QUICK)
    made, named = Split.load(study / "split.json"), radcnn.names(study)
    old = replace(made, cases=tuple(named.values()), marks=())
    old.save(study / "split.json")
    (study / "ledger.jsonl").unlink()
    (study / "ledger.jsonl.head").unlink()
    record_split(study / "ledger.jsonl", old)
    told("train", study)
    told("evaluate", study, "--open-test")
    rows = (study / "runs" / "run-001" / "predictions-test.csv").read_text().splitlines()[1:]
    assert all(row.startswith(('"healthy/', '"sick/')) for row in rows)


def test_a_study_without_its_salt_cannot_know_its_images_again(tmp_path: Path) -> None:
    data, study = class_folders(tmp_path / "chest"), tmp_path / "study"
    told("new", data, "--out", study, *FROM_NAME, *QUICK)
    (study / ".salt").unlink()
    assert "restore it from a copy" in refused("train", study)


def test_a_study_may_lie_among_its_own_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = class_folders(tmp_path / "chest")
    monkeypatch.chdir(data)
    told("new", ".", *FROM_NAME, *QUICK)
    assert (data / "radcnn-chest" / "study.yaml").is_file()
    assert "trained" in told("train", "radcnn-chest").out


def test_images_without_patients_or_sides_need_a_word_of_the_user(tmp_path: Path) -> None:
    data = tmp_path / "set.npz"
    labels = np.arange(60) % 2
    np.savez(data, images=np.stack([blob(bool(k), i) for i, k in enumerate(labels)]), labels=labels)
    before = tree(tmp_path)
    assert "--unit image" in refused("new", data, "--out", tmp_path / "study")
    assert "patient_from finds nobody" in refused("new", data, "--out", tmp_path / "study", *FROM_NAME)
    assert "leave patient_from out" in refused("new", data, "--unit", "image", *FROM_NAME)
    assert tree(tmp_path) == before
    told("new", data, "--out", tmp_path / "study", "--unit", "image")


def test_few_patients_of_a_class_are_trained_without_folds_that_they_cannot_fill(tmp_path: Path) -> None:
    data = class_folders(tmp_path / "chest", patients=6, images=3)
    options = ("--network", "chain", "--set", "training.epochs=2", "--set", "resamples=100")
    trained = told("run", data, "--out", tmp_path / "study", *FROM_NAME, *options)
    assert "report.html" in trained.out
    for verb in ("check", "train"):
        assert "ask for fewer folds" in refused(verb, tmp_path / "study", "--set", "training.folds=8")


def test_copies_on_test_and_training_side_are_an_error_of_check(tmp_path: Path) -> None:
    data = class_folders(tmp_path / "source")
    for number, image in enumerate(sorted(data.rglob("*.png"))):
        side = ("train", "train", "val", "test")[number % 4 if number % 28 < 24 else 0]
        place = tmp_path / "chest" / side / image.parent.name / image.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(image.read_bytes())
    first = next((tmp_path / "chest" / "train" / "sick").glob("*.png"))
    (tmp_path / "chest" / "test" / "sick" / "copy.png").write_bytes(first.read_bytes())
    told("new", tmp_path / "chest", "--out", tmp_path / "study", "--unit", "image", *QUICK)
    said = spoken("check", tmp_path / "study")
    assert said.code == 1
    assert "RC023 error" in said.out
