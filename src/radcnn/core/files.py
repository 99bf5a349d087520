"""Writing without half-written files, reading with one sentence where the system refuses, and hashes.

A file is written beside its destination, flushed to the disk and then renamed onto it: a reader sees the old file
or the new one, never a part. A full disk or a missing permission is a StorageError and leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from radcnn.core.errors import InputError, ReadError, StorageError

CHUNK = 1 << 20  # bytes read at a time when hashing
MAX_JSON_BYTES = 256 << 20  # a JSON file larger than this is not one of ours


PRIVATE = 0o600  # permissions of a file that only its owner may read


@contextmanager
def atomic(path: Path | str, *, mode: int = 0o644) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it onto `path` when the block succeeds, remove it otherwise.

    `mode` are the permissions it gets before it has its name. Raises StorageError when the disk is full or the folder
    is not writable.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError as cause:
        raise StorageError(
            f"{path.name} could not be written to {path.parent}: {cause.strerror or cause}; "
            "free some space or choose another folder"
        ) from cause
    finally:
        if temporary is not None and temporary.exists():
            temporary.unlink()


def refuse_used(folder: Path) -> None:
    """Raises InputError where something lies in the place of a folder that is to be new."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists already; choose another folder with --out, or delete it")


def refuse_taken(file: Path | str) -> None:
    """Raises InputError where something lies in the place of a file that is to be new: nothing is written over."""
    if Path(file).exists():
        raise InputError(f"{file} exists already; choose another name with --out, or delete it")


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a folder beside `path` that takes its name when the block succeeds, and is removed otherwise.

    An empty folder may be there already. Raises StorageError when the folder cannot be made or given its name.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    except OSError as cause:
        raise StorageError(f"{path} could not be made: {cause.strerror}; choose another folder") from cause
    try:
        yield partial
        _take_name(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _take_name(partial: Path, path: Path) -> None:
    try:
        partial.chmod(0o755)
        if path.exists():
            path.rmdir()
        partial.rename(path)
    except OSError as cause:
        reason = cause.strerror or cause
        raise StorageError(f"{path} could not be made: {reason}; free some space or choose another folder") from cause


@contextmanager
def reading(path: Path | str) -> Iterator[None]:
    """Raise ReadError, naming the file or folder, where the system refuses to look at it or to read it."""
    try:
        yield
    except OSError as cause:
        name, reason = Path(path).name or str(path), cause.strerror or type(cause).__name__
        raise ReadError(f"{name} could not be read: {reason}; check its name and permissions") from None


def write_text(path: Path | str, text: str, *, mode: int = 0o644) -> None:
    """Write text atomically (UTF-8)."""
    with atomic(path, mode=mode) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: Path | str, content: bytes) -> None:
    """Write bytes atomically."""
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path | str, value: Any) -> None:
    """Write JSON atomically: sorted as given, indented, NaN and infinity refused (say null)."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read a JSON file of ours; raises ReadError when it is missing, too large or damaged."""
    path = Path(path)
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise ReadError(f"{path} is larger than any JSON file of radcnn; it was not read")
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as cause:
        raise ReadError(f"{path} does not exist") from cause
    except (ValueError, RecursionError, OSError) as cause:
        raise ReadError(f"{path} is not readable JSON ({cause}); restore it or make it anew") from cause


def append_line(path: Path | str, line: str) -> None:
    """Append one line and flush it to the disk; the file is never rewritten."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(line.rstrip("\n") + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as cause:
        raise StorageError(f"{path} could not be appended to: {cause.strerror or cause}; free some space") from cause


def sha256_of(path: Path | str) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_of_json(value: Any) -> str:
    """Hexadecimal SHA-256 of a value's canonical JSON (sorted keys, no spaces)."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def stat_of(place: str) -> list[list[int]]:
    """Size and time of change of a file, or of each file in a folder; raises ReadError when it is gone."""
    try:
        about = os.stat(place)  # noqa: PTH116  half the time of a path's
        if not stat.S_ISDIR(about.st_mode):
            return [[about.st_size, about.st_mtime_ns]]
        files = sorted(p for p in Path(place).iterdir() if p.is_file())
        return [[(s := file.stat()).st_size, s.st_mtime_ns] for file in files]
    except FileNotFoundError as cause:
        raise ReadError(f"{Path(place).name} does not exist any more; restore it or leave the case out") from cause
