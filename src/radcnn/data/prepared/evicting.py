"""What a cache folder holds of prepared cases, and taking it out: only what radcnn wrote, never what is in use."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from radcnn.core.errors import InputError
from radcnn.core.files import read_json, reading
from radcnn.data.prepared.building import ABOUT
from radcnn.data.store.index import LINE
from radcnn.data.store.locks import BUILDING, USED, Held, hold
from radcnn.data.store.store import INDEX, VOXELS

STORE = re.compile(r"prepared-[0-9a-f]{20}")
ARRAY = re.compile(r"(prepared-[0-9a-f]{20})\.(npy|json)")  # of versions before stores: an array and its findings
LEFT = re.compile(r"\.prepared-[0-9a-f]{20}\.(npy|json)\..*|\.removed-prepared-[0-9a-f]{20}-\d+")  # by killed processes
FILES = re.compile("|".join([*map(re.escape, (VOXELS, INDEX, ABOUT, USED, BUILDING)), r"\.about\.json\..*"]))


@dataclass(frozen=True)
class Cached:
    """Prepared cases in a cache folder.

    name         of the folder, or of the array of an earlier version
    paths        the folder or the files
    cases        how many; None where that cannot be said
    used         when they were last used, in seconds since 1970
    preparation  how they were prepared; None where that is not known
    of_now       whether this version would use them
    """

    name: str
    paths: tuple[Path, ...]
    bytes: int
    cases: int | None
    used: float
    preparation: dict[str, Any] | None = None
    of_now: bool = True


def cached_in(cache: Path) -> list[Cached]:
    """What radcnn wrote into a cache folder, the last used first; nothing where there is no such folder."""
    if not cache.exists():
        return []
    found: list[Cached] = []
    files: dict[str, list[Path]] = {}
    with reading(cache):
        for path in sorted(cache.iterdir()):
            if path.is_symlink():
                continue
            array = ARRAY.fullmatch(path.name)
            if path.is_dir() and STORE.fullmatch(path.name):
                found.append(_store(path))
            elif (array and path.is_file()) or LEFT.fullmatch(path.name):
                files.setdefault(array[1] if array else path.name, []).append(path)
        found += [_older(name, tuple(paths)) for name, paths in files.items()]
    return sorted(found, key=lambda one: -one.used)


def _store(folder: Path) -> Cached:
    about = folder / ABOUT
    said: Any = None
    with suppress(InputError):
        said = read_json(about)
    preparation = said.get("preparation") if isinstance(said, dict) else None
    index = _size(folder / INDEX)
    return Cached(
        folder.name,
        (folder,),
        sum(_size(path) for path in folder.iterdir()),
        max(0, index // LINE.itemsize - 1),
        (about if about.exists() else folder).stat().st_mtime,
        preparation if isinstance(preparation, dict) else None,
    )


def _older(name: str, paths: tuple[Path, ...]) -> Cached:
    """An array of an earlier version, or what a killed process left."""
    cases = None
    array = next((path for path in paths if path.name == f"{name}.npy"), None)
    if array is not None:
        with suppress(OSError, ValueError, EOFError):
            cases = len(np.load(array, mmap_mode="r", allow_pickle=False))
    files = [file for path in paths for file in (path.iterdir() if path.is_dir() else [path])]
    used = max(path.stat().st_mtime for path in paths)
    return Cached(name, paths, sum(_size(file) for file in files), cases, used, of_now=False)


def _size(path: Path) -> int:
    """Bytes of a file; 0 where it is none, or is gone meanwhile."""
    with suppress(OSError):
        return path.stat().st_size if path.is_file() and not path.is_symlink() else 0
    return 0


def evict(cached: Cached) -> str:
    """Take prepared cases out of the cache; where they stay, why, as the end of a sentence, else an empty one."""
    try:
        for path in cached.paths:
            if not path.is_dir():
                path.unlink(missing_ok=True)
            elif why := _remove_folder(path):
                return why
    except OSError as cause:
        return f"it could not be removed: {cause.strerror or cause}"
    return ""


def _remove_folder(folder: Path) -> str:
    if not all(FILES.fullmatch(path.name) and path.is_file() and not path.is_symlink() for path in folder.iterdir()):
        return "it holds something that radcnn did not write"
    locks: list[Held] = []
    try:
        for name in (USED, BUILDING):
            lock = hold(folder / name, alone=True)
            if lock is None:
                return "a running process uses it"
            locks.append(lock)
        gone = folder
        if STORE.fullmatch(folder.name):  # at once for everybody, however long the removing takes
            gone = folder.with_name(f".removed-{folder.name}-{os.getpid()}")
            folder.rename(gone)
    finally:
        for lock in locks:
            lock.let_go()
    for path in gone.iterdir():
        path.unlink(missing_ok=True)
    gone.rmdir()
    return ""
