"""The ledger remembers every opening of the test side, and notices when it is tampered with."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radcnn.core.errors import ReadError, SplitError
from radcnn.data.ledger import open_test, openings, read_ledger, record_split
from radcnn.data.splits import Split

SPLIT = Split(("a", "b", "c"), ("training", "tuning", "test"), 0, (0.6, 0.2, 0.2), "by patient")
NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def filled(folder: Path, times: int = 3) -> Path:
    path = folder / "ledger.jsonl"
    record_split(path, SPLIT, now=NOW)
    for i in range(times):
        open_test(path, SPLIT, model=f"hash{i}", run=f"run{i}", reason="final figures", now=NOW)
    return path


def test_openings_are_counted_dated_and_told_again(tmp_path: Path) -> None:
    path = filled(tmp_path, 1)
    assert open_test(path, SPLIT, model="hash1", run="run1", reason="the reviewers asked", now=NOW) == 2
    first, second = openings(path, SPLIT)
    assert (first.number, first.model, first.run, first.reason) == (1, "hash0", "run0", "final figures")
    assert second.date == "2026-03-01T12:30:00+00:00"
    assert second.split == SPLIT.hash


def test_a_ledger_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert openings(tmp_path / "ledger.jsonl") == ()


def test_the_same_split_is_entered_once(tmp_path: Path) -> None:
    path = filled(tmp_path, 0)
    record_split(path, SPLIT)
    assert [entry["entry"] for entry in read_ledger(path)] == ["split"]


def test_a_split_the_ledger_does_not_know_cannot_be_opened(tmp_path: Path) -> None:
    path = filled(tmp_path, 0)
    other = Split(SPLIT.cases, SPLIT.sides, 1, SPLIT.fractions, SPLIT.method)
    with pytest.raises(SplitError, match="does not know this split"):
        open_test(path, other, model="m", run="r", reason="x")
    assert len(read_ledger(path)) == 1


def test_openings_of_another_split_are_not_counted(tmp_path: Path) -> None:
    path = filled(tmp_path, 2)
    other = Split(SPLIT.cases, SPLIT.sides, 1, SPLIT.fractions, SPLIT.method)
    record_split(path, other)
    assert open_test(path, other, model="m", run="r", reason="x") == 1
    assert len(openings(path)) == 3
    assert len(openings(path, SPLIT)) == 2


def edit_reason(lines: list[str]) -> list[str]:
    return [lines[0], lines[1].replace("final", "trial"), *lines[2:]]


def edit_last(lines: list[str]) -> list[str]:
    return [*lines[:-1], lines[-1].replace("final", "trial")]


TAMPERING: dict[str, Callable[[list[str]], list[str]]] = {
    "an edited line": edit_reason,
    "an edited last line": edit_last,
    "a removed line": lambda lines: lines[:1] + lines[2:],
    "a removed first line": lambda lines: lines[1:],
    "a removed last line": lambda lines: lines[:-1],
    "all lines removed": lambda lines: [],
    "lines exchanged": lambda lines: [lines[0], lines[2], lines[1], lines[3]],
    "a line twice": lambda lines: [*lines, lines[-1]],
    "no json": lambda lines: [*lines[:2], "hello", lines[3]],
    "other json": lambda lines: [*lines[:2], "[1]", lines[3]],
}


@pytest.mark.parametrize("how", TAMPERING)
def test_tampering_is_noticed_before_anything_is_entered(tmp_path: Path, how: str) -> None:
    path = filled(tmp_path)
    lines = TAMPERING[how](path.read_text().splitlines())
    path.write_text("".join(line + "\n" for line in lines))
    with pytest.raises(ReadError, match="restore"):
        read_ledger(path)
    with pytest.raises(ReadError, match="restore"):
        open_test(path, SPLIT, model="m", run="r", reason="x")


def test_a_removed_ledger_is_noticed(tmp_path: Path) -> None:
    path = filled(tmp_path)
    path.unlink()
    with pytest.raises(ReadError, match="lost its last 4 lines"):
        openings(path)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_changed_character_is_noticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = filled(tmp_path_factory.mktemp("ledger"))
    text = path.read_text()
    at = data.draw(st.integers(0, len(text) - 1))
    new = data.draw(st.sampled_from([c for c in "0aZ \n}" if c != text[at]]))
    path.write_text(text[:at] + new + text[at + 1 :])
    with pytest.raises(ReadError):
        read_ledger(path)


def test_a_line_cut_short_by_a_crash_is_forgotten(tmp_path: Path) -> None:
    path = filled(tmp_path, 1)
    with path.open("a") as file:
        file.write('{"line": 3, "date"')
    assert len(openings(path)) == 1
    assert open_test(path, SPLIT, model="m", run="r", reason="x") == 2
    assert [json.loads(line)["line"] for line in path.read_text().splitlines()] == [1, 2, 3]


def test_a_line_written_before_a_crash_counts_although_the_head_is_older(tmp_path: Path) -> None:
    path = filled(tmp_path, 1)
    head = (tmp_path / "ledger.jsonl.head").read_text()
    open_test(path, SPLIT, model="m", run="r", reason="x")
    (tmp_path / "ledger.jsonl.head").write_text(head)
    assert len(openings(path)) == 2


def test_reasons_may_hold_any_character(tmp_path: Path) -> None:
    path = filled(tmp_path, 0)
    reason = "line\nend \u2028 'quote' \"ü\""
    open_test(path, SPLIT, model="m", run="r", reason=reason)
    assert openings(path)[0].reason == reason


def test_writers_at_the_same_time_take_turns(tmp_path: Path) -> None:
    path = filled(tmp_path, 0)
    threads = [
        threading.Thread(target=open_test, args=(path, SPLIT), kwargs={"model": "m", "run": str(i), "reason": "x"})
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {opening.run for opening in openings(path)} == {str(i) for i in range(8)}
