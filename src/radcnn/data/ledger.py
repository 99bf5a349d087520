"""The ledger: append-only JSON lines that say which split was made and how often its test side was opened.

Each line holds the hash of the line before it, so that editing, inserting or removing a line breaks the chain. The
file `<ledger>.head` beside it remembers how long the ledger was, so that cutting off its end is noticed as well.
This makes tampering visible to an honest reader; it is no lock against someone who rewrites both files.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from radcnn.core.errors import ReadError, SplitError, StorageError
from radcnn.core.files import append_line, read_json, write_json
from radcnn.data.findings import counted
from radcnn.data.splits import Split

START = "0" * 64  # what the first line names as the line before it


@dataclass(frozen=True)
class Opening:
    """One opening of the test side: when (UTC), by which model, in which run, and why."""

    number: int
    date: str
    split: str
    model: str
    run: str
    reason: str


def read_ledger(path: Path | str) -> tuple[dict[str, Any], ...]:
    """Every entry, oldest first; none where there is no ledger yet.

    Raises ReadError when a line was changed, inserted or removed.
    """
    path = Path(path)
    entries, hashes = [], [START]
    for number, line in enumerate(_lines(path), start=1):
        try:
            entry = json.loads(line)
            intact = entry["line"] == number and entry["previous"] == hashes[-1]
        except (ValueError, KeyError, TypeError):
            intact = False
        if not intact:
            raise ReadError(
                f"ledger {path} does not fit together at line {number}: this line or the one before it was changed, "
                "inserted or removed; restore the ledger from a copy"
            )
        entries.append(entry)
        hashes.append(_hash(line))
    known, last = _head(path)
    if known > len(entries):
        raise ReadError(f"ledger {path} lost its last {counted(known - len(entries), 'line')}; restore it from a copy")
    if hashes[known] != last:
        raise ReadError(f"line {known} of ledger {path} was changed; restore the ledger from a copy")
    return tuple(entries)


def record_split(path: Path | str, split: Split, *, now: datetime | None = None) -> None:
    """Enter a split; entering the same split again changes nothing."""
    with _locked(path):
        if not any(entry["entry"] == "split" and entry["split"] == split.hash for entry in read_ledger(path)):
            counts = {str(side): number for side, number in split.counts().items()}
            _append(path, {"entry": "split", "split": split.hash, "seed": split.seed, "cases": counts}, now)


def open_test(path: Path | str, split: Split, *, model: str, run: str, reason: str, now: datetime | None = None) -> int:
    """Enter an opening of the test side, before any test case is looked at; the count of openings, this one included.

    model   hash of the model bundle
    reason  why, in the user's words

    Raises SplitError when the ledger does not know the split, ReadError when the ledger was tampered with.

    >>> import tempfile
    >>> made = Split(("a", "b", "c"), ("training", "tuning", "test"), 0, (0.6, 0.2, 0.2), "by patient")
    >>> ledger = Path(tempfile.mkdtemp(), "ledger.jsonl")
    >>> record_split(ledger, made)
    >>> open_test(ledger, made, model="4f2a", run="first", reason="final figures")
    1
    """
    with _locked(path):
        entries = read_ledger(path)
        if not any(entry["entry"] == "split" and entry["split"] == split.hash for entry in entries):
            raise SplitError(
                f"ledger {path} does not know this split, so its test side cannot be opened; "
                "restore the ledger that was made with the split"
            )
        _append(path, {"entry": "opening", "split": split.hash, "model": model, "run": run, "reason": reason}, now)
    return sum(entry["entry"] == "opening" and entry["split"] == split.hash for entry in entries) + 1


def openings(path: Path | str, split: Split | None = None) -> tuple[Opening, ...]:
    """The openings of the test side, oldest first; of one split, or of all."""
    found = [entry for entry in read_ledger(path) if entry["entry"] == "opening"]
    if split is not None:
        found = [entry for entry in found if entry["split"] == split.hash]
    return tuple(
        Opening(number, entry["date"], entry["split"], entry["model"], entry["run"], entry["reason"])
        for number, entry in enumerate(found, start=1)
    )


def _lines(path: Path) -> list[str]:
    """The complete lines; what follows the last line end was cut short by a crash or a full disk, and never counted."""
    if not path.exists():
        return []
    try:
        return path.read_text(encoding="utf-8").split("\n")[:-1]
    except (OSError, UnicodeDecodeError) as cause:
        raise ReadError(f"ledger {path} is not readable; restore it from a copy") from cause


def _append(path: Path | str, entry: dict[str, Any], now: datetime | None) -> None:
    path = Path(path)
    lines = _lines(path)
    complete = sum(len(line.encode()) + 1 for line in lines)
    if path.exists() and path.stat().st_size > complete:
        os.truncate(path, complete)
    date = (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
    previous = _hash(lines[-1]) if lines else START
    line = json.dumps({"line": len(lines) + 1, "date": date, **entry, "previous": previous})
    existed = path.exists()
    try:
        append_line(path, line)
        write_json(_head_path(path), {"lines": len(lines) + 1, "hash": _hash(line)})
    except StorageError:
        # what could not be entered whole did not happen: whoever asked for it is refused
        if existed:
            os.truncate(path, complete)
        else:
            path.unlink(missing_ok=True)
        raise


def _hash(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()


def _head_path(path: Path) -> Path:
    return path.with_name(path.name + ".head")


def _head(path: Path) -> tuple[int, str]:
    """How many lines the ledger had when it was last written, and the last one's hash."""
    if not _head_path(path).exists():
        return 0, START
    head = read_json(_head_path(path))
    try:
        return int(head["lines"]), str(head["hash"])
    except (KeyError, TypeError, ValueError) as cause:
        raise ReadError(f"{_head_path(path)} is not what radcnn wrote; restore it from a copy") from cause


@contextmanager
def _locked(path: Path | str) -> Iterator[None]:
    """One writer at a time, by a lock on the ledger's folder; without file locks (Windows) there is none."""
    folder = Path(path).parent
    try:
        import fcntl
    except ImportError:
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as cause:
        raise StorageError(f"{folder} cannot be written to ({cause.strerror}); choose another folder") from cause
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
