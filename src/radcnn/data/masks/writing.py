"""Masks written to files that `read_mask` reads: NIfTI, and where millimetres are not known PNG (2D) or npz (3D)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from radcnn.core.errors import InputError
from radcnn.core.files import atomic
from radcnn.core.volume import Volume
from radcnn.data.nifti import write_nifti

NIFTI = (".nii.gz", ".nii")
MASK_FILES = (*NIFTI, ".png", ".npz")


def mask_endings(image: Volume) -> tuple[str, ...]:
    """The endings of files that can hold a mask of an image, the usual one first."""
    if image.affine is None:
        return (".png",) if image.rank == 2 else (".npz",)
    return (*NIFTI, ".png") if image.rank == 2 else NIFTI


def refuse_ending(path: Path, image: Volume) -> None:
    """Raises InputError where a file of this name cannot hold a mask of an image: asked before anything is computed."""
    usual, *others = mask_endings(image)
    if path.name.endswith((usual, *others)):
        return
    name = path.name.removesuffix(next((one for one in MASK_FILES if path.name.endswith(one)), path.suffix))
    known = "is not known" if image.affine is None else "is known"
    raise InputError(
        f"the mask of {'an image' if image.rank == 2 else 'a volume'} whose voxels' size {known} does not go into "
        f"{path.name}; give --out {name}{usual}"
    )


def write_mask(mask: Volume, path: Path) -> None:
    """Write the labels (1, *size) of a mask, atomically; the ending of the name says how (see `mask_endings`).

    PNG has 8 or 16 bits as the labels have; npz calls them "mask". Raises StorageError when the file cannot be written.
    """
    if path.name.endswith(NIFTI):
        write_nifti(mask, path)
        return
    labels = mask.voxels[0]
    assert labels.dtype in (np.uint8, np.uint16), "as many bits as a PNG has"
    with atomic(path) as temporary:
        if path.suffix == ".png":
            Image.fromarray(labels).save(temporary, "PNG")
        else:
            np.savez_compressed(temporary, mask=labels)
