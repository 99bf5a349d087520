"""What every engine benchmark shares: jobs take turns, medians are compared, one JSON object is written."""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RUNS = 5


@dataclass(frozen=True)
class Timed:
    """Milliseconds of each run of a job."""

    name: str
    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.runs)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"name": self.name, "median": round(self.median, 4), "runs": [round(run, 4) for run in self.runs]}


def measure(jobs: Mapping[str, Callable[[], object]], runs: int = RUNS, *, warm: int = 1) -> dict[str, Timed]:
    """Each job `runs` times after `warm` unmeasured calls; jobs take turns, so that a busy moment meets all of them."""
    for job in jobs.values():
        for _ in range(warm):
            job()
    took: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(runs):
        for name, job in jobs.items():
            gc.collect()
            started = time.perf_counter()
            job()
            took[name].append(1000 * (time.perf_counter() - started))
    return {name: Timed(name, tuple(found)) for name, found in took.items()}


def report(
    row: str,
    timed: Mapping[str, Timed],
    *,
    ours: str,
    reach: float,
    asked: str,
    note: str = "",
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One row of the table: our median, the peers', how many times faster than the best of them, and what was asked.

    ours   the name of our own job; all others are peers
    reach  the ratio best peer / ours that was to be reached
    asked  the same in words
    """
    mine = timed[ours]
    peers = [found for name, found in timed.items() if name != ours]
    ratio = min(peer.median for peer in peers) / mine.median if peers else float("nan")
    print(f"{row}")
    for found in (mine, *peers):
        spread = f"({min(found.runs):.3g} to {max(found.runs):.3g})"
        print(f"  {found.name:44s} {found.median:10.3g} ms  {spread:22s} {found.median / mine.median:8.3g} x ours")
    print(f"  asked: {asked}; best peer / ours: {ratio:.3g}{'' if ratio >= reach else '  (falls short)'}\n", flush=True)
    return {
        "row": row,
        "unit": "ms",
        "ours": mine.as_json(),
        "peers": [peer.as_json() for peer in peers],
        "ratio": round(ratio, 3),
        "reach": asked,
        "reached": bool(ratio >= reach),
        "note": note,
        **(extra or {}),
    }


def versions(*packages: str) -> dict[str, str]:
    """Installed versions; those that are absent are left out."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def write_rows(rows: list[dict[str, Any]]) -> None:
    """Write the rows as JSON lines to the file given by --json, if one is given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path, help="append the rows to this file, one JSON object per line")
    path = parser.parse_known_args()[0].json
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
