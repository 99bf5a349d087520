"""Masks: each reader's labels on its own grid, and how far they are from the truth in mm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from matrix.found import Found
from matrix.grid import Array
from matrix.readers import of_monai
from matrix.row import MaskRow

NO_SPACE = float("inf")
Masker = Callable[[Path], Found]


def radcnn(folder: Path) -> Found:
    """`read_mask` of the label on its image."""
    from radcnn.core.case import Source
    from radcnn.data.masks.read import frame_of_reference_of, read_mask
    from radcnn.data.read import read_noted

    image = read_noted(Source(folder / "image"))
    found = read_mask(folder / "mask.dcm", image.volume, frame_of_reference=frame_of_reference_of(image.files))
    return Found(np.asarray(found.volume.voxels), image.volume.affine)


def highdicom(folder: Path) -> Found:
    """Segmentation.get_volume, matched to the volume of the image as highdicom's guide says."""
    from highdicom import get_volume_from_series
    from highdicom.seg import segread
    from pydicom import dcmread

    image = get_volume_from_series([dcmread(path) for path in sorted((folder / "image").iterdir())])
    mask = segread(folder / "mask.dcm").get_volume(combine_segments=True).match_geometry(image)
    return Found(np.asarray(mask.array)[None], np.array(mask.affine))


def monai_pydicom(folder: Path) -> Found:
    """monai.data.PydicomReader of the file."""
    from monai.data import PydicomReader

    return of_monai(PydicomReader(), folder / "mask.dcm")


def monai_itk(folder: Path) -> Found:
    """monai.data.ITKReader of the file."""
    from monai.data import ITKReader

    return of_monai(ITKReader(), folder / "mask.dcm")


def of_simpleitk(folder: Path) -> Found:
    """ReadImage of the file."""
    import SimpleITK

    image = SimpleITK.ReadImage(str(folder / "mask.dcm"))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return Found(SimpleITK.GetArrayFromImage(image)[None], affine[:, [2, 1, 0, 3]])


MASKERS: dict[str, Masker] = {
    "radcnn": radcnn,
    "MONAI ITKReader": monai_itk,
    "MONAI PydicomReader": monai_pydicom,
    "SimpleITK": of_simpleitk,
    "highdicom": highdicom,
}
ASK_FOR_THE_IMAGE = ("radcnn", "highdicom")  # the others take a mask alone, and cannot see that it does not fit


def off_mm(row: MaskRow, found: Found) -> float:
    """The largest distance from a voxel of one mask to the nearest of the other; inf where one is empty."""
    there = np.argwhere(np.squeeze(found.voxels, axis=0) != 0) if found.voxels.ndim == 4 else np.zeros((0, 3))
    if found.affine is None or len(there) == 0:
        return NO_SPACE
    claimed: Array = there @ found.affine[:3, :3].T + found.affine[:3, 3]
    true = row.truth.grid.world(np.argwhere(row.mask != 0))
    return float(max(cKDTree(a).query(b)[0].max() for a, b in ((claimed, true), (true, claimed))))
