"""A disk that fills up: one sentence, nothing half-written, and the training goes on once there is space."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli_in_process import QUICK, refused, told, tree
from radcnn.core.errors import StorageError
from radcnn.core.files import sha256_of
from radcnn.data.ledger import openings
from radcnn.study.folder import StudyFolder
from radcnn.study.listener import SILENCE
from radcnn.study.open_study import open_study
from written_studies import write_npz

SIZE = 1 << 20  # bytes of the disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of one MiB; skips where this user may not mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command, so no disk can be filled")
    if mounted.returncode:
        pytest.skip(f"mounting a small disk is not permitted here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """Fill the disk up to `leave` bytes."""
    ballast = disk / "ballast"
    about = os.statvfs(disk)
    with contextlib.suppress(OSError):
        ballast.write_bytes(b"\0" * max(0, about.f_bavail * about.f_frsize - leave))
    return ballast


def test_a_study_is_made_whole_or_not_at_all(tmp_path: Path, disk: Path) -> None:
    data = write_npz(tmp_path / "set.npz")
    for leave in (0, 4096, 8192, 16384):
        fill(disk, leave)
        before = tree(disk)
        sentence = refused("new", data, "--out", disk / "study", *QUICK)
        assert "No space left on device" in sentence
        assert "free some space" in sentence
        assert tree(disk) == before
        (disk / "ballast").unlink()


def test_cases_that_do_not_fit_are_refused_before_the_first_epoch(tmp_path: Path, disk: Path) -> None:
    data = write_npz(tmp_path / "set.npz", shape=(40, 40), cases=(120, 30, 30))
    before = tree(disk)
    sentence = refused("run", data, "--out", disk / "study", *QUICK)
    assert "MiB" in sentence
    assert "free" in sentence
    assert tree(disk) == before


def test_a_disk_that_fills_while_cases_are_prepared_is_no_crash(tmp_path: Path, disk: Path) -> None:
    data = write_npz(tmp_path / "set.npz", shape=(32, 32), cases=(40, 16, 16))
    told("new", data, "--out", disk / "study", *QUICK)
    opened = open_study(StudyFolder(disk / "study"))
    wanted = opened.rows("training", "tuning"), opened.propose().preparation, SILENCE
    ballast = fill(disk, 56 * 32 * 32 + 8192)  # room for the codes, not for the index behind them
    with pytest.raises(StorageError, match="free some space"):
        opened.prepared(*wanted)
    voxels = next((disk / "study" / "cache").glob("prepared-*/voxels.bin"))
    assert voxels.stat().st_size == 0, "what has no line in the index is taken back"
    ballast.unlink()
    assert len(opened.prepared(*wanted)) == 56


def test_a_disk_that_fills_during_training_leaves_a_run_that_goes_on(tmp_path: Path, disk: Path) -> None:
    data = write_npz(tmp_path / "set.npz")
    whole = tmp_path / "whole"
    for study in (whole, disk / "study"):
        told("new", data, "--out", study, *QUICK, "--set", "training.members=2")
    told("train", whole)
    # the first network's checkpoint (0.35 MB) fits, the second's does not
    ballast = fill(disk, 800_000)
    assert "RC080" in refused("train", disk / "study")
    sentence = refused("train", disk / "study", "--mute", "RC080")
    assert "could not be written" in sentence
    assert not [name for name in tree(disk) if Path(name).name.startswith(".") and Path(name).name != ".salt"]
    assert openings(disk / "study" / "ledger.jsonl") == ()
    assert (disk / "study" / "runs" / "run-001" / "checkpoints" / "network-0" / "checkpoint.json").is_file()
    assert "--resume" in refused("evaluate", disk / "study")
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
    told("train", disk / "study", "--resume")
    for name in ("weights-0.safetensors", "weights-1.safetensors"):
        resumed = disk / "study" / "runs" / "run-001" / "bundle" / name
        assert sha256_of(resumed) == sha256_of(whole / "runs" / "run-001" / "bundle" / name)


def test_a_ledger_that_cannot_be_written_opens_nothing(tmp_path: Path, disk: Path) -> None:
    data = write_npz(tmp_path / "set.npz", cases=(8, 6, 6))
    told("new", data, "--out", disk / "study", *QUICK, "--set", "network.options.kernels=[4, 4]")
    told("train", disk / "study", "--mute", "RC080=a small disk is what this is about")
    fill(disk, 0)
    before = {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()}
    assert "space" in refused("evaluate", disk / "study", "--open-test")
    assert {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()} == before
    (disk / "ballast").unlink()
    told("evaluate", disk / "study", "--open-test")
    assert len(openings(disk / "study" / "ledger.jsonl")) == 1
