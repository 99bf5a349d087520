"""Prepared cases: every case brought once to the network's fixed shape and kept in a store on the disk.

There is one store for each preparation. In it a case is known by what went into it (file with size and time of change,
region): a changed file is prepared anew, an added one is added, and what was prepared before is ready at once, also
after a process was killed in the middle. A file read for several regions is read once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case, Source
from radcnn.core.errors import ReadError, StorageError
from radcnn.core.files import write_json
from radcnn.data.findings import Finding
from radcnn.data.prepared.cases import PreparedCases
from radcnn.data.prepared.keys import folder_of, keys_of, naming
from radcnn.data.quiet import quiet
from radcnn.data.read import read_noted
from radcnn.data.store.index import LINE, image_bytes
from radcnn.data.store.locks import BUILDING, USED, Held, hold
from radcnn.data.store.store import INDEX, VOXELS, CaseStore
from radcnn.transforms.preparation import Preparation, prepare

ABOUT = "about.json"  # what is prepared so; its time of change is when it was last used
PARTS_OF_WORK = 200  # that work is divided into at least, so that progress is seen
MANY, PICKED = 10_000, 1_000  # cases of which some are picked out to be looked for; how many these are
MOST_AT_ONCE = 32  # files that a thread takes at a time

Told = Callable[[int, int], None]  # (done, of)
Said = Callable[[str], None]


def prepare_cases(
    cases: Sequence[Case],
    preparation: Preparation,
    cache: Path,
    *,
    workers: int = 2,
    told: Told | None = None,
    said: Said | None = None,
) -> PreparedCases:
    """The cases as images (N, channels, *size) float32, read where they are looked at from a store in `cache`.

    What is not there is prepared by one process at a time: another one waits, and `said` hears of it. Raises ReadError
    and GeometryError from reading and preparing, naming the case; StorageError when the disk is full. What was prepared
    until then stays.
    """
    shape = (len(cases), preparation.channels, *preparation.size)
    if not cases:
        return PreparedCases(np.empty(0, np.uint8), np.zeros(0, LINE), shape)
    keys = keys_of(cases)

    def fill(store: CaseStore, rows: list[int]) -> None:
        there = len(cases) - len(rows)
        todo = [(keys[row], cases[row]) for row in rows]
        _fill(store, todo, preparation, workers, lambda done: told(there + done, len(cases)) if told else None)

    about = {"preparation": preparation.as_json()}
    store, held = held_store(folder_of(preparation, cache), about, keys, fill, said)
    lines = store.lines[[store.row(key) for key in keys]]
    return PreparedCases(store.mapped(), lines, shape, held)


def held_store(
    folder: Path,
    about: dict[str, Any],
    keys: Sequence[str],
    fill: Callable[[CaseStore, list[int]], None],
    said: Said | None,
) -> tuple[CaseStore, Held]:
    """A store with all of these keys, and what keeps it from being removed.

    about  what is kept beside it of how it was made
    fill   adds what is missing, by rows of `keys`; one process at a time does, another one waits and `said` hears of it
    """
    held = _used(folder, about)
    store = _opened(folder)
    if store is None or any(key not in store for key in keys):
        building = _building(folder, said or _nobody)
        try:
            held = _used(folder, about)  # the folder may be another one than before the wait
            store = _opened(folder)  # and others may have prepared more meanwhile
            if store is None:
                (said or _nobody)(f"the prepared cases in {folder.name} are damaged; all are prepared again")
                building, held, store = _anew(folder, about)
            missing = [row for row, key in enumerate(keys) if key not in store]
            if missing:
                fill(store, missing)
        finally:
            building.let_go()
    return store, held


@dataclass(frozen=True)
class Ready:
    """How many cases are prepared already, and the bytes they take on the disk."""

    cases: int
    bytes: int


def ready(cases: Sequence[Case], preparation: Preparation, cache: Path) -> Ready:
    """What of these cases is prepared so already; of very many, if that holds for all that were picked out, all are.

    It is said beforehand what a training will need: a second that is spent on the keys of 100,000 files buys nothing.
    """
    folder = folder_of(preparation, cache)
    store = _opened(folder) if cases and folder.is_dir() else None
    if store is None or not len(store):
        return Ready(0, 0)
    if len(cases) > MANY and len(store) >= len(cases):
        picked = cases[:: len(cases) // PICKED]
        found = _found(picked, store)
        if len(found) == len(picked):
            return Ready(len(cases), _bytes(found, len(cases)))
    lines = _found(cases, store)
    return Ready(len(lines), _bytes(lines, len(lines)))


def _found(cases: Sequence[Case], store: CaseStore) -> NDArray[np.void]:
    """The store's lines of those cases that it holds."""
    return store.lines[[store.row(key) for key in keys_of(cases) if key in store]]


