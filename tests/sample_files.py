"""Small files of every kind that radcnn reads, whole: what a mutation starts from.

Identifiers are planted in all of them, so that a message that repeats one shows.
"""

from __future__ import annotations

import gzip
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from matrix.rows import MASK_ROWS, ROWS

PLANTED = "planted"  # stands, in any case, in every text that names a patient
ROWS_TAKEN = (
    "plain axial series",
    "enhanced CT",
    "enhanced, two time points",
    "enhanced PET, another slope in each frame",
    "ultrasound film",
    "angiography film",
    "padding of -2000 beside HU",
    "radiograph, MONOCHROME1",
    "radiograph with a modality LUT",
    "radiograph with a VOI LUT",
    "numbers of 32 bits",
    "numbers of 1 bit",
    "floating-point numbers",
    "RGB by planes",
    "palette",
    "YBR_FULL_422",
    "JPEG baseline in colour",
    *(name for name in ROWS if name.startswith("coding: ") and "explicit little" not in name),
)


@dataclass(frozen=True)
class Sample:
    """A whole file: what it is called, and its bytes."""

    name: str
    suffix: str
    content: bytes

    @property
    def is_dicom(self) -> bool:
        return self.suffix == ".dcm"

    @property
    def is_mask(self) -> bool:
        return self.name in MASK_ROWS


@cache
def samples() -> tuple[Sample, ...]:
    """All samples, always the same."""
    with tempfile.TemporaryDirectory() as folder:
        return (*_dicom(Path(folder)), *_nifti(), *_itk())


def _dicom(folder: Path) -> list[Sample]:
    made = []
    for i, name in enumerate(ROWS_TAKEN):
        series = ROWS[name].written(folder / str(i), "levels")
        made.append(Sample(name, ".dcm", min(series.iterdir()).read_bytes()))
    for name in ("SEG as label", "RTSTRUCT as label"):
        (folder / name).mkdir()
        MASK_ROWS[name].write(folder / name)
        made.append(Sample(name, ".dcm", (folder / name / "mask.dcm").read_bytes()))
    ROWS["a text file and a report beside the slices"].written(folder / "report", "levels")
    made.append(Sample("report", ".dcm", (folder / "report" / "series_levels" / "report.dcm").read_bytes()))
    return made


def _nifti() -> list[Sample]:
    import nibabel

    voxels = np.arange(12 * 10 * 6, dtype=np.int16).reshape(12, 10, 6)
    affine = np.array([[0.8, 0, 0, -10], [0, 0.7, 0.1, 5], [0, -0.1, 2.5, 40], [0, 0, 0, 1]])

    def file(array: np.ndarray, kind: type = nibabel.Nifti1Image, endian: str = "<", slope: float = 1.0) -> bytes:
        header = kind.header_class(endianness=endian)
        header["descrip"] = b"Planted^Name"
        image = kind(array, affine, header)
        image.header.set_data_dtype(array.dtype)
        if slope != 1:
            image.header.set_slope_inter(slope, -7.0)
        image.set_qform(affine, 1)
        content: bytes = image.to_bytes()
        return content

    plain = file(voxels)
    extended = nibabel.Nifti1Image(voxels, affine)
    extended.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Planted^Name"))
    colours = np.zeros((12, 10, 6), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    return [
        Sample("NIfTI", ".nii", plain),
        Sample("NIfTI, gzip", ".nii.gz", gzip.compress(plain, mtime=0)),
        Sample("NIfTI-2", ".nii", file(voxels, nibabel.Nifti2Image)),
        Sample("NIfTI-2, gzip", ".nii.gz", gzip.compress(file(voxels, nibabel.Nifti2Image), mtime=0)),
        Sample("NIfTI, big endian", ".nii", file(voxels, endian=">")),
        Sample("NIfTI, scaled", ".nii", file(voxels, slope=0.5)),
        Sample("NIfTI, float", ".nii.gz", gzip.compress(file(voxels.astype(np.float32)), mtime=0)),
        Sample("NIfTI, 4D", ".nii", file(np.stack([voxels, voxels], axis=-1))),
        Sample("NIfTI, RGB", ".nii", file(colours)),
        Sample("NIfTI, extension", ".nii", extended.to_bytes()),
    ]


def _itk() -> list[Sample]:
    """MetaImage and NRRD: a text header, and the voxels behind it."""
    voxels = np.arange(6 * 10 * 12, dtype="<i2").tobytes()
    meta = (
        "ObjectType = Image\nNDims = 3\nComment = Planted^Name\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        "CompressedData = False\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = -10 5 40\nElementSpacing = 0.8 0.7 2.5\n"
        "DimSize = 12 10 6\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    )
    nrrd = (
        "NRRD0005\n# Planted^Name\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 12 10 6\n"
        "space directions: (0.8,0,0) (0,0.7,0) (0,0,2.5)\nendian: little\nencoding: gzip\n"
        "space origin: (-10,5,40)\n\n"
    )
    return [
        Sample("MetaImage", ".mha", meta.encode() + voxels),
        Sample("NRRD, gzip", ".nrrd", nrrd.encode() + gzip.compress(voxels, mtime=0)),
    ]
