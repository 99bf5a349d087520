"""`radcnn cache`: says what studies keep prepared, frees what it is told to, and touches nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import radcnn
from cli_in_process import QUICK, refused, told, tree
from radcnn.core.errors import SettingsError
from radcnn.data.prepared.building import prepare_cases
from radcnn.study.folder import StudyFolder
from radcnn.study.listener import SILENCE
from radcnn.study.open_study import open_study
from written_studies import write_npz


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    """A copy of the study, which a test may change."""
    return Path(shutil.copytree(made, tmp_path / "study"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with two stores, the second used two days ago, one array of an earlier version, and things of others."""
    tmp_path = tmp_path_factory.mktemp("made")
    folder = tmp_path / "study"
    told("new", write_npz(tmp_path / "set.npz"), "--out", folder, *QUICK)
    told("train", folder)
    opened = open_study(StudyFolder(folder))
    cases, cache = opened.cases(opened.rows("training")), folder / "cache"
    plain = opened.propose().preparation
    prepare_cases(cases, type(plain).from_json({**plain.as_json(), "size": [7, 9]}), cache)
    (older,) = [one.cached.paths[0] for one in radcnn.cache(folder) if not one.runs]
    aged(older / "about.json", 2)
    np.save(cache / f"prepared-{'0' * 20}.npy", np.zeros((5, 1, 4, 4), np.float32))
    (cache / f"prepared-{'0' * 20}.json").write_text("{}")
    aged(cache / f"prepared-{'0' * 20}.npy", 30)
    aged(cache / f"prepared-{'0' * 20}.json", 30)
    (cache / "notes.txt").write_text("mine")
    (cache / "prepared-mine").mkdir()
    (cache / "prepared-mine" / "voxels.bin").write_text("mine too")
    return folder


def aged(path: Path, days: float) -> None:
    then = time.time() - days * 86_400
    os.utime(path, (then, then))


def names(folder: Path) -> set[str]:
    return {path.name for path in (folder / "cache").iterdir()}


OTHERS = {"notes.txt", "prepared-mine"}


def test_what_is_kept_is_listed_with_its_runs_and_nothing_is_touched(study: Path) -> None:
    before = tree(study)
    found = told("cache", study, "--json").json
    assert [(one["cases"], one["runs"]) for one in found["kept"]] == [(72, ["run-001"]), (40, []), (5, [])]
    assert [one["words"] for one in found["kept"]][1:] == ["7 x 9, 1 channel, range", "of an earlier version"]
    sizes = [sum(path.stat().st_size for path in (study / "cache").glob(f"{one['name']}*/*")) for one in found["kept"]]
    assert [one["bytes"] for one in found["kept"]][:2] == sizes[:2]
    assert found["held_bytes"] == sum(one["bytes"] for one in found["kept"])
    said = told("cache", study).out
    assert "72 cases" in said
    assert "for run-001" in said
    assert tree(study) == before


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["--evict"], []),
        (["--older-than", "10"], [72, 40]),
        (["--older-than", "1.5"], [72]),
        (["--keep-newest", "1"], [72]),
        (["--keep-newest", "0"], []),
        (["--keep-newest", "1", "--older-than", "10"], [72, 40]),
        (["--evict", "--keep-newest", "5"], [72, 40, 5]),
    ],
)
def test_what_was_asked_for_is_evicted_and_nothing_else(study: Path, words: list[str], left: list[int]) -> None:
    before = told("cache", study, "--json").json
    would = told("cache", study, *words, "--dry-run", "--json").json
    assert told("cache", study, "--json").json == before
    done = told("cache", study, *words, "--json").json
    assert done == would
    assert done["freed_bytes"] == before["held_bytes"] - done["held_bytes"]
    assert [one.cached.cases for one in radcnn.cache(study)] == left
    assert names(study) >= OTHERS
    assert len(names(study) - OTHERS) == len(left) + (5 in left), "the array of five has a file of findings"


def test_what_was_evicted_is_prepared_again_where_it_is_needed(study: Path) -> None:
    told("cache", study, "--evict")
    told("train", study)
    assert [(one.cached.cases, one.runs) for one in radcnn.cache(study)] == [(72, ("run-001", "run-002"))]


def test_a_store_that_a_running_process_uses_stays_with_a_sentence(study: Path) -> None:
    code = (
        "import sys; from radcnn.study.open_study import *; from radcnn.study.listener import SILENCE\n"
        "opened = open_study(StudyFolder(Path(sys.argv[1])))\n"
        "held = opened.prepared(opened.rows('tuning'), opened.propose().preparation, SILENCE)\n"
        "print(len(held), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(study)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "16\n"
        done = told("cache", study, "--evict")
        assert "stays, since a running process uses it" in done.err
        assert [one.cached.cases for one in radcnn.cache(study)] == [72]
        process.kill()
    told("cache", study, "--evict")
    assert names(study) == OTHERS


def test_a_store_with_something_of_others_stays_with_a_sentence(study: Path) -> None:
    newest = radcnn.cache(study)[0].cached.paths[0]
    (newest / "mine.txt").write_text("keep me")
    assert "radcnn did not write" in told("cache", study, "--evict").err
    assert (newest / "mine.txt").read_text() == "keep me"
    (newest / "mine.txt").unlink()
    (newest / "index.bin").rename(newest.parent / "index.bin")
    (newest / "index.bin").symlink_to(newest.parent / "index.bin")
    assert "radcnn did not write" in told("cache", study, "--evict").err


def test_what_a_killed_process_left_is_evicted_too(study: Path) -> None:
    left = study / "cache" / f".removed-prepared-{'1' * 20}-77"
    left.mkdir()
    (left / "voxels.bin").write_bytes(bytes(100))
    (study / "cache" / f".prepared-{'2' * 20}.npy.abcd.npy").write_bytes(bytes(100))
    assert "left by a process that was killed" in told("cache", study).out
    told("cache", study, "--evict")
    assert names(study) == OTHERS


def test_without_a_name_the_studies_here_are_meant(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for here in (study.parent, study):
        monkeypatch.chdir(here)
        assert len(told("cache", "--json").json["kept"]) == 3
    monkeypatch.chdir(study / "cache")
    assert "there is no study in" in refused("cache")


def test_bad_input_is_one_sentence(study: Path) -> None:
    assert "dry_run says what would be evicted" in refused("cache", study, "--dry-run")
    assert "older_than must be 0 days or more" in refused("cache", study, "--older-than=-3")
    assert "older_than must be 0 days or more" in refused("cache", study, "--older-than", "nan")
    assert "keep_newest must be 0 or more" in refused("cache", study, "--keep-newest=-1")
    with pytest.raises(SettingsError):
        radcnn.cache(study, older_than=-1, evict=True)
    assert len(radcnn.cache(study)) == 3


def test_whoever_opens_a_store_while_it_goes_finds_a_new_one(study: Path) -> None:
    opened = open_study(StudyFolder(study))
    wanted = opened.rows("tuning"), opened.propose().preparation, SILENCE
    first = opened.prepared(*wanted)[:]
    told("cache", study, "--evict")
    assert np.array_equal(opened.prepared(*wanted)[:], first)
