"""Prepared cases: every case brought once to the network's fixed shape, kept as one memory-mapped array on disk.

The array is keyed by what went into it (files with size and time of change, regions, preparation): a changed setting
makes a new one, an unchanged study is ready at once. A file read for several regions is read once.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case, Source
from radcnn.core.errors import InputError, StorageError
from radcnn.core.files import atomic, sha256_of_json
from radcnn.core.volume import Volume
from radcnn.data.read import read_source
from radcnn.transforms.preparation import Preparation, prepare

Told = Callable[[int, int], None]  # (done, of)


def prepare_cases(
    cases: Sequence[Case], preparation: Preparation, cache: Path, *, workers: int = 2, told: Told | None = None
) -> NDArray[np.float32]:
    """The cases as (N, channels, *size) float32, memory-mapped from a file in `cache`.

    Raises ReadError and GeometryError from reading and preparing, naming the case; StorageError when the disk is full.
    """
    path = cache / f"prepared-{_key(cases, preparation)[:20]}.npy"
    if not path.exists():
        _fill(path, cases, preparation, workers, told)
    array: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _fill(path: Path, cases: Sequence[Case], preparation: Preparation, workers: int, told: Told | None) -> None:
    shape = (len(cases), preparation.channels, *preparation.size)
    path.parent.mkdir(parents=True, exist_ok=True)
    _check_space(path.parent, 4 * int(np.prod(shape)))
    by_source: dict[Source, list[int]] = {}
    for row, case in enumerate(cases):
        by_source.setdefault(case.source, []).append(row)
    with atomic(path) as temporary:
        array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=shape)

        def one(source: Source) -> int:
            volume = read_source(source)
            for row in by_source[source]:
                array[row] = _prepared(volume, cases[row], preparation)
            return len(by_source[source])

        done = 0
        with ThreadPoolExecutor(max(1, workers), thread_name_prefix="prepare") as pool:
            for count in pool.map(one, by_source):
                done += count
                if told is not None:
                    told(done, len(cases))
        array.flush()


def _prepared(volume: Volume, case: Case, preparation: Preparation) -> NDArray[np.float32]:
    try:
        return prepare(volume, preparation, centre_mm=case.centre_mm)
    except InputError as cause:
        raise type(cause)(f"case {case.id}: {cause}") from cause


def _key(cases: Sequence[Case], preparation: Preparation) -> str:
    stats = {path: _stat(path) for path in {case.source.path for case in cases}}
    items = [
        [str(case.source.path), stats[case.source.path], case.source.array, case.source.item, case.centre_mm]
        for case in cases
    ]
    return sha256_of_json({"preparation": preparation.as_json(), "items": items})


def _stat(path: Path) -> list[list[int]]:
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    return [[(s := file.stat()).st_size, s.st_mtime_ns] for file in files]


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"the prepared cases need {needed / 2**20:.0f} MiB but {folder} has {free / 2**20:.0f} MiB free; "
            "free some space or put the study folder (--out) on another disk"
        )
