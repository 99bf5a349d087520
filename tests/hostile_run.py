"""Reads mutated files in a process of its own and tells, as JSON, what came of each and what it cost.

    python tests/hostile_run.py FIRST COUNT [FOLDER]

Run from an empty folder with HOME and TMPDIR empty, it shows as well whether anything is written beside. Costs are
processor time of this process and its children together, the largest resident memory that any child ever had, and by
how much this process grew while it read.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mutated_files import Mutated, mutated
from sample_files import PLANTED

MOST_SECONDS = 5.0  # of processor time, for one file
MOST_MIB = 512  # of resident memory, for a child
START_SECONDS = 2.5  # of a child that had to be started anew: Python and pydicom, not the file
UIDS = "2.25."  # how all UIDs of the samples begin
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Report:
    """What came of a run."""

    files: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: list[tuple[float, str]] = field(default_factory=list)
    largest: list[tuple[int, str]] = field(default_factory=list)
    children_started: int = 0
    own_largest: list[tuple[int, str]] = field(default_factory=list)

    def note(self, name: str, sort: list[Any], what: float) -> None:
        sort.append((what, name))
        sort.sort(reverse=True)
        del sort[10:]


@dataclass(frozen=True)
class Cost:
    """Seconds of processor time until now, memory of the largest child, and the children that live."""

    seconds: float
    mib: int
    children: frozenset[int]

    @classmethod
    def now(cls) -> Cost:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = time.process_time() + ended.ru_utime + ended.ru_stime
        mib = ended.ru_maxrss // 1024
        children = _children()
        for pid in children:
            seconds += _seconds(pid)
            mib = max(mib, _peak_mib(pid))
        return cls(seconds, mib, frozenset(children))


def _children() -> list[int]:
    """Children of this process, by number."""
    found = []
    for folder in Path("/proc/self/task").iterdir():
        found += [int(pid) for pid in (folder / "children").read_text().split()]
    return found


def _seconds(pid: int) -> float:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / TICKS


def _peak_mib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0)


def _own_mib_from_now() -> int:
    """What this process holds now; the largest that it ever held is forgotten."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak_mib(os.getpid())


def run(first: int, count: int, folder: Path) -> Report:
    """Read the files of `count` seeds."""
    report = Report()
    for seed in range(first, first + count):
        made = mutated(seed)
        path = folder / f"file{made.sample.suffix}"
        path.write_bytes(made.content)
        _one(report, f"{seed} ({made.what})", path, made)
        left = sorted(found.name for found in folder.iterdir() if found != path)
        if left:
            report.faults.append(f"{seed} ({made.what}): left {left}")
        path.unlink()
    return report


def _one(report: Report, name: str, path: Path, made: Mutated) -> None:
    before, own = Cost.now(), _own_mib_from_now()
    for reads in READINGS:
        told = reads(path, made)
        report.outcomes[told[0]] += 1
        for fault in _faults(told, path):
            report.faults.append(f"{name}: {fault}")
    after = Cost.now()
    report.files += 1
    started = len(after.children - before.children)
    report.children_started += started
    seconds = after.seconds - before.seconds
    report.note(name, report.slowest, round(seconds, 2))
    report.note(name, report.own_largest, _peak_mib(os.getpid()) - own)
    if _peak_mib(os.getpid()) - own > MOST_MIB:
        report.faults.append(f"{name}: took {_peak_mib(os.getpid()) - own} MiB of the reading process")
    if after.mib > before.mib:
        report.note(name, report.largest, after.mib)
    if seconds > MOST_SECONDS + START_SECONDS * started:
        report.faults.append(f"{name}: took {seconds:.1f} s of processor time")
    if after.mib > MOST_MIB and before.mib <= MOST_MIB:
        report.faults.append(f"{name}: took {after.mib} MiB")


def _faults(told: tuple[str, str], path: Path) -> list[str]:
    outcome, sentence = told
    if outcome == "read":
        return []
    if outcome.startswith("raised"):
        return [f"{outcome}: {sentence[:300]}"]
    faults = []
    if path.name not in sentence:
        faults.append(f"does not name the file: {sentence[:200]}")
    if PLANTED in sentence.lower() or UIDS in sentence or str(path.parent) in sentence:
        faults.append(f"says what it must not: {sentence[:300]}")
    return faults


Reading = Callable[[Path, Mutated], tuple[str, str]]


def _told(call: Callable[[], object]) -> tuple[str, str]:
    from radcnn.core.errors import RadcnnError

    try:
        call()
    except RadcnnError as error:
        return f"refused: {type(error).__name__}", str(error)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"raised {type(error).__name__}", str(error)
    return "read", ""


def _image(path: Path, made: Mutated) -> tuple[str, str]:
    from radcnn.data.read import read

    return _told(lambda: read(path))


def _film(path: Path, made: Mutated) -> tuple[str, str]:
    """A frame, of what was a film."""
    from radcnn.data.read import read

    if "film" not in made.sample.name:
        return "not asked", path.name
    return _told(lambda: read(path, item=1))


def _mask(path: Path, made: Mutated) -> tuple[str, str]:
    """The labels, of what was a mask."""
    from radcnn.data.masks.read import read_mask

    if not made.sample.is_mask:
        return "not asked", path.name
    return _told(lambda: read_mask(path, _like()))


def _identity(path: Path, made: Mutated) -> tuple[str, str]:
    """Whose it is."""
    from radcnn.data.dicom import dicom_identity

    if not made.sample.is_dicom:
        return "not asked", path.name
    return _told(lambda: dicom_identity(path))


READINGS: tuple[Reading, ...] = (_image, _film, _mask, _identity)


def _like() -> Any:
    """The image that the masks among the samples belong to."""
    import numpy as np

    from matrix.rows_masks import GRID
    from radcnn.core.volume import Volume

    affine = np.eye(4)
    affine[:3, 0] = GRID.positions[1] - GRID.positions[0]
    affine[:3, 1], affine[:3, 2] = GRID.down * GRID.spacing[0], GRID.right * GRID.spacing[1]
    affine[:3, 3] = GRID.positions[0]
    return Volume(np.zeros((1, GRID.slices, GRID.rows, GRID.columns), np.float32), affine, "HU")


def main() -> None:
    """Read, and print the report."""
    first, count = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory(dir=sys.argv[3] if len(sys.argv) > 3 else None) as folder:
        report = run(first, count, Path(folder))
    print(json.dumps(vars(report)))


if __name__ == "__main__":
    main()
