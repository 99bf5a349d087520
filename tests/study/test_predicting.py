"""A bundle predicts as its networks ran when the operating points were chosen, where the machine can."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import radcnn
from cli_in_process import QUICK, told, torch_threads
from radcnn.core.errors import InputError
from radcnn.inference.bundle import Bundle, load_bundle, save_bundle, seal
from radcnn.learning.execution import Execution
from radcnn.study import predicting
from radcnn.study.listener import Silence
from written_lessons import tiny_network, tiny_plan
from written_studies import write_npz

UNLIKE = ("--set", "training.channels_last=false", "--set", "training.precision=bfloat16")


class Hearing(Silence):
    """A listener that keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


def bundle_of(**changes: object) -> Bundle:
    plan = tiny_plan()
    made = Bundle(plan.target, plan.task, plan.preparation, plan.network, networks=1)
    return replace(made, **changes)


@pytest.mark.parametrize("channels_last", [True, False])
def test_a_float32_bundle_keeps_its_memory_format_and_needs_no_trial(monkeypatch, channels_last: bool) -> None:
    monkeypatch.setattr(predicting, "available_device", lambda: "cpu")
    monkeypatch.setattr(predicting, "bfloat16_runs", None)
    heard = Hearing()
    made = predicting.execution_of_bundle(bundle_of(channels_last=channels_last), heard)
    assert made == Execution(channels_last=channels_last)
    assert heard.said == []


@pytest.mark.parametrize("runs", [True, False])
def test_a_bfloat16_bundle_predicts_in_bfloat16_or_says_that_it_does_not(monkeypatch, runs: bool) -> None:
    monkeypatch.setattr(predicting, "available_device", lambda: "cpu")
    monkeypatch.setattr(predicting, "bfloat16_runs", lambda plan, device: (runs, "" if runs else "the trial failed"))
    heard = Hearing()
    made = predicting.execution_of_bundle(bundle_of(precision="bfloat16"), heard)
    assert made.bfloat16 is runs
    refusal = "the operating points were chosen in bfloat16, this machine predicts in float32: the trial failed"
    assert heard.said == ([] if runs else [refusal])


def test_a_machine_that_trained_in_bfloat16_needs_no_trial(monkeypatch) -> None:
    monkeypatch.setattr(predicting, "available_device", lambda: "cpu")
    monkeypatch.setattr(predicting, "bfloat16_runs", None)
    assert predicting.execution_of_bundle(bundle_of(precision="bfloat16"), Hearing(), proven=True).bfloat16


def test_the_bundle_of_a_run_knows_how_it_ran_and_predict_does_so_too(tmp_path: Path, monkeypatch) -> None:
    # bfloat16 itself may end the process on this machine: it is written down, and float32 is computed
    for module in ("radcnn.study.training", "radcnn.learning.case_lesson", "radcnn.learning.settling"):
        monkeypatch.setattr(f"{module}.logits_of", lambda network, images, execution: network(images))
    seen = []
    monkeypatch.setattr(predicting, "bfloat16_runs", lambda plan, device: (True, ""))
    monkeypatch.setattr(predicting, "logits_of", lambda network, images, how: seen.append(how) or network(images))
    data = write_npz(tmp_path / "set.npz", cases=(8, 6, 6))
    told("new", data, "--out", tmp_path / "study", *QUICK, *UNLIKE)
    with torch_threads(1):
        run = radcnn.train(tmp_path / "study")
    written = json.loads((run / "bundle" / "bundle.json").read_text())
    assert (written["precision"], written["channels_last"]) == ("bfloat16", False)
    radcnn.predict(run, data, array="test_images")
    assert {(how.bfloat16, how.channels_last) for how in seen} == {(True, False)}


def test_a_bundle_from_before_they_were_written_down_is_float32_in_channels_last(tmp_path: Path) -> None:
    save_bundle(tmp_path / "old", bundle_of(), [tiny_network(0)])
    plain = json.loads((tmp_path / "old" / "bundle.json").read_text())
    del plain["precision"], plain["channels_last"]
    (tmp_path / "old" / "bundle.json").write_text(json.dumps(plain))
    seal(tmp_path / "old")
    known, _ = load_bundle(tmp_path / "old")
    assert (known.precision, known.channels_last) == ("float32", True)


def test_a_run_that_is_not_there_is_told_before_anything_else(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        predicting.predict(tmp_path / "nowhere", tmp_path, out=tmp_path / "masks")
