"""MetaImage and NRRD files with any header at all, written as text: SimpleITK need not be there."""

from __future__ import annotations

from pathlib import Path

import numpy as np

VOXELS = np.arange(120, dtype=np.int16).reshape(6, 5, 4) - 50
METAIMAGE: dict[str, str | None] = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "CompressedData": "False",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": "-10 20.5 30",
    "ElementSpacing": "0.7 0.8 2.5",
    "DimSize": "4 5 6",
    "ElementType": "MET_SHORT",
}
NRRD: dict[str, str | None] = {
    "type": "short",
    "dimension": "3",
    "space dimension": None,  # a space without a name, or one with
    "space": "left-posterior-superior",
    "sizes": "4 5 6",
    "space directions": "(0.7,0,0) (0,0.8,0) (0,0,2.5)",
    "kinds": "domain domain domain",
    "endian": "little",
    "encoding": "raw",
    "space origin": "(-10,20.5,30)",
}


def write_mha(path: Path, data: str = "LOCAL", voxels: bytes = VOXELS.tobytes(), **keys: str | None) -> Path:
    lines = [f"{key} = {value}\n" for key, value in {**METAIMAGE, **keys}.items() if value is not None]
    head = "".join([*lines, f"ElementDataFile = {data}\n"]).encode()
    path.write_bytes(head + (voxels if data == "LOCAL" else b""))
    return path


def write_nrrd(path: Path, voxels: bytes = VOXELS.tobytes(), **fields: str | None) -> Path:
    given = {**NRRD, **{key.replace("_", " "): value for key, value in fields.items()}}
    lines = [f"{key}: {value}\n" for key, value in given.items() if value is not None]
    head = "".join(["NRRD0004\n# a comment\n", *lines, "note:=free text: with a colon\n"]).encode()
    path.write_bytes(head + (b"" if "data file" in given else b"\n" + voxels))
    return path
