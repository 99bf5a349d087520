"""A folder with slices of DICOM as one volume, or the reason why it is none.

Headers are read first and decide which images are the volume and where each of them lies; then those are decoded, one
at a time, into one array.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Source
from radcnn.core.errors import RadcnnError, ReadError
from radcnn.core.volume import Volume
from radcnn.data.dicom.arranging import Arrangement, arrange, finished_volume
from radcnn.data.dicom.header import NO_IMAGES, dicom_files, load, sop_class
from radcnn.data.dicom.padding import LOWEST_HU, filled
from radcnn.data.dicom.pixels import Pixels, pixels_of, refuse_no_image
from radcnn.data.dicom.single import frame_pixels, read_dicom_reading
from radcnn.data.dicom.slices import Slice, slices_of
from radcnn.data.quiet import quiet
from radcnn.data.reading import Reading

MAX_BYTES = 8 << 30  # of the volume in memory


def read_series(source: Source) -> Volume:
    """The DICOM series in a folder as Volume; see `read_series_reading`."""
    return read_series_reading(source).volume


def read_series_reading(source: Source) -> Reading:
    """One DICOM series of a folder as Volume (C, D, H, W), a lone slice as image (C, H, W), and what was noticed.

    Objects without pixels (reports, presentation states) are left out. Raises GeometryError when no series can be
    chosen, or the slices of the one that was are no volume; ReadError when a file is damaged.
    """
    folder = source.path
    slices = [found for path in dicom_files(folder) for found in _slices(path)]
    whose = f"folder {folder.name}"
    if not slices:
        raise ReadError(f"{whose} holds DICOM objects, but no image; give the folder of the images")
    arrangement = arrange(slices, whose=whose, series=source.series, allow_gaps=source.allow_gaps)
    chosen = [slices[i] for i in arrangement.order]
    if len(chosen) == 1 and not chosen[0].enhanced:
        read = read_dicom_reading(Source(folder / chosen[0].name))
        return Reading(read.volume, (*arrangement.findings, *read.findings))
    return Reading(_assembled(folder, chosen, arrangement), arrangement.findings)


def _slices(path: Path) -> list[Slice]:
    """What a volume needs of one file; nothing when it is no image."""
    dataset = load(path, pixels=False)
    with quiet():
        try:
            if "Rows" not in dataset or sop_class(dataset) in NO_IMAGES:
                return []
            return slices_of(path.name, dataset)
        except RadcnnError:
            raise
        except Exception as cause:
            raise _undecodable(path, cause) from None


def _assembled(folder: Path, slices: Sequence[Slice], arrangement: Arrangement) -> Volume:
    """Decode the slices in order, into one array."""
    voxels: NDArray | None = None
    padding: NDArray[np.bool_] | None = None
    units = arrangement.units
    for i, each in _decoded(folder, slices):
        if voxels is None:
            voxels, units = _empty(folder, arrangement, each), each.units
        if each.values.dtype != voxels.dtype:
            # one slice is rescaled and another is not: both are exact in float32 up to 24 bits
            voxels = voxels.astype(np.float32)
        voxels[:, i] = each.values
        if each.padding is not None:
            padding = np.zeros(voxels.shape[1:], np.bool_) if padding is None else padding
            padding[i] = each.padding
    assert voxels is not None, "an arrangement has slices"
    voxels = filled(voxels, padding, units)
    lowest = float(voxels.min()) if arrangement.tilt is not None else 0.0
    made = finished_volume(voxels, arrangement, max(lowest, LOWEST_HU) if units == "HU" else lowest)
    return Volume(made.voxels, made.affine, units, made.frame)


def _empty(folder: Path, arrangement: Arrangement, first: Pixels) -> NDArray:
    """Room for the stack, once it is known that it and the finished volume fit."""
    kind = np.dtype(np.float32) if first.values.dtype.kind == "f" else first.values.dtype
    largest = max(np.prod(size, dtype=np.int64) for size in (arrangement.size, arrangement.finished_size))
    if kind.itemsize * len(first.values) * int(largest) > MAX_BYTES:
        raise ReadError(f"the series in folder {folder.name} takes more than {MAX_BYTES >> 30} GiB; crop it")
    return np.empty((len(first.values), *arrangement.size), kind)


def _decoded(folder: Path, slices: Sequence[Slice]) -> Iterator[tuple[int, Pixels]]:
    """The pixels of each slice with its place in the stack, file by file."""
    files: dict[str, list[int]] = {}
    for i, found in enumerate(slices):
        files.setdefault(found.name, []).append(i)
    for name, places in files.items():
        numbers = [slices[i].number for i in places] if slices[places[0]].enhanced else None
        yield from zip(places, _file_pixels(folder / name, numbers), strict=True)


def _file_pixels(path: Path, numbers: list[int] | None) -> Iterator[Pixels]:
    """What the pixels of a file mean, or of the frames of an enhanced file that are named."""
    dataset = load(path)
    with quiet():
        try:
            refuse_no_image(path, dataset)
            if numbers is None:
                yield pixels_of(path, dataset)
            else:
                yield from frame_pixels(path, dataset, numbers)
        except RadcnnError:
            raise
        except Exception as cause:
            raise _undecodable(path, cause) from None


def _undecodable(path: Path, cause: Any) -> ReadError:
    return ReadError(f"{path.name} has an attribute that cannot be decoded ({type(cause).__name__}); export it again")
