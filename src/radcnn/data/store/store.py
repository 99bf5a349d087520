"""A store: one growing file of voxels and an index of lines, each written after the voxels it speaks of.

A process that ends in the middle leaves voxels that no line speaks of; the next one writes over them. So building goes
on where it stopped, and a case is prepared again only when its key changes: its file, its region or its preparation.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import ReadError, StorageError
from radcnn.data.store.case import StoredCase
from radcnn.data.store.codes import Coder
from radcnn.data.store.index import HEADER, KEY_BYTES, KINDS, LINE, Line, ends, read_index
from radcnn.data.store.places import class_places

VOXELS, INDEX = "voxels.bin", "index.bin"
ALIGNED = 64  # bytes: a line of the processor's cache
GROUP_BYTES = 16 << 20  # written and brought to the disk at once ...
GROUP_SECONDS = 5.0  # ... or what came in so long: the most that an interruption costs
SMALL, PIECE = 16384, 2047  # bytes of an image; hashlib lets go from 2048 on
MASKS = ("uint8", "uint16", "uint32", "int16", "int32", "int64")


class CaseStore:
    """Prepared cases by key, in a folder of their own.

    One process writes at a time (see `store.locks`), by any number of threads; others may read meanwhile. Raises
    StorageError where the disk is full, ReadError where the folder is not what was written.

    >>> import tempfile
    >>> store = CaseStore(Path(tempfile.mkdtemp()) / "store")
    >>> store.add("a", np.zeros((1, 4, 4), np.float32), mask=np.eye(4, dtype=np.uint8))
    >>> store["a"].places[1]
    array([ 0,  5, 10, 15], dtype=uint32)
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines = read_index(folder / INDEX, folder / VOXELS)
        self._rows = {key.decode("ascii"): row for row, key in enumerate(self.lines["key"].tolist())}
        self._end = int(ends(self.lines).max()) if len(self.lines) else 0
        self._mapped: NDArray[np.uint8] | None = None
        self._coders = threading.local()  # each thread's palette
        self._edition = 0  # of what coders know to lie in the file
        self._lock = threading.RLock()
        self._waiting: list[NDArray | bytes] = []  # parts of the file of voxels
        self._waiting_lines: list[Line] = []
        self._waiting_end = self._end
        self._written = time.monotonic()
        self._grouped = False

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def row(self, key: str) -> int:
        """Which line of the index speaks of a case."""
        return self._rows[key]

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return self._end + LINE.itemsize * (1 + len(self.lines))

    def mapped(self) -> NDArray[np.uint8]:
        """The file of voxels, mapped: only what is looked at is read."""
        if self._mapped is None or len(self._mapped) < self._end:
            self._mapped = np.asarray(np.memmap(self.folder / VOXELS, np.uint8, mode="r"))
        return self._mapped

    def __getitem__(self, key: str) -> StoredCase:
        """The case; its arrays are read-only views of the file."""
        line = self.lines[self._rows[key]]
        shape = [int(n) for n in line["shape"][: line["rank"]]]
        more = self._more(line)
        palette = self._view(line["palette_at"], "float32", [line["palette_count"]]) if line["palette_count"] else None
        mask = more.get("mask")
        return StoredCase(
            self._view(line["image_at"], KINDS[line["code_bytes"]], shape),
            palette,
            None if mask is None else self._view(*mask),
            {int(label): self._view(at, "uint32", [n]) for label, (at, n) in more.get("places", {}).items()},
            None if more.get("affine") is None else np.array(more["affine"]),
        )

    def noted(self, key: str) -> Any:
        """What was written down beside a case."""
        return self._more(self.lines[self._rows[key]]).get("noted")

    def add(
        self,
        key: str,
        image: NDArray[np.float32],
        *,
        mask: NDArray | None = None,
        affine: NDArray[np.float64] | None = None,
        noted: Any = None,
    ) -> None:
        """Write a case (C, *size) with its labels (*size); a key (40 letters at most) that is there is replaced."""
        if not (key.isascii() and 0 < len(key) <= KEY_BYTES):
            raise ValueError(f"a key is 1 to {KEY_BYTES} letters, got {key!r}")
        with self._lock:
            coder, edition = self._coder(), self._edition
        codes, palette, at, linear = coder.coded(image)
        digest = _sha256(image)
        places = {} if mask is None else class_places(mask)
        with self._lock:
            if palette is not None and (at is None or edition != self._edition):
                at = self._put(palette)
                if codes.itemsize == 1:
                    coder.lies_at(at)
            image_at = self._put(codes)
            more = self._put_more(mask, places, affine, noted)
            line = Line(
                key, digest, image_at, 0 if palette is None else codes.itemsize, codes.shape,
                at or 0, 0 if palette is None else len(palette), self._put(more) if more else 0, len(more), linear,
            )  # fmt: skip
            self._waiting_lines.append(line)
            if (
                not self._grouped
                or self._waiting_end - self._end > GROUP_BYTES
                or time.monotonic() - self._written > GROUP_SECONDS
            ):
                self._write()

    def _put_more(
        self,
        mask: NDArray | None,
        places: dict[int, NDArray[np.uint32]],
        affine: NDArray[np.float64] | None,
        noted: Any,
    ) -> bytes:
        """What else is known of a case, as JSON; empty where nothing is."""
        said: dict[str, Any] = {}
        if mask is not None:
            said["mask"] = [self._put(mask), mask.dtype.name, list(mask.shape)]
        if places:
            said["places"] = {label: [self._put(found), len(found)] for label, found in places.items()}
        if affine is not None:
            said["affine"] = affine.tolist()
        if noted is not None:
            said["noted"] = noted
        return json.dumps(said, separators=(",", ":")).encode() if said else b""

    @contextmanager
    def grouped(self) -> Iterator[None]:
        """Bring cases to the disk in groups: they are there for sure, and found by their key, when the block ends."""
        self._grouped, self._written = True, time.monotonic()
        try:
            yield
        finally:
            self._grouped = False
            with self._lock:
                self._write()

    def _coder(self) -> Coder:
        """The coder of this thread."""
        found: Coder | None = getattr(self._coders, "coder", None)
        if found is None:
            found = self._coders.coder = Coder()
        return found

    def _put(self, part: NDArray | bytes) -> int:
        """Where a part will lie in the file of voxels."""
        start = -(-self._waiting_end // ALIGNED) * ALIGNED
        if start > self._waiting_end:
            self._waiting.append(bytes(start - self._waiting_end))
        self._waiting.append(part if isinstance(part, bytes) else np.ascontiguousarray(part))
        self._waiting_end = start + (len(part) if isinstance(part, bytes) else part.nbytes)
        return start

    def _write(self) -> None:
        """Voxels, then their lines; what does not fit onto the disk is taken back and forgotten."""
        parts, lines, self._waiting, self._waiting_lines = self._waiting, self._waiting_lines, [], []
        if not lines:
            return
        packed = b"".join(line.packed() for line in lines)
        index_end = len(HEADER) + len(self.lines) * LINE.itemsize if len(self.lines) else 0
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _append(self.folder / VOXELS, self._end, parts)
            _append(self.folder / INDEX, index_end, [packed] if index_end else [HEADER, packed])
        except OSError as cause:
            for name, end in ((VOXELS, self._end), (INDEX, index_end)):
                with suppress(OSError):
                    os.truncate(self.folder / name, end)
            self._waiting_end, self._edition = self._end, self._edition + 1
            self._coders = threading.local()
            raise StorageError(
                f"the store {self.folder} could not be written: {cause.strerror or cause}; free some space"
            ) from cause
        first = len(self.lines)
        self.lines = np.concatenate([self.lines, np.frombuffer(packed, LINE)])
        self._rows |= {line.key: first + i for i, line in enumerate(lines)}
        self._end, self._written = self._waiting_end, time.monotonic()

    def _more(self, line: Any) -> dict[str, Any]:
        if not line["more_bytes"]:
            return {}
        try:
            found = json.loads(self._view(line["more_at"], "uint8", [line["more_bytes"]]).tobytes())
            assert isinstance(found, dict)
        except (ValueError, AssertionError):
            raise self._damaged() from None
        return found

    def _view(self, at: Any, kind: str, shape: list[Any]) -> NDArray:
        mapped, sizes = self.mapped(), tuple(int(n) for n in shape)
        if kind not in (*KINDS, *MASKS) or int(at) + np.prod(sizes, dtype=float) * np.dtype(kind).itemsize > len(
            mapped
        ):
            raise self._damaged()
        return np.ndarray(sizes, kind, mapped.data, int(at))

    def _damaged(self) -> ReadError:
        return ReadError(f"the store {self.folder.name} is damaged; delete the folder, it is made anew")


def _sha256(image: NDArray[np.float32]) -> bytes:
    """SHA-256 of an image's values; hashlib lets go of the interpreter for long pieces, which small images wait for."""
    values = np.ascontiguousarray(image).reshape(-1).view(np.uint8).data
    if len(values) > SMALL:
        return hashlib.sha256(values).digest()
    found = hashlib.sha256()
    for start in range(0, len(values), PIECE):
        found.update(values[start : start + PIECE])
    return found.digest()


def _append(path: Path, start: int, parts: Sequence[NDArray | bytes]) -> None:
    """Write from here on, where the file ends then, and bring it to the disk."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.truncate(start)
        file.seek(start)
        for part in parts:
            file.write(part if isinstance(part, bytes) else part.data)
        file.flush()
        getattr(os, "fdatasync", os.fsync)(file.fileno())
