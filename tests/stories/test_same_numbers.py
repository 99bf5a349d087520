"""Same seed, same numbers: run twice, with other workers, on another day; another seed gives others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli_in_process import QUICK, told
from radcnn.core.files import sha256_of
from written_studies import class_folders, write_npz

PATIENTS = ("--patient-from", r"person\d+")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study that is trained with everything chance has a part in."""
    # 28 pixels and 8 channels: enough work that two threads would share it, were results to depend on that
    plan = ("--set", "network.options.dropout=0.3", "--set", "training.mixup=0.4", "--set", "training.batch=16")
    data = write_npz(tmp_path / "set.npz", shape=(28, 28), cases=(60, 20, 20))
    told("new", data, "--out", tmp_path / "study", *QUICK, *plan)
    return tmp_path / "study"


def numbers(study: Path, *options: str, threads: int = 2) -> tuple[dict[str, str], str]:
    """Train and evaluate: hashes of the weights, and the figures as text."""
    run = Path(told("train", study, "--json", "--quiet", *options, threads=threads).json["run"])
    figures = told("evaluate", run, "--json", "--quiet").out
    return {path.name: sha256_of(path) for path in (run / "bundle").glob("weights-*")}, figures


def test_workers_and_repetition_change_no_number_but_the_seed_does(study: Path) -> None:
    first = numbers(study)
    for workers in ("0", "1", "3"):
        assert numbers(study, "--workers", workers) == first, f"{workers} workers"
    weights, figures = numbers(study, "--seed", "1")
    assert weights != first[0]
    assert figures != first[1]


def test_the_whole_story_twice_gives_the_same_figures_and_weights(tmp_path: Path) -> None:
    data = class_folders(tmp_path / "chest")
    made = []
    for name in ("once", "again"):
        said = told("run", data, "--out", tmp_path / name, *PATIENTS, *QUICK, "--json", "--quiet").json
        run = tmp_path / name / "runs" / "run-001"
        made.append((said["judgement"], sha256_of(run / "bundle" / "weights-0.safetensors")))
    assert made[0] == made[1]


def test_the_seed_of_training_does_not_move_the_split_and_the_seed_of_the_split_does(tmp_path: Path) -> None:
    data = class_folders(tmp_path / "chest")
    splits = {}
    for name, options in {"a": (), "b": ("--seed", "9"), "c": ("--split-seed", "9")}.items():
        told("new", data, "--out", tmp_path / name, *PATIENTS, *QUICK, *options)
        splits[name] = json.loads((tmp_path / name / "split.json").read_text())["sides"]
    assert splits["a"] == splits["b"]
    assert splits["a"] != splits["c"]
