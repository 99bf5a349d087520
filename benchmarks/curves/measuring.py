"""What the cost curves share: every point in a process of its own, its peak memory, one JSON object per curve."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MIB = 2**20
SAMPLED = 0.01  # seconds between two looks at the memory


def own_memory() -> int:
    """Bytes of this process that belong to no file: pages of a mapped file can be given back at any time."""
    told = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(next(line for line in told.splitlines() if line.startswith("RssAnon")).split()[1])


@contextmanager
def watched() -> Iterator[Callable[[], float]]:
    """A function that answers, at the end, by how many MiB the process grew at most since now."""
    before, ended = own_memory(), threading.Event()
    highest = [before]

    def look() -> None:
        while not ended.wait(SAMPLED):
            highest[0] = max(highest[0], own_memory())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield lambda: (max(highest[0], own_memory()) - before) / MIB
    finally:
        ended.set()
        thread.join()


def drawn(
    title: str, columns: Sequence[str], points: Sequence[Any], point: Callable[[Any], Sequence[object]], note: str
) -> None:
    """Measure every point in a process of its own, print the curve, and write it to the file given by --json.

    point  answers a row for a point; it is called in the child, in which the script was started with --point
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path, help="append the curve to this file as one JSON object")
    parser.add_argument("--point", help="measure this point alone and print its row")
    given = parser.parse_args()
    if given.point:
        print(json.dumps(list(point(json.loads(given.point)))))
        return
    rows = []
    print(title, "|".join(columns), sep="\n", flush=True)
    for at in points:
        command = [sys.executable, sys.argv[0], "--point", json.dumps(at)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(*rows[-1], sep=" | ", flush=True)
    if given.json is not None:
        with given.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"curve": title, "columns": columns, "rows": rows, "note": note}) + "\n")
