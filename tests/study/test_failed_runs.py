"""A run that ended before its first epoch is not there; one that ended later can be gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest

import radcnn
from cli_in_process import QUICK, refused, told, torch_threads
from radcnn.learning.events import EpochEnded, Event, StepEnded
from radcnn.study.listener import Silence
from written_studies import write_npz


class Stopping(Silence):
    """A listener that stops the training at the first event of a kind."""

    def __init__(self, kind: type[Event], stop: BaseException) -> None:
        self.kind, self.stop = kind, stop

    def event(self, event: Event) -> None:
        if isinstance(event, self.kind):
            raise self.stop


@pytest.fixture
def study(tmp_path: Path) -> Path:
    told("new", write_npz(tmp_path / "set.npz", cases=(8, 6, 6)), "--out", tmp_path / "study", *QUICK)
    return tmp_path / "study"


def train(study: Path, kind: type[Event], stop: BaseException) -> None:
    with torch_threads(1):
        radcnn.train(study, listener=Stopping(kind, stop))


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), RuntimeError("a fault of ours"), MemoryError()])
def test_whatever_ends_a_run_before_its_first_epoch_leaves_the_older_run_the_newest(
    study: Path, stop: BaseException
) -> None:
    with pytest.raises(type(stop)) as raised:
        train(study, StepEnded, stop)
    assert "--resume" not in str(raised.value)
    assert not (study / "runs").exists()
    told("train", study)
    with pytest.raises(type(stop)):
        train(study, StepEnded, stop)
    assert [run.name for run in (study / "runs").iterdir()] == ["run-001"]
    told("evaluate", study)


def test_a_run_that_ended_after_an_epoch_stays_and_goes_on(study: Path) -> None:
    with pytest.raises(KeyboardInterrupt, match="--resume"):
        train(study, EpochEnded, KeyboardInterrupt())
    assert "epoch   2 of 2" in told("train", study, "--resume").err
    told("evaluate", study)


def test_a_batch_of_one_case_is_refused_before_a_run_is_made(study: Path) -> None:
    sentence = refused("train", study, "--set", "network.options.norm=batch", "--set", "training.batch=1")
    assert "training.batch must be at least 2 for chain with batch normalisation" in sentence
    assert not (study / "runs").exists()


def test_an_odd_number_of_cases_is_trained_in_pairs(tmp_path: Path) -> None:
    data = write_npz(tmp_path / "odd.npz", cases=(9, 6, 6))
    narrow = ("--set", "network.options.base_width=2", "--set", "network.options.stem=strided")
    told("new", data, "--out", tmp_path / "odd", *QUICK, "--network", "resnet18", *narrow)
    trained = told("train", tmp_path / "odd", "--set", "training.batch=2", "--json").json
    history = (Path(trained["run"]) / "history.csv").read_text(encoding="utf-8").splitlines()
    assert len(history) == 3, "a head and two epochs"
    assert "nan" not in history[-1]
