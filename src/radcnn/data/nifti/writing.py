"""A Volume written as NIfTI, so that affine and voxels come back exactly.

Files are NIfTI-1, which every program reads; NIfTI-2 only where an axis is longer than NIfTI-1 can count. Where float32
rounds the affine, its digits stand in an extension of ours beside it (see `own`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import GeometryError, InputError
from radcnn.core.files import atomic, refuse_taken
from radcnn.core.volume import Volume
from radcnn.data.grid.judging import largest_cosine, refuse_impossible, spacings_of
from radcnn.data.grid.types import Stored, stored_type
from radcnn.data.nifti.header import FIRST_VOXEL, HEADER_BYTES, MAGIC, MAGIC_AT, Version, header_of, layout
from radcnn.data.nifti.own import Own, packed
from radcnn.data.nifti.placing import MILLIMETRES, lps, placed
from radcnn.data.nifti.types import DATATYPES, LABEL

COMPRESSION = 4  # gzip level: within 3 % of the default's size at a third of its time
LONGEST_AXIS = 2**15 - 1  # of NIfTI-1
PIECE = 1 << 20  # bytes packed at a time
PATIENT = 1  # sform and qform code: coordinates of the scanner
RIGHT_ANGLED = 1e-6  # cosine between axes up to which a qform can say the same as the sform
CODES: dict[str, int] = {stored: code for code, stored in DATATYPES.items()}
WRITTEN_AS: dict[np.dtype, np.dtype] = {np.dtype(bool): np.dtype(np.uint8), np.dtype(np.float16): np.dtype(np.float32)}


def write_nifti(volume: Volume, path: Path | str) -> None:
    """Write a Volume as NIfTI (.nii or .nii.gz), atomically.

    Affine and voxels come back bit for bit (booleans as bytes, float16 as float32), and so do the units
    "rgb" and "mask". Three channels of bytes in units "rgb" become RGB voxels; other channels lie along axis 5, where
    NIfTI has vectors, and only radcnn takes them for channels.

    Raises InputError when the name does not end in .nii or .nii.gz, GeometryError when the spacing is unknown or the
    voxels have a type NIfTI cannot keep, StorageError when the file cannot be written.
    """
    path = Path(path)
    check_nifti_name(path)
    pieces = _pieces(path.name, volume)
    if path.name.endswith(".gz"):
        pieces = _gzipped(pieces)
    first = next(pieces)  # what cannot be written is refused before a file is begun
    with atomic(path) as temporary, temporary.open("wb") as file:
        file.write(first)
        for piece in pieces:
            file.write(piece)


def check_nifti_name(path: Path | str) -> None:
    """Raises InputError where a file's name does not end as NIfTI's do: asked before anything is read or computed."""
    if not str(path).endswith((".nii", ".nii.gz")):
        raise InputError(f"{Path(path).name} must end in .nii or .nii.gz: images and masks are written as NIfTI")


def check_nifti_place(path: Path | str) -> None:
    """The same, and where something lies there already."""
    check_nifti_name(path)
    refuse_taken(path)


def _gzipped(pieces: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """The pieces packed as one gzip member without a name or a time: the same voxels give the same bytes."""
    packer = zlib.compressobj(COMPRESSION, zlib.DEFLATED, 31)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def _pieces(name: str, volume: Volume) -> Iterator[bytes | memoryview]:
    """The bytes of a .nii file in turn: header, extension, voxels."""
    stored, voxels = _stored(name, volume)
    yield _head(name, volume, stored)
    view = memoryview(voxels.reshape(-1).view(np.uint8).data)
    for start in range(0, len(view), PIECE):
        yield view[start : start + PIECE]


def _stored(name: str, volume: Volume) -> tuple[Stored, NDArray]:
    """The type of a voxel and the array in the file's order, last axis fastest: (C, D, H, W), or (D, H, W, 3)."""
    voxels = volume.voxels
    if volume.units == "rgb" and volume.channels == 3 and voxels.dtype == np.uint8:
        return "RGB", np.ascontiguousarray(np.moveaxis(voxels, 0, -1))
    dtype = WRITTEN_AS.get(voxels.dtype, voxels.dtype)
    if dtype.name not in CODES:
        raise GeometryError(f"{name}: NIfTI is written with whole and floating-point numbers, got {voxels.dtype}")
    stored: Stored = DATATYPES[CODES[dtype.name]]
    return stored, np.ascontiguousarray(voxels, stored_type(stored, "<"))


