"""kill -9 in the middle of an epoch, then --resume: the same weights, predictions and figures, bit for bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli_in_process import told
from radcnn.core.files import sha256_of
from written_studies import class_folders

# all that has a state: averaged weights, momenta, dropout, mixing, augmentation, a choice of epoch, two networks
PLAN = (
    *("--patient-from", r"person\d+", "--network", "chain", "--set", "network.options.dropout=0.3"),
    *("--set", "network.options.norm=batch", "--set", "training.members=2", "--set", "training.epochs=4"),
    *("--set", "training.batch=8", "--set", "training.mixup=0.2", "--set", "training.averaging=0.9"),
    *("--set", "training.keep=best", "--set", "training.precision=float32", "--set", "resamples=100"),
)

# a listener inside the training sends the signal, so that it always comes at the same step
KILLED_AT_A_STEP = """
import os, signal, sys
import radcnn
from radcnn.learning.events import StepEnded
from radcnn.study.listener import Silence

class Killer(Silence):
    def event(self, event):
        if isinstance(event, StepEnded) and (event.network, event.epoch, event.step) == {place}:
            os.kill(os.getpid(), signal.SIGKILL)

radcnn.train(sys.argv[1], listener=Killer())
"""


def outcome(run: Path) -> dict[str, str]:
    """Hashes of everything that must not depend on an interruption."""
    judgement = run / "judgement-tuning.json"
    return {path.name: sha256_of(path) for path in (*(run / "bundle").iterdir(), run / "plan.json", judgement)} | {
        "predictions": (run / "predictions-tuning.csv").read_text(),
        "history": without_seconds(run),
    }


def without_seconds(run: Path) -> str:
    """The history without its times."""
    rows = [line.split(",") for line in (run / "history.csv").read_text().splitlines()]
    timed = rows[0].index("seconds")
    return "\n".join(",".join(row[:timed] + row[timed + 1 :]) for row in rows)


def epochs_done(run: Path) -> dict[str, int]:
    files = sorted((run / "checkpoints").glob("*/checkpoint.json"))
    return {file.parent.name: json.loads(file.read_text())["epoch"] for file in files}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    told("new", class_folders(tmp_path / "chest"), "--out", tmp_path / "study", *PLAN)
    return tmp_path / "study"


def train_whole(study: Path) -> dict[str, str]:
    told("train", study, "--quiet", threads=2)
    told("evaluate", study, "--quiet")
    return outcome(study / "runs" / "run-001")


def test_a_killed_training_goes_on_bit_for_bit(study: Path) -> None:
    whole = train_whole(study)
    script = KILLED_AT_A_STEP.format(place=(1, 3, 2))
    killed = subprocess.run([sys.executable, "-c", script, str(study)], capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    run = study / "runs" / "run-002"
    assert epochs_done(run) == {"network-0": 4, "network-1": 2}, "killed in the third epoch of the second network"
    assert not (run / "bundle").exists()

    resumed = told("train", study, "--resume", threads=2)
    assert "epoch   3 of 4" in resumed.err
    assert "epoch   2 of 4" not in resumed.err, "what was done is not done again"
    told("evaluate", run, "--quiet")
    assert outcome(run) == whole


def test_a_finished_training_is_not_changed_by_resuming_it(study: Path) -> None:
    whole = train_whole(study)
    told("train", study / "runs" / "run-001", "--resume", threads=2)
    assert outcome(study / "runs" / "run-001") == whole


@pytest.mark.slow
def test_a_command_killed_from_outside_while_it_trains_goes_on_bit_for_bit(study: Path) -> None:
    whole = train_whole(study)
    run = study / "runs" / "run-002"
    command = [sys.executable, "-c", "from radcnn.cli.main import main; main()", "train", str(study)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as training:
        while not epochs_done(run):
            assert training.poll() is None, "it ended before its first epoch"
            time.sleep(0.002)
        os.kill(training.pid, signal.SIGKILL)
    assert training.returncode == -signal.SIGKILL
    assert sum(epochs_done(run).values()) < 8
    told("train", study, "--resume", threads=2)
    told("evaluate", run, "--quiet")
    assert outcome(run) == whole
