"""The arrays of an npz file, plain numbers only: nothing is ever unpickled, no size is believed untested.

An array's header is read first; an array that is used must be numeric, of a bounded size and as long as its place in
the archive. Arrays beside it (names, dates) may be of any kind, since they are never unpacked.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from radcnn.core.catalogue import did_you_mean
from radcnn.core.errors import ReadError

MAX_UNPACKED_BYTES = 8 << 30  # of one array; the largest of MedMNIST at 128 pixels takes 4.1 GiB


@dataclass(frozen=True)
class Header:
    """Shape and type of an array, and how many bytes of numbers are stored for it."""

    shape: tuple[int, ...]
    dtype: np.dtype
    stored: int


Headers = dict[str, Header]  # by the array's name


def headers(path: Path) -> Headers:
    """What the file says of every array, without unpacking or judging one; raises ReadError when it is damaged."""
    with _archive(path) as archive:
        found: Headers = {}
        for info in archive.infolist():
            if not info.filename.endswith(".npy"):
                raise ReadError(f"{path.name} is a zip archive but not an npz file; unpack it")
            name = info.filename.removesuffix(".npy")
            shape, dtype, start = _header(path, name, archive, info)
            found[name] = Header(shape, dtype, info.file_size - start)
    return found


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise ReadError(f"{path.name} does not exist; check the spelling and the folder") from None
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as cause:
        raise ReadError(f"{path.name} is damaged or truncated, no npz archive; copy it again") from cause


def _header(
    path: Path, name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo
) -> tuple[tuple[int, ...], np.dtype, int]:
    """Shape, type, and where the numbers start."""
    try:
        with archive.open(info) as file:
            version = npy.read_magic(file)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read(file)
            start = file.tell()
    except Exception as cause:
        # damaged bytes fail in zlib, in zipfile or in numpy
        raise ReadError(f"array {name} of {path.name} is damaged: its header cannot be read; copy it again") from cause
    return tuple(int(n) for n in shape), dtype, start


def usable(path: Path, name: str, known: Headers) -> Header:
    """The header of an array that can be used; raises ReadError when it is missing, not numeric, too large or lies."""
    if name not in known:
        raise ReadError(f"{path.name} has no array {name!r}; {did_you_mean(name, known)}")
    found = known[name]
    dtype = found.dtype
    if dtype.hasobject or dtype.kind not in "biuf":
        kind = "Python objects" if dtype.hasobject else f"{dtype} values"
        raise ReadError(f"array {name} of {path.name} holds {kind}, which are never read; save plain numbers")
    size = dtype.itemsize
    for n in found.shape:
        size *= n
    if size > MAX_UNPACKED_BYTES:
        raise ReadError(
            f"array {name} of {path.name} unpacks to {size / 2**30:.1f} GiB; at most {MAX_UNPACKED_BYTES >> 30} GiB "
            "are read at once: save it as several files"
        )
    if size != found.stored:
        raise ReadError(
            f"array {name} of {path.name} is damaged: {size} bytes announced, {found.stored} stored; copy it again"
        )
    return found


def unpacked(path: Path, name: str) -> NDArray:
    """One array of an npz file, in native byte order; raises ReadError when it is missing, damaged or not numeric."""
    usable(path, name, headers(path))
    try:
        with _archive(path) as archive, archive.open(f"{name}.npy") as file:
            array: NDArray = npy.read_array(file, allow_pickle=False)
    except ReadError:
        raise
    except Exception as cause:
        raise ReadError(f"array {name} of {path.name} is damaged and cannot be unpacked; copy it again") from cause
    return array.astype(array.dtype.newbyteorder("="), copy=False)