def _head(name: str, volume: Volume, stored: Stored) -> bytes:
    """Header, extension flag and extension; read back before they are written, so that `read` takes the file."""
    if volume.affine is None:
        raise GeometryError(f"{name}: the spacing of this image is unknown, and NIfTI cannot say so; save it as npz")
    refuse_impossible(name, volume.affine)
    channels = 1 if stored == "RGB" else volume.channels
    raw = _fields(volume, volume.affine, stored, channels)
    try:
        back = placed(name, header_of(name, _content(raw, b"")))
    except GeometryError:  # a rotation that float32 cannot keep as a quaternion
        raw["qform_code"] = 0
        back = placed(name, header_of(name, _content(raw, b"")))
    kept = back.affine is not None and np.array_equal(back.affine, volume.affine)
    return _content(raw, packed(Own(None if kept else volume.affine, channels, volume.rank)))


def _content(raw: NDArray, extension: bytes) -> bytes:
    """The header's bytes with its mark, the flag of extensions, and the extension."""
    version: Version = 1 if raw["sizeof_hdr"] == HEADER_BYTES[1] else 2
    raw["vox_offset"] = FIRST_VOXEL[version] + len(extension)
    content = bytearray(raw.tobytes())
    content[MAGIC_AT[version] : MAGIC_AT[version] + len(MAGIC[version])] = MAGIC[version]
    return bytes(content) + bytes([bool(extension), 0, 0, 0]) + extension


def _fields(volume: Volume, affine: NDArray[np.float64], stored: Stored, channels: int) -> NDArray:
    version: Version = 2 if max(volume.size) > LONGEST_AXIS else 1
    raw = np.zeros((), layout(version, "<"))
    dim = list(volume.size[::-1])
    if channels > 1:
        dim = [*(*dim, 1)[:3], 1, channels]
    raw["sizeof_hdr"] = HEADER_BYTES[version]
    raw["dim"] = [len(dim), *dim, *[1] * (7 - len(dim))]
    raw["datatype"], raw["bitpix"] = CODES[stored], 8 * stored_type(stored, "<").itemsize
    raw["scl_slope"], raw["xyzt_units"] = 1.0, MILLIMETRES
    raw["intent_code"] = LABEL if volume.units == "mask" else 0
    raw["pixdim"] = [1.0, *spacings_of(affine), 0.0, 0.0, 0.0, 0.0]
    if volume.frame == "patient":
        _place(raw, lps(affine))
    return raw


def _place(raw: NDArray, ras: NDArray[np.float64]) -> None:
    """The affine as sform, and as qform where its axes are at right angles."""
    from scipy.spatial.transform import Rotation

    raw["sform_code"], raw["srow"] = PATIENT, ras[:3]
    if largest_cosine(ras) > RIGHT_ANGLED:
        return
    axes = ras[:3, :3] / np.linalg.norm(ras[:3, :3], axis=0)
    handed = -1.0 if np.linalg.det(axes) < 0 else 1.0
    axes[:, 2] *= handed
    x, y, z, w = Rotation.from_matrix(axes).as_quat()
    raw["qform_code"], raw["qoffset"] = PATIENT, ras[:3, 3]
    raw["quatern"] = np.array([x, y, z]) * (-1.0 if w < 0 else 1.0)
    raw["pixdim"][0] = handed
