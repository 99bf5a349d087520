"""Mutated DICOM and NIfTI files: each is an image or one sentence of ours, within 5 s and 512 MiB, and writes nothing.

The files are read by a process of its own (tests/hostile_run.py) in an empty home, so that a crash, a file that was
left behind and memory that was taken show.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mutated_files import mutated
from sample_files import PLANTED, samples

TESTS = Path(__file__).parents[1]
QUICK = 300
MANY = 20_000
PARTS = 2  # of the long run, side by side
HOURS = 3

linux = pytest.mark.skipif(sys.platform != "linux", reason="costs of children are read from /proc, which is Linux's")


def started(home: Path, first: int, count: int) -> subprocess.Popen[str]:
    """A run over the files of some seeds, in an empty home."""
    for name in ("home", "here", "files", "tmp"):
        (home / name).mkdir(parents=True)
    return subprocess.Popen(
        [sys.executable, str(TESTS / "hostile_run.py"), str(first), str(count), str(home / "files")],
        cwd=home / "here",
        env={
            **os.environ,
            "HOME": str(home / "home"),
            "TMPDIR": str(home / "tmp"),
            "PYTHONPATH": os.pathsep.join([str(TESTS), *(path for path in sys.path if path)]),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str], home: Path, seconds: float) -> dict[str, Any]:
    """Its report, once it ended by itself and left nothing behind."""
    told, complaints = process.communicate(timeout=seconds)
    assert process.returncode == 0, complaints[-3000:]
    assert [path for path in home.rglob("*") if path.parent != home] == [], "something was left behind"
    report: dict[str, Any] = json.loads(told)
    return report


@linux
def test_a_few_hundred_mutated_files_are_read_or_refused(tmp_path: Path) -> None:
    report = finished(started(tmp_path, 0, QUICK), tmp_path, 600)
    assert report["files"] == QUICK
    assert report["faults"] == []
    assert report["outcomes"]["read"] > QUICK / 10, "a mutation that always breaks the file shows nothing"
    assert sum(n for name, n in report["outcomes"].items() if name.startswith("refused")) > QUICK / 10


@linux
@pytest.mark.slow
def test_twenty_thousand_mutated_files_are_read_or_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    homes = [tmp_path / str(i) for i in range(PARTS)]
    runs = [started(home, i * MANY // PARTS, MANY // PARTS) for i, home in enumerate(homes)]
    reports = [finished(run, home, HOURS * 3600) for run, home in zip(runs, homes, strict=True)]
    with capsys.disabled():
        print(summary(reports))
    assert sum(report["files"] for report in reports) == MANY
    assert [fault for report in reports for fault in report["faults"]] == []


def summary(reports: list[dict[str, Any]]) -> str:
    """What to report of the long run."""
    outcomes: Counter[str] = Counter()
    for report in reports:
        outcomes.update(report["outcomes"])
    slowest = sorted((tuple(one) for report in reports for one in report["slowest"]), reverse=True)[:5]
    largest = sorted((tuple(one) for report in reports for one in report["largest"]), reverse=True)[:2]
    started = sum(report["children_started"] for report in reports)
    counted = ", ".join(f"{name} {n}" for name, n in sorted(outcomes.items()) if name != "not asked")
    return f"\n{counted}; children started {started}\nslowest {slowest}\nlargest child {largest}"


def test_a_seed_is_one_file_and_another_seed_another() -> None:
    assert mutated(17) == mutated(17)
    contents = {mutated(seed).content for seed in range(40)}
    assert len(contents) > 30


def test_samples_hold_planted_identifiers() -> None:
    texts = [sample for sample in samples() if sample.suffix in (".dcm", ".nii", ".mha")]
    named = [sample for sample in texts if PLANTED.encode() in sample.content.lower()]
    assert len(named) >= len(texts) - 2, "of a deflated file nothing shows"
