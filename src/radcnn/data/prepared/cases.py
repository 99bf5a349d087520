"""PreparedCases: images of one shape in a store, like an array of float32 that is read where it is looked at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from radcnn.data.store.index import VOXEL_BYTES
from radcnn.kernels.worth import worth_compiling

LINEAR = -1  # in the place of a palette's number of values
READ = 4  # times that each image is read, at least, in a training
LARGE = 4096  # values of an image from which on one call each is no loss
LOOKING_UP = 5e-9  # seconds for each value where nothing is compiled
Rows = int | slice | Sequence[int] | NDArray[np.intp]


class Images(Protocol):
    """Images (N, C, *size) float32: an array, or PreparedCases."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number, channels and voxels per axis."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> NDArray[np.float32]:
        """Those of some rows."""
        ...


class PreparedCases:
    """Prepared images (N, C, *size) float32, mapped from the disk; nobody can write to them.

    digests  SHA-256 of each image's values, (N, 32) bytes

    `held` keeps the store from being removed as long as this is there.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self, file: NDArray[np.uint8], lines: NDArray[np.void], shape: tuple[int, ...], held: object = None
    ) -> None:
        self.shape = shape
        worth_compiling(READ * LOOKING_UP * math.prod(shape))  # what is to come
        self._file = file
        self._held = held
        counts = np.where(lines["linear"] == 1, LINEAR, lines["palette_count"].astype(np.int64))
        columns = lines["image_at"], VOXEL_BYTES[lines["code_bytes"]], lines["palette_at"], counts
        self._table = np.stack([column.astype(np.int64) for column in columns], axis=1)
        self.digests = np.frombuffer(np.ascontiguousarray(lines["digest"]).tobytes(), np.uint8).reshape(-1, 32)

    @property
    def ndim(self) -> int:
        """Axes of all images together."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes as float32; on the disk they are fewer."""
        return 4 * int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Rows) -> NDArray[np.float32]:
        """The images in these rows as a new array; of one row the image (C, *size)."""
        if isinstance(rows, slice):
            return self.rows(np.arange(len(self))[rows])
        if isinstance(rows, (int, np.integer)):
            return self.rows(np.array([rows]))[0]
        return self.rows(np.asarray(rows))

    def rows(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """The images in these rows (n,) or chosen by a mask (N,), as a new array (n, C, *size)."""
        table = self._table[rows]
        out = np.empty((len(table), math.prod(self.shape[1:])), np.float32)
        copied = out.shape[1] > LARGE and (table[:, 1] == 4).all()
        if not copied and worth_compiling(LOOKING_UP * out.size):
            from radcnn.kernels.coding import values_of

            values_of(self._file, table, out)
        else:
            _values_of(self._file, table, out)
        return out.reshape(len(table), *self.shape[1:])

    def of(self, rows: NDArray[np.intp]) -> PreparedCases:
        """These rows alone, still on the disk."""
        chosen = object.__new__(PreparedCases)
        chosen._file, chosen._held = self._file, self._held
        chosen._table, chosen.digests = self._table[rows], self.digests[rows]
        chosen.shape = (len(chosen._table), *self.shape[1:])
        return chosen

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """All of them in memory."""
        if copy is False:
            raise ValueError("prepared cases lie on the disk as codes; an array of them is a copy")
        return self[:].astype(dtype or np.float32, copy=False)


def of_rows(images: Images, rows: NDArray[np.intp]) -> Images:
    """These rows of images: still on the disk where they lie there."""
    return images.of(rows) if isinstance(images, PreparedCases) else images[rows]


def _values_of(file: NDArray[np.uint8], table: NDArray[np.int64], out: NDArray[np.float32]) -> None:
    """`kernels.coding.values_of` without a compiler, for studies that are done before it is loaded."""
    n = out.shape[1]
    for row, (place, kind, palette, count) in enumerate(table.tolist()):
        if kind == 4:
            out[row] = file[place : place + 4 * n].view(np.float32)
        else:
            codes: NDArray[Any] = file[place : place + kind * n].view(np.uint8 if kind == 1 else np.uint16)
            values: NDArray[np.float32] = file[palette : palette + 4 * (256 if count == LINEAR else count)].view(
                np.float32
            )
            values.take(codes, out=out[row], mode="clip")