def _bytes(lines: NDArray[np.void], count: int) -> int:
    """What so many cases like these take on the disk; pictures that are mapped alike share a palette."""
    palettes = np.unique(lines[["palette_at", "palette_count"]])["palette_count"]
    each = float(image_bytes(lines).mean()) + LINE.itemsize if len(lines) else 0.0
    return round(each * count) + 4 * int(palettes.sum())


def noticed(cases: Sequence[Case], preparation: Preparation, cache: Path) -> dict[int, tuple[Finding, ...]]:
    """What readers noticed when these cases were prepared, by row; rows about which there was nothing are left out."""
    folder = folder_of(preparation, cache)
    if not cases or not folder.is_dir():
        return {}
    store = CaseStore(folder)
    said = {row: store.noted(key) for row, key in enumerate(keys_of(cases)) if key in store}
    try:
        return {row: tuple(Finding(**one) for one in found) for row, found in said.items() if found}
    except (TypeError, ValueError, AttributeError):
        raise ReadError(f"{folder} is not what radcnn wrote; delete the folder {cache.name}, it is made anew") from None


def _nobody(sentence: str) -> None:
    assert sentence


def _used(folder: Path, said: dict[str, Any]) -> Held:
    """Keep the store from being removed; it is made where it is missing."""
    try:
        held = hold(folder / USED, alone=False, waiting=lambda: None)
        assert held is not None, "waited for"
        about = folder / ABOUT
        if about.is_file():
            with suppress(OSError):  # a cache that may only be read
                os.utime(about)
        else:
            write_json(about, said)
    except OSError as cause:
        raise _not_written(folder.parent, cause) from cause
    return held


def _building(folder: Path, said: Said) -> Held:
    """Be the only one who writes to the store."""
    sentence = "another process is preparing these cases; waiting until it is done (Ctrl-C stops waiting)"
    try:
        held = hold(folder / BUILDING, alone=True, waiting=lambda: said(sentence))
    except OSError as cause:
        raise _not_written(folder.parent, cause) from cause
    assert held is not None, "waited for"
    return held


def _not_written(folder: Path, cause: OSError) -> StorageError:
    return StorageError(
        f"prepared cases could not be written to {folder}: {cause.strerror or cause}; free some space or put the study "
        "folder (--out) on another disk"
    )


def _opened(folder: Path) -> CaseStore | None:
    """The store; None where it is damaged."""
    try:
        return CaseStore(folder)
    except ReadError:
        return None


def _anew(folder: Path, about: dict[str, Any]) -> tuple[Held, Held, CaseStore]:
    """An empty store in the place of a damaged one; who still reads from that keeps his files."""
    removed = folder.with_name(f".removed-{folder.name}-{os.getpid()}")
    try:
        folder.rename(removed)
    except OSError as cause:
        raise _not_written(folder.parent, cause) from cause
    with suppress(OSError):
        for name in (VOXELS, INDEX, ABOUT, USED, BUILDING):
            (removed / name).unlink(missing_ok=True)
        removed.rmdir()
    held = _used(folder, about)
    return _building(folder, _nobody), held, CaseStore(folder)


def _fill(
    store: CaseStore,
    todo: Sequence[tuple[str, Case]],
    preparation: Preparation,
    workers: int,
    told: Callable[[int], None],
) -> None:
    """Prepare cases, by several threads, into the store."""
    values = preparation.channels * int(np.prod(preparation.size))
    _refuse_full(store.folder, len(todo) * values, "at least ")
    by_source: dict[Source, list[int]] = {}
    for row, (_, case) in enumerate(todo):
        by_source.setdefault(case.source, []).append(row)

    def one(source: Source) -> int:
        rows = by_source[source]
        with naming(todo[rows[0]][1]):
            read = read_noted(source)
        noted = [finding.as_json() for finding in read.nameless(source.path)] or None
        for key, case in (todo[row] for row in rows):
            with naming(case):
                image = prepare(read.volume, preparation, centre_mm=case.centre_mm)
            store.add(key, image, noted=noted)
        return len(rows)

    done, before, written = 0, len(store), store.size
    sources = list(by_source)
    at_once = max(1, min(MOST_AT_ONCE, len(sources) // PARTS_OF_WORK))
    parts = [sources[start : start + at_once] for start in range(0, len(sources), at_once)]
    with quiet(), store.grouped(), ThreadPoolExecutor(max(1, workers), thread_name_prefix="prepare") as pool:
        for counts in pool.map(lambda part: [one(source) for source in part], parts):
            for count in counts:
                done += count
                told(done)
            stored = len(store) - before
            if stored and store.size > written:
                left = (store.size - written) / stored * (len(todo) - stored)
                _refuse_full(store.folder, round(left), "about ", "more ")


def _refuse_full(folder: Path, needed: int, about: str, more: str = "") -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"the prepared cases need {about}{needed / 2**20:.1f} MiB {more}but {folder.parent} has "
            f"{free / 2**20:.1f} MiB free; free some space or put the study folder (--out) on another disk"
        )
