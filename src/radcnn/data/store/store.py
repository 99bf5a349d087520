"""A store: one growing file of voxels and an index of lines, each written after the voxels it speaks of.

A process that ends in the middle leaves voxels that no line speaks of; the next one writes over them. So building goes
on where it stopped, and a case is prepared again only when its key changes: its file, its region or its preparation.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import ReadError, StorageError
from radcnn.data.store.case import StoredCase
from radcnn.data.store.codes import coded
from radcnn.data.store.places import class_places

VOXELS, INDEX = "voxels.bin", "index.jsonl"
ALIGNED = 64  # bytes: a line of the cache
KINDS = ("float32", "uint8", "uint16", "uint32", "int16", "int32")


class CaseStore:
    """Prepared cases by key, in a folder of their own.

    Raises StorageError where the disk is full, ReadError where the folder is not what was written.

    >>> import tempfile
    >>> store = CaseStore(Path(tempfile.mkdtemp()) / "store")
    >>> store.add("a", np.zeros((1, 4, 4), np.float32), mask=np.eye(4, dtype=np.uint8))
    >>> store["a"].places[1]
    array([ 0,  5, 10, 15], dtype=uint32)
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entries: dict[str, dict[str, Any]] = {}
        self._mapped: np.memmap | None = None
        self._end = 0
        self._read_index()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __getitem__(self, key: str) -> StoredCase:
        """The case; its arrays are read-only views of the file."""
        entry = self._entries[key]
        arrays = {name: self._view(spec) for name, spec in entry["arrays"].items()}
        return StoredCase(
            arrays["image"],
            arrays.get("palette"),
            arrays.get("mask"),
            {int(name.partition(":")[2]): part for name, part in arrays.items() if name.startswith("places:")},
            None if entry["affine"] is None else np.array(entry["affine"]),
        )

    def noted(self, key: str) -> Any:
        """What was written down beside a case."""
        return self._entries[key]["noted"]

    def add(
        self,
        key: str,
        image: NDArray[np.float32],
        *,
        mask: NDArray | None = None,
        affine: NDArray[np.float64] | None = None,
        noted: Any = None,
    ) -> None:
        """Write a case (C, *size) with its labels (*size), by one thread at a time; a key that is there is replaced."""
        codes, palette = coded(image)
        arrays: dict[str, NDArray] = {"image": codes}
        if palette is not None:
            arrays["palette"] = palette
        if mask is not None:
            arrays["mask"] = np.ascontiguousarray(mask)
            arrays |= {f"places:{label}": places for label, places in class_places(mask).items()}
        entry = {
            "key": key,
            "arrays": self._append(arrays),
            "affine": None if affine is None else affine.tolist(),
            "noted": noted,
        }
        with self._writing(), (self.folder / INDEX).open("a", encoding="utf-8") as index:
            index.write(json.dumps(entry, separators=(",", ":")) + "\n")
        self._entries[key] = entry

    def _append(self, arrays: Mapping[str, NDArray]) -> dict[str, list[Any]]:
        specs: dict[str, list[Any]] = {}
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / VOXELS).open("r+b" if (self.folder / VOXELS).exists() else "w+b") as file:
                file.seek(self._end)
                for name, array in arrays.items():
                    start = -(-file.tell() // ALIGNED) * ALIGNED
                    file.write(b"\0" * (start - file.tell()))
                    file.write(np.ascontiguousarray(array).data)
                    specs[name] = [start, array.dtype.name, list(array.shape)]
                file.flush()
                os.fdatasync(file.fileno())
                self._end = file.tell()
        return specs

    def _view(self, spec: list[Any]) -> NDArray:
        start, kind, shape = spec
        needed = start + int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize
        if self._mapped is None or len(self._mapped) < needed:
            self._mapped = np.memmap(self.folder / VOXELS, np.uint8, mode="r")
        return np.ndarray(tuple(shape), kind, self._mapped.data, start)

    def _read_index(self) -> None:
        path = self.folder / INDEX
        if not path.is_file():
            return
        size = (self.folder / VOXELS).stat().st_size if (self.folder / VOXELS).is_file() else 0
        text = path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]  # a line that was not finished speaks of nothing
        try:
            for line in whole.splitlines():
                entry = json.loads(line)
                for start, kind, shape in entry["arrays"].values():
                    end = int(start) + int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize
                    if kind not in KINDS or not 0 <= start <= end <= size:
                        raise ValueError
                    self._end = max(self._end, end)
                self._entries[entry["key"]] = entry
        except (ValueError, KeyError, TypeError):
            raise ReadError(f"the store {self.folder.name} is damaged; delete the folder, it is made anew") from None
        if len(whole) < len(text):
            path.write_text(whole, encoding="utf-8")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Say what went wrong with the disk in one sentence."""
        try:
            yield
        except OSError as cause:
            raise StorageError(
                f"the store {self.folder} could not be written: {cause.strerror or cause}; free some space"
            ) from cause
