"""radcnn and its peers, each called as its own documentation says, their axes brought into one order.

Every reader takes a folder and gives Founds: arrays (C, slices, rows, columns) with an affine in LPS. Peers are
imported only when they are asked.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matrix.found import Found
from matrix.grid import Array

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
BACKWARDS = [2, 1, 0, 3]  # (x, y, z) indices to (slice, row, column)

Reader = Callable[[Path, Mapping[str, Any]], list[Found]]


def radcnn(folder: Path, asked: Mapping[str, Any]) -> list[Found]:
    """`radcnn.read` of the folder, or of its one file; a film frame by frame."""
    from radcnn.data.read import read

    files = sorted(folder.iterdir())
    path = files[0] if len(files) == 1 else folder
    known = inspect.signature(read).parameters
    options = {name: value for name, value in asked.items() if name in known}
    frames = frames_of(path) if path.is_file() else 0
    if frames:
        return [_film([read(path, item=i, **options) for i in range(frames)])]
    return [_volume(read(path, **options))]


def frames_of(path: Path) -> int:
    """How many frames a film has; 0 for every other file: they are read as they are."""
    from pydicom import dcmread

    dataset = dcmread(path, stop_before_pixels=True)
    films = "PerFrameFunctionalGroupsSequence" not in dataset and int(dataset.get("NumberOfFrames") or 1) > 1
    return int(dataset.NumberOfFrames) if films else 0


def _volume(volume: Any) -> Found:
    voxels = volume.voxels[:, None] if volume.rank == 2 else volume.voxels
    spacing = None if volume.spacing_mm is None else tuple(volume.spacing_mm[-2:])
    return Found(voxels, volume.affine if volume.frame == "patient" else None, spacing)


def _film(frames: Sequence[Any]) -> Found:
    one = _volume(frames[0])
    return Found(np.stack([frame.voxels for frame in frames], axis=1), one.affine, one.spacing)


def simpleitk(folder: Path, asked: Mapping[str, Any]) -> list[Found]:
    """ImageSeriesReader over GetGDCMSeriesFileNames, which takes a folder's first series; ReadImage of a lone file."""
    import SimpleITK

    names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    if len(names) > 1:
        reader = SimpleITK.ImageSeriesReader()
        reader.SetFileNames(names)
        image = reader.Execute()
    else:
        image = SimpleITK.ReadImage(names[0] if names else str(next(folder.iterdir())))
    n = image.GetDimension()
    array = SimpleITK.GetArrayFromImage(image)
    direction = np.array(image.GetDirection()).reshape(n, n)
    if n != 3:
        raise ValueError(f"an image of {n} dimensions")
    affine = np.eye(4)
    affine[:3, :3] = direction * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    voxels = np.moveaxis(array, -1, 0) if array.ndim == 4 else array[None]
    return [Found(voxels, affine[:, BACKWARDS])]


def monai_itk(folder: Path, asked: Mapping[str, Any]) -> list[Found]:
    """monai.data.ITKReader of the folder."""
    from monai.data import ITKReader

    return [of_monai(ITKReader(), folder)]


def monai_pydicom(folder: Path, asked: Mapping[str, Any]) -> list[Found]:
    """monai.data.PydicomReader of the folder."""
    from monai.data import PydicomReader

    return [of_monai(PydicomReader(), folder)]


def of_monai(reader: Any, folder: Path) -> Found:
    """Arrays of MONAI are (x, y, z), with channels last; its affine is RAS."""
    array, meta = reader.get_data(reader.read(str(folder)))
    array = np.asarray(array)
    affine = RAS_TO_LPS @ np.asarray(meta["affine"], dtype=np.float64)
    if affine.shape != (4, 4):
        raise ValueError(f"an affine of shape {affine.shape}")
    return _by_xyz(array, affine, channels_last=array.ndim == 4 or (array.ndim == 3 and array.shape[-1] == 3))


def _by_xyz(array: NDArray, affine: Array, *, channels_last: bool = False) -> Found:
    """An array (x, y[, z][, channels]) with its affine in LPS."""
    channels = np.moveaxis(array, -1, 0) if channels_last else array[None]
    if channels.ndim == 3:
        channels = channels[..., None]
    if channels.ndim != 4:
        raise ValueError(f"an array of shape {array.shape}")
    return Found(channels.transpose(0, 3, 2, 1), affine[:, BACKWARDS])


def dicom2nifti(folder: Path, asked: Mapping[str, Any]) -> list[Found]:
    """convert_directory, which converts each series; dicom_series_to_nifti says why where nothing came of it."""
    from dicom2nifti.convert_dicom import dicom_series_to_nifti
    from dicom2nifti.convert_dir import convert_directory

    with tempfile.TemporaryDirectory() as target:
        convert_directory(str(folder), target, compression=False, reorient=False)
        made = [found for path in sorted(Path(target).iterdir()) for found in _of_nifti(path)]
    if not made:
        dicom_series_to_nifti(str(folder), None, reorient_nifti=False)
        raise ValueError("nothing was converted")
    return made


def _of_nifti(path: Path) -> list[Found]:
    """The volumes of a NIfTI file, one per time point."""
    import nibabel

    image = nibabel.load(path)
    array = np.asarray(image.dataobj)
    affine = RAS_TO_LPS @ image.affine
    if array.ndim == 4:
        return [_by_xyz(array[..., t], affine) for t in range(array.shape[3])]
    return [_by_xyz(array, affine)]


def highdicom(folder: Path, asked: Mapping[str, Any]) -> list[Found]:
    """get_volume_from_series of all files of the folder, or Image.get_volume of its one file."""
    from highdicom import get_volume_from_series, imread
    from pydicom import dcmread

    files = sorted(folder.iterdir())
    if len(files) == 1:
        volume = imread(files[0]).get_volume(dtype=np.float64)
    else:
        volume = get_volume_from_series([dcmread(path) for path in files], dtype=np.float64)
    array = np.asarray(volume.array)
    voxels = np.moveaxis(array, -1, 0) if array.ndim == 4 else array[None]
    return [Found(voxels, np.array(volume.affine))]


READERS: dict[str, Reader] = {
    "radcnn": radcnn,
    "MONAI ITKReader": monai_itk,
    "MONAI PydicomReader": monai_pydicom,
    "SimpleITK": simpleitk,
    "dicom2nifti": dicom2nifti,
    "highdicom": highdicom,
}
MODULES = {
    "radcnn": ("radcnn", "pydicom"),
    "MONAI ITKReader": ("monai", "itk"),
    "MONAI PydicomReader": ("monai", "pydicom"),
    "SimpleITK": ("SimpleITK",),
    "dicom2nifti": ("dicom2nifti",),
    "highdicom": ("highdicom",),
}
