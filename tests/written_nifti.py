"""NIfTI files with any header at all: nibabel lays the fields out, nobody checks what stands in them."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any, Literal

import nibabel
import numpy as np
from numpy.typing import NDArray

HEADERS = {1: nibabel.Nifti1Header, 2: nibabel.Nifti2Header}
PATIENT: dict[str, Any] = {
    "sform_code": 1,
    "srow_x": [-0.5, 0, 0, 90],
    "srow_y": [0, -0.5, 0, 80],
    "srow_z": [0, 0, 2, -70],
    "pixdim": [1, 0.5, 0.5, 2, 0, 0, 0, 0],
    "xyzt_units": 2,
}


def nifti_bytes(
    array: NDArray, *, version: int = 1, order: Literal["<", ">"] = "<", extension: bytes = b"", **fields: Any
) -> bytes:
    """The bytes of a .nii file of an array (i, j, k, ...) with these header fields; by default it lies in a patient."""
    header = HEADERS[version](endianness=order, check=False)
    raw = header.structarr
    if array.dtype.fields:
        raw["datatype"], raw["bitpix"] = (128, 24) if array.dtype.itemsize == 3 else (2304, 32)
    else:
        header.set_data_dtype(array.dtype)
    raw["dim"] = [array.ndim, *array.shape, *[1] * (7 - array.ndim)]
    raw["scl_slope"], raw["scl_inter"] = 1, 0
    raw["vox_offset"] = header.sizeof_hdr + 4 + len(extension)
    for name, value in {**PATIENT, **fields}.items():
        raw[name] = value
    voxels = np.asfortranarray(array).astype(array.dtype.newbyteorder(order)).tobytes(order="F")
    return bytes(header.binaryblock) + bytes([bool(extension), 0, 0, 0]) + extension + voxels


def write_nifti_bytes(path: Path, array: NDArray, **fields: Any) -> Path:
    """Write such a file, gzipped where its name ends in .gz."""
    content = nifti_bytes(array, **fields)
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    return path
