"""One way to read an image: the file's first bytes choose the reader, a folder is a DICOM series.

    read("a.png")                                    a PNG, JPEG, TIFF, NIfTI, MetaImage, NRRD or DICOM file
    read("ct/series 3")                              a folder with the slices of one DICOM series
    read("set.npz", array="train_images", item=7)    one image of an npz file

Messages name a file by its name alone: the folders above it may be named after a patient.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from radcnn.core.case import Source
from radcnn.core.errors import GeometryError, InputError, ReadError
from radcnn.core.files import reading
from radcnn.core.volume import Volume
from radcnn.data.images import read_image
from radcnn.data.kind import Format, format_of
from radcnn.data.listing import list_images
from radcnn.data.npz import read_npz
from radcnn.data.reading import Reading

__all__ = ["READERS", "list_images", "read", "read_and_write", "read_noted", "read_source"]

Reader = Callable[[Source], Volume | Reading]


def _read_grid(source: Source, form: Literal["nifti", "mha", "nrrd"]) -> Reading:
    from radcnn.data.gridded.reading import read_grid

    return read_grid(source, form)


def _read_dicom(source: Source) -> Reading:
    from radcnn.data.dicom.reader import read_dicom

    return read_dicom(source)


READERS: dict[Format, Reader] = {
    "png": partial(read_image, form="png"),
    "jpeg": partial(read_image, form="jpeg"),
    "tiff": partial(read_image, form="tiff"),
    "npz": read_npz,
    "nifti": partial(_read_grid, form="nifti"),
    "mha": partial(_read_grid, form="mha"),
    "nrrd": partial(_read_grid, form="nrrd"),
    "dicom": _read_dicom,
}
HAVE_ITEMS: tuple[Format, ...] = ("npz", "dicom", "nifti")
assert set(READERS) == set(get_args(Format)), "one reader per format"


def read(
    path: Path | str,
    *,
    array: str | None = None,
    item: int | None = None,
    series: str | None = None,
    allow_gaps: bool = False,
    voi: bool = False,
    allow_nonfinite: bool = False,
    out: Path | str | None = None,
) -> Volume:
    """The image in a file, an item of an npz file, or the DICOM series in a folder.

    array, item      of an npz file; item is also a frame of a DICOM film or a time point of a 4D NIfTI, from 0
    series           which series of a DICOM folder: its number, its UID, "most" or "thinnest" slices
    allow_gaps       fill missing DICOM slices by interpolation instead of refusing the series
    voi              apply the VOI LUT of a DICOM radiograph
    allow_nonfinite  take NaN and infinity as voxels
    out              a .nii or .nii.gz file to write the image to

    Returns voxels (C, H, W) or (C, D, H, W). Raises ReadError when a file is damaged, unsupported or not what its name
    says, or holds voxels that are not finite numbers; GeometryError when the slices of a series contradict each other.
    """
    source = Source(Path(path), array, item, series or "", allow_gaps, voi)
    return read_and_write(source, out=out, allow_nonfinite=allow_nonfinite).volume


def read_and_write(source: Source, *, out: Path | str | None, allow_nonfinite: bool = False) -> Reading:
    """Read, and write what was read as NIfTI where `out` says so; its name is looked at before anything is read."""
    if out is not None:
        from radcnn.data.nifti import check_nifti_place

        check_nifti_place(out)
    found = read_noted(source, allow_nonfinite=allow_nonfinite)
    if out is not None:
        from radcnn.data.nifti import write_nifti

        write_nifti(found.volume, out)
    return found


def read_source(source: Source, *, allow_nonfinite: bool = False) -> Volume:
    """The image a Source points to; see `read`."""
    return read_noted(source, allow_nonfinite=allow_nonfinite).volume


def read_noted(source: Source, *, allow_nonfinite: bool = False) -> Reading:
    """The image a Source points to, and what its reader noticed; raises as `read` does."""
    path = source.path
    with reading(path):
        form = None if path.is_dir() else format_of(path)
    _refuse_items(source, form)
    found = _named(path, READERS[form or "dicom"], source)
    if not (allow_nonfinite or found.finite):
        _refuse_nonfinite(source, found.volume)
    return found


def _refuse_items(source: Source, form: Format | None) -> None:
    """Raise InputError when a part is asked of a file that has none."""
    whole = source.array is not None and form != "npz"
    if whole or (source.item is not None and form not in HAVE_ITEMS):
        raise InputError(
            f"{source.path.name} is one image; an array can only be named in an npz file, an item also in a film or "
            "a 4D NIfTI"
        )


def _named(path: Path, reader: Reader, source: Source) -> Reading:
    """Read; a Volume that refuses what a reader found does not know the file's name."""
    try:
        found = reader(source)
        return found if isinstance(found, Reading) else Reading(found)
    except GeometryError as cause:
        if path.name in str(cause):
            raise
        raise GeometryError(f"{path.name}: {cause}") from cause
    except MemoryError:
        raise ReadError(f"{path.name} does not fit into the memory of this machine; make it smaller") from None


def _refuse_nonfinite(source: Source, volume: Volume) -> None:
    """Raise ReadError when a voxel is NaN or infinite: one of them makes every loss of a batch NaN."""
    voxels = volume.voxels
    if voxels.dtype.kind != "f" or np.isfinite(voxels).all():
        return
    lost, endless = int(np.isnan(voxels).sum()), int(np.isinf(voxels).sum())
    counts = " and ".join(f"{n} {word}" for n, word in ((lost, "NaN"), (endless, "infinite")) if n)
    whose = source.path.name
    if source.item is not None:
        whose = f"item {source.item} of {source.array or 'images'} in {source.path.name}"
    plural = "voxel" if lost + endless == 1 else "voxels"
    raise ReadError(
        f"{whose} holds {counts} {plural} of {voxels.size}; replace them by a value that says what they mean, "
        "or leave the case out"
    )
