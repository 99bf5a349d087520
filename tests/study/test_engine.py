"""A run chooses its engine once, after training, and predict keeps to it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import radcnn
from cli_in_process import QUICK, told, torch_threads
from radcnn.core.errors import SettingsError
from radcnn.inference.bundle import Bundle, load_bundle, save_bundle
from radcnn.inference.choice import Choice
from radcnn.inference.scores import plain_logits
from radcnn.study import engine
from radcnn.study.engine import as_record, cpu, engine_of, trained_here, try_engines
from radcnn.study.folder import RunFolder, read_record
from radcnn.study.listener import Silence
from written_lessons import tiny_network, tiny_plan
from written_studies import write_npz


class Hearing(Silence):
    """A listener that keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


def bundle_of() -> Bundle:
    plan = tiny_plan()
    return Bundle(plan.target, plan.task, plan.preparation, plan.network, networks=1)


def trial(folder: Path, monkeypatch, **changes: object) -> Choice:
    """A trial in which every network counts as slow."""
    monkeypatch.setattr(engine, "START_SECONDS", 0.0)
    save_bundle(folder, bundle_of(), [tiny_network(0)])
    bundle, networks = load_bundle(folder)
    shape = (6, bundle.preparation.channels, *bundle.preparation.size)
    images = np.random.default_rng(0).random(shape).astype(np.float32)
    settings = {"plain": plain_logits, "device": "cpu", **changes}
    return try_engines(bundle, folder, networks, images, **settings)


def test_a_small_network_needs_no_trial(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(engine, "_in_a_child", None)
    monkeypatch.setattr(engine, "milliseconds", lambda job: 2.0)
    save_bundle(tmp_path, bundle_of(), [tiny_network(0)])
    bundle, networks = load_bundle(tmp_path)
    images = np.zeros((6, bundle.preparation.channels, *bundle.preparation.size), dtype=np.float32)
    made = try_engines(bundle, tmp_path, networks, images, plain=plain_logits, device="cpu")
    assert made == Choice("plain", "plain (2.0 ms a case: no engine would win back its start)", (("plain", 2.0),))


def test_a_trial_holds_openvino_against_torch_in_a_process_of_its_own(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    made = trial(tmp_path, monkeypatch)
    assert "openvino-float32: scores agree" in made.sentence
    assert dict(made.start_seconds)["openvino-float32"] > 0


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("kill -ILL $$", "an engine stopped the trial process on this machine: SIGILL"),
        ("exit 1", "failed on this machine"),
        ("echo no json", "failed on this machine"),
        ('echo \'{"engine": "fast"}\'', "failed on this machine"),
        ("exec sleep 5", "took longer than"),
    ],
)
def test_a_trial_that_ends_badly_leaves_plain_torch(tmp_path: Path, monkeypatch, body: str, says: str) -> None:
    child = tmp_path / "child"
    child.write_text(f"#!/bin/sh\ncat > /dev/null\n{body}\n")
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    monkeypatch.setattr(engine, "TRIAL_SECONDS", 0.3 if "sleep" in body else 60)
    made = trial(tmp_path / "bundle", monkeypatch)
    assert made.engine == "plain"
    assert says in made.sentence


def test_without_openvino_or_with_a_gpu_it_is_torch(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(engine, "installed", lambda: False)
    assert "not installed" in trial(tmp_path, monkeypatch).sentence
    assert trial(tmp_path, monkeypatch, device="cuda").engine == "plain"


def run_with(folder: Path, record: object) -> Path:
    (folder / "bundle").mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"minutes": 1, "environment": {}, "engine": record}))
    return folder / "bundle"


CHOSEN = {"engine": "openvino-float32", "sentence": "openvino-float32 (why)"}


@pytest.mark.parametrize("record", [None, [], "openvino-float32", {"engine": "rm"}, {"engine": ["plain"]}])
def test_a_record_without_a_known_engine_is_plain(tmp_path: Path, record: object) -> None:
    assert engine_of(run_with(tmp_path / "run", record), "auto", Hearing()) == "plain"
    assert engine_of(tmp_path, "auto", Hearing()) == "plain"


def test_the_engine_of_the_run_is_kept_and_said_on_the_same_kind_of_machine(tmp_path: Path) -> None:
    heard = Hearing()
    assert engine_of(run_with(tmp_path / "a", {**CHOSEN, "cpu": cpu()}), "auto", heard) == "openvino-float32"
    assert heard.said == ["predicting with openvino-float32 (why)"]
    assert engine_of(run_with(tmp_path / "b", {**CHOSEN, "cpu": "another"}), "auto", heard) == "plain"
    assert "was chosen on another machine" in heard.said[-1]
    assert engine_of(tmp_path / "a" / "bundle", "plain", heard) == "plain"


def test_a_run_knows_on_which_kind_of_cpu_it_was_trained(tmp_path: Path) -> None:
    assert trained_here(run_with(tmp_path / "a", {**CHOSEN, "cpu": cpu()}))
    assert not trained_here(run_with(tmp_path / "b", {**CHOSEN, "cpu": "another"}))
    assert not trained_here(run_with(tmp_path / "c", None))
    (tmp_path / "c" / "run.json").write_text("[]")
    assert not trained_here(tmp_path / "c" / "bundle")
    assert not trained_here(tmp_path)


def test_an_unknown_engine_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean openvino-float32"):
        engine_of(tmp_path, "openvino-float23", Hearing())  # type: ignore[arg-type]


def test_predict_with_openvino_gives_the_scores_of_torch_and_the_record_tells_of_the_choice(tmp_path: Path) -> None:
    data = write_npz(tmp_path / "set.npz", cases=(8, 6, 6))
    told("new", data, "--out", tmp_path / "study", *QUICK)
    with torch_threads(1):
        run = radcnn.train(tmp_path / "study")
    record = read_record(RunFolder(run))["engine"]
    assert record["engine"] == "plain"
    assert record["cpu"] == cpu()
    assert as_record(Choice("plain", "why")).keys() == record.keys()
    plain = radcnn.predict(run, data, array="test_images")
    fast = radcnn.predict(run, data, array="test_images", engine="openvino-float32")
    for one, other in zip(plain, fast, strict=True):
        assert other.scores == pytest.approx(one.scores, abs=1e-5)
    spoken = told("predict", run, data, "--array", "test_images", "--engine", "plain", "--json")
    assert json.loads(spoken.out)[0]["scores"] == pytest.approx(plain[0].as_json()["scores"])
