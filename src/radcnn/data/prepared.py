"""Prepared cases: every case brought once to the network's fixed shape, kept as one memory-mapped array on disk.

The array is keyed by what went into it (files with size and time of change, regions, preparation): a changed setting
makes a new one, an unchanged study is ready at once. A file read for several regions is read once.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case, Source
from radcnn.core.errors import InputError, ReadError, StorageError
from radcnn.core.files import atomic, read_json, sha256_of_json, write_json
from radcnn.data.findings import Finding
from radcnn.data.read import read_noted
from radcnn.transforms.preparation import Preparation, prepare

Told = Callable[[int, int], None]  # (done, of)


def prepare_cases(
    cases: Sequence[Case], preparation: Preparation, cache: Path, *, workers: int = 2, told: Told | None = None
) -> NDArray[np.float32]:
    """The cases as (N, channels, *size) float32, memory-mapped from a file in `cache`.

    Raises ReadError and GeometryError from reading and preparing, naming the case; StorageError when the disk is full.
    """
    shape = (len(cases), preparation.channels, *preparation.size)
    if not cases:
        return np.empty(shape, np.float32)
    path = _array_file(cases, preparation, cache)
    if (ready := _opened(path, shape)) is not None:
        return ready
    _fill(path, shape, cases, preparation, workers, told)
    array: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def ready_bytes(cases: Sequence[Case], preparation: Preparation, cache: Path) -> int:
    """Bytes on the disk of these cases prepared so; 0 where they are not."""
    path = _array_file(cases, preparation, cache) if cases else None
    return path.stat().st_size if path is not None and path.is_file() else 0


def noticed(cases: Sequence[Case], preparation: Preparation, cache: Path) -> dict[int, tuple[Finding, ...]]:
    """What readers noticed when these cases were prepared, by row; rows about which there was nothing are left out."""
    path = _findings_file(_array_file(cases, preparation, cache)) if cases else None
    if path is None or not path.is_file():
        return {}
    try:
        return {int(row): tuple(Finding(**one) for one in found) for row, found in read_json(path).items()}
    except (TypeError, ValueError, AttributeError):
        raise ReadError(f"{path} is not what radcnn wrote; delete the folder {cache.name}, it is made anew") from None


def _array_file(cases: Sequence[Case], preparation: Preparation, cache: Path) -> Path:
    return cache / f"prepared-{_key(cases, preparation)[:20]}.npy"


def _findings_file(array: Path) -> Path:
    return array.with_suffix(".json")


def _opened(path: Path, shape: tuple[int, ...]) -> NDArray[np.float32] | None:
    """What was prepared before; None where there is nothing or it is damaged."""
    try:
        array: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return array if array.shape == shape and array.dtype == np.float32 else None


def _fill(
    path: Path,
    shape: tuple[int, ...],
    cases: Sequence[Case],
    preparation: Preparation,
    workers: int,
    told: Told | None,
) -> None:
    _check_space(path.parent, 4 * int(np.prod(shape)))
    by_source: dict[Source, list[int]] = {}
    for row, case in enumerate(cases):
        by_source.setdefault(case.source, []).append(row)
    with atomic(path) as temporary:
        array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=shape)
        _reserve(temporary)

        said: dict[int, list[dict[str, str]]] = {}

        def one(source: Source) -> int:
            with _naming(cases[by_source[source][0]]):
                read = read_noted(source)
            for row in by_source[source]:
                with _naming(cases[row]):
                    array[row] = prepare(read.volume, preparation, centre_mm=cases[row].centre_mm)
                if read.findings:
                    said[row] = [finding.as_json() for finding in read.nameless(source.path)]
            return len(by_source[source])

        done = 0
        with ThreadPoolExecutor(max(1, workers), thread_name_prefix="prepare") as pool:
            for count in pool.map(one, by_source):
                done += count
                if told is not None:
                    told(done, len(cases))
        array.flush()
        if said:
            write_json(_findings_file(path), {str(row): said[row] for row in sorted(said)})


@contextmanager
def _naming(case: Case) -> Iterator[None]:
    """Put the case's name before whatever is wrong with its image."""
    try:
        yield
    except InputError as cause:
        raise type(cause)(f"case {case.called}: {cause}") from cause


def _reserve(file: Path) -> None:
    """Take the file's whole space now: writing to a mapped page that finds no space would kill the process."""
    if not hasattr(os, "posix_fallocate"):
        return
    with file.open("rb+") as opened:
        try:
            os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
        except OSError as cause:
            if cause.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # file systems that cannot reserve
                raise


def _key(cases: Sequence[Case], preparation: Preparation) -> str:
    stats: dict[Path, list[list[int]]] = {}
    for case in cases:
        if case.source.path not in stats:
            with _naming(case):
                stats[case.source.path] = stat_of(case.source.path)
    items = [[_asked(case.source), stats[case.source.path], case.centre_mm] for case in cases]
    return sha256_of_json({"preparation": preparation.as_json(), "items": items})


def _asked(source: Source) -> list[object]:
    """Where a source is and how it is read, as plain values."""
    return [str(getattr(source, part.name)) for part in fields(source)]


def stat_of(path: Path) -> list[list[int]]:
    """Size and time of change of a file, or of each file in a folder; raises ReadError when it is gone."""
    try:
        files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
        return [[(s := file.stat()).st_size, s.st_mtime_ns] for file in files]
    except FileNotFoundError as cause:
        raise ReadError(f"{path.name} does not exist any more; restore it or leave the case out") from cause


def _check_space(folder: Path, needed: int) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as cause:
        raise StorageError(f"prepared cases could not be written to {folder}: {cause.strerror or cause}") from cause
    if needed > free:
        raise StorageError(
            f"the prepared cases need {needed / 2**20:.1f} MiB but {folder} has {free / 2**20:.1f} MiB free; "
            "free some space or put the study folder (--out) on another disk"
        )
