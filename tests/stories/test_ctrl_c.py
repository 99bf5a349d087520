"""Ctrl-C at any moment: one sentence that is true, a command that works as printed, and nothing half-begun."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from cli_in_process import QUICK, refused, spoken, told, tree
from radcnn.cli.console import Voice
from radcnn.core.files import sha256_of
from radcnn.data.ledger import openings
from radcnn.learning.events import EpochEnded, Event, StepEnded
from radcnn.study import running
from written_studies import class_folders

FROM_NAME = ("--patient-from", r"person\d+")
LONGER = (*FROM_NAME, *QUICK, "--set", "training.epochs=3")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a space, named from where it lies."""
    class_folders(tmp_path / "my chest")
    monkeypatch.chdir(tmp_path)
    return Path("my chest")


def interrupt(monkeypatch: pytest.MonkeyPatch, epochs: int) -> None:
    """Press Ctrl-C once, in the first step after so many epochs."""
    done, pressed = [], []

    def event(_: Voice, event: Event) -> None:
        if isinstance(event, EpochEnded):
            done.append(event)
        elif isinstance(event, StepEnded) and len(done) >= epochs and not pressed:
            pressed.append(event)
            raise KeyboardInterrupt

    monkeypatch.setattr(Voice, "event", event)


def advice(said: str) -> list[str]:
    words = shlex.split(said.rpartition("go on with: ")[2])
    assert words[0] == "radcnn", said
    return words[1:]


def test_before_the_first_epoch_nothing_is_left(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(data.parent)
    interrupt(monkeypatch, 0)
    said = spoken("run", data, *LONGER)
    assert said.code == 130
    assert said.err.endswith("radcnn: stopped; nothing was written\n")
    assert tree(data.parent) == before
    told("new", data, *LONGER)
    interrupt(monkeypatch, 0)
    assert spoken("train", "radcnn-my chest").err.endswith("radcnn: stopped; nothing was written\n")
    assert not Path("radcnn-my chest", "runs").exists()


def test_after_an_epoch_the_printed_command_goes_on(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told("new", data, *LONGER)
    interrupt(monkeypatch, 2)
    said = spoken("train", "radcnn-my chest")
    assert said.code == 130
    assert said.err.endswith("radcnn: stopped; go on with: radcnn train 'radcnn-my chest' --resume\n")
    assert "trained" in told(*advice(said.err)).out


def test_an_interrupted_run_goes_on_with_resume_to_its_report(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told("run", data, "--out", "whole", *LONGER)
    interrupt(monkeypatch, 1)
    assert "radcnn train study --resume" in spoken("run", data, "--out", "study", *LONGER).err
    told("run", data, "--out", "study", "--resume", *LONGER)
    run, whole = Path("study/runs/run-001"), Path("whole/runs/run-001")
    assert (run / "report.html").is_file()
    for name in ("bundle/weights-0.safetensors", "judgement-test.json"):
        assert sha256_of(run / name) == sha256_of(whole / name)
    told("run", data, "--out", "study", "--resume")
    assert len(openings(Path("study/ledger.jsonl"))) == 1, "a finished run is not judged twice"
    told("run", data, "--out", "study", *LONGER)
    assert Path("study/runs/run-002").is_dir(), "without --resume, a new run"


def test_an_interrupted_evaluation_goes_on_as_printed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(running, "report", stop)
        said = spoken("run", data, "--out", "my study", *LONGER)
    assert said.err.endswith("go on with: radcnn run 'my chest' --out 'my study' --resume\n")
    told(*advice(said.err))
    assert Path("my study/runs/run-001/report.html").is_file()
    assert len(openings(Path("my study/ledger.jsonl"))) == 1


def test_what_cannot_go_on_is_refused(data: Path) -> None:
    assert "leave --resume out" in refused("run", data, "--resume")
    told("new", data, *LONGER)
    assert "has no run yet" in refused("run", data, "--resume")
    assert "seed, training of the study" in refused(
        "run", data, "--resume", "--seed", "9", "--set", "training.epochs=9"
    )
    class_folders(Path("other"))
    assert "data of the study" in refused("run", "other", "--out", "radcnn-my chest", "--resume")
