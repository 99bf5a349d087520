"""What a resumed run may not go on with: another plan, other images; and what it says on another machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import radcnn
from cli_in_process import QUICK, refused, told, torch_threads
from radcnn.learning.events import EpochEnded, Event
from radcnn.study.listener import Silence
from written_studies import class_folders


class Interrupting(Silence):
    """A listener that interrupts a training after its first epoch."""

    def event(self, event: Event) -> None:
        if isinstance(event, EpochEnded):
            raise KeyboardInterrupt


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that was interrupted after the first of two epochs."""
    data, study = class_folders(tmp_path / "chest", patients=8, images=1), tmp_path / "study"
    told("new", data, "--out", study, "--patient-from", r"person\d+", *QUICK)
    with pytest.raises(KeyboardInterrupt), torch_threads(1):
        radcnn.train(study, listener=Interrupting())
    return study / "runs" / "run-001"


def change(file: Path, how: Callable[[Any], None]) -> None:
    plain = json.loads(file.read_text(encoding="utf-8"))
    how(plain)
    file.write_text(json.dumps(plain), encoding="utf-8")


@pytest.mark.parametrize(
    "how",
    [
        lambda plan: plan["network"]["options"].update(dropout=0.25),
        lambda plan: plan["preparation"]["intensity"].update(low=0.0, high=128.0),
        lambda plan: plan.update(seed=5),
        lambda plan: plan.update(resamples=500),
    ],
    ids=["dropout", "preparation", "seed", "resamples"],
)
def test_a_plan_that_was_changed_meanwhile_is_refused(run: Path, how: Callable[[Any], None]) -> None:
    change(run / "plan.json", how)
    sentence = refused("train", run, "--resume")
    assert "plan.json was changed after its run began; restore it from a copy, or start a new run" in sentence
    assert not (run / "bundle").exists()


def test_images_that_were_changed_meanwhile_are_refused(run: Path) -> None:
    for file in (run.parent.parent.parent / "chest" / "sick").glob("*.png"):
        Image.fromarray(255 - np.asarray(Image.open(file))).save(file)
    sentence = refused("train", run, "--resume")
    assert "belongs to another training (settings, images or labels differ); start a new run" in sentence
    assert not (run / "bundle").exists()


def test_files_that_were_only_copied_anew_are_gone_on_with(run: Path) -> None:
    for file in (run.parent.parent.parent / "chest").rglob("*.png"):
        file.write_bytes(file.read_bytes())
    told("train", run, "--resume")
    assert (run / "bundle").is_dir()


@pytest.mark.parametrize(("name", "value"), [("cores", "96"), ("device", "cuda"), ("torch", "2.6.0")])
def test_going_on_where_sums_round_otherwise_is_said_and_done(run: Path, name: str, value: str) -> None:
    change(run / "run.json", lambda record: record["environment"].update({name: value}))
    said = told("train", run, "--resume").err
    assert f"this run began with {name} {value} and goes on with {name} " in said
    assert "last digits may differ from those of an uninterrupted run" in said
    assert (run / "bundle").is_dir()


def test_going_on_where_it_began_says_nothing_of_the_kind(run: Path) -> None:
    change(run / "run.json", lambda record: record["environment"].update(python="3.0", scipy="0.1"))
    assert "this run began with" not in told("train", run, "--resume").err
