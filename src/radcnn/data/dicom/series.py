"""A folder with the slices of one DICOM series as one volume, or the reason why it is none.

Positions decide, never file names, instance numbers, SliceLocation or SliceThickness. Headers are read first and must
agree; then the slices are decoded one at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Source
from radcnn.core.errors import GeometryError, RadcnnError, ReadError
from radcnn.core.volume import Volume
from radcnn.data.dicom.header import NO_IMAGES, dicom_files, load, sop_class, text
from radcnn.data.dicom.padding import filled
from radcnn.data.dicom.pixels import Pixels, frames, pixels_of, refuse_no_image, units_of
from radcnn.data.dicom.placing import ORTHONORMAL, Plane, plane_of
from radcnn.data.dicom.regularity import ordered
from radcnn.data.dicom.single import read_dicom_file
from radcnn.data.quiet import quiet

MAX_BYTES = 8 << 30  # of the volume in memory
SPACING_TOLERANCE_MM = 1e-3  # between the PixelSpacing of two slices: rounding of decimal text


@dataclass(frozen=True)
class Slice:
    """One slice's header, reduced to what a volume needs."""

    path: Path
    series: str
    instance: str
    frame_of_reference: str
    localizer: bool
    size: tuple[int, int]
    frames: int
    units: str
    plane: Plane | None

    @property
    def placed(self) -> Plane:
        """The plane, once it was tested that there is one."""
        assert self.plane is not None, "images without a place were refused before"
        return self.plane


def read_series(folder: Path) -> Volume:
    """The one DICOM series in a folder as Volume (C, D, H, W); a lone slice is an image (C, H, W).

    Objects without pixels (reports, presentation states) are left out. Raises GeometryError when the folder holds
    several series or its slices are not one regular volume: a missing slice, uneven or sheared positions, two slices
    in one place, a localizer; ReadError when a file is damaged.
    """
    slices = [found for path in dicom_files(folder) if (found := _header(path)) is not None]
    if not slices:
        raise ReadError(f"folder {folder.name} holds DICOM objects, but no image; give the folder of the images")
    _refuse_several_series(folder, slices)
    if len(slices) == 1:
        return read_dicom_file(Source(slices[0].path))
    _refuse_disagreement(folder, slices)
    order, step = ordered(folder.name, [found.path.name for found in slices], [found.placed for found in slices])
    return _assembled(folder, [slices[i] for i in order], step)


def _header(path: Path) -> Slice | None:
    """What a volume needs of one file; None when it is no image."""
    dataset = load(path, pixels=False)
    with quiet():
        try:
            if "Rows" not in dataset or sop_class(dataset) in NO_IMAGES:
                return None
            kinds = dataset.get("ImageType") or []
            return Slice(
                path,
                text(dataset, "SeriesInstanceUID"),
                text(dataset, "SOPInstanceUID"),
                text(dataset, "FrameOfReferenceUID"),
                "LOCALIZER" in ([kinds] if isinstance(kinds, str) else list(kinds)),
                (int(dataset.Rows), int(dataset.Columns)),
                frames(dataset),
                units_of(dataset),
                plane_of(path, dataset),
            )
        except RadcnnError:
            raise
        except Exception as cause:
            raise ReadError(
                f"{path.name} has an attribute that cannot be decoded ({type(cause).__name__}); export it again"
            ) from None


def _refuse_several_series(folder: Path, slices: Sequence[Slice]) -> None:
    counts = sorted(Counter(found.series for found in slices).values(), reverse=True)
    if len(counts) > 1:
        listed = ", ".join(str(n) for n in counts[:-1]) + f" and {counts[-1]}"
        raise GeometryError(
            f"folder {folder.name} holds {len(counts)} series ({listed} images); "
            "put each series into a folder of its own"
        )


def _refuse_disagreement(folder: Path, slices: Sequence[Slice]) -> None:
    """Raise GeometryError when images of a series cannot be slices of one volume."""
    where = f"the series in folder {folder.name}"
    localizers = [found.path.name for found in slices if found.localizer]
    if localizers:
        raise GeometryError(f"{where} contains a localizer ({localizers[0]}); move it out of the folder")
    for found in slices:
        if found.frames > 1:
            raise GeometryError(f"{where} has several files, and {found.path.name} holds {found.frames} frames")
        if found.plane is None:
            raise GeometryError(
                f"{where} is no volume: {found.path.name} lacks its position, orientation or pixel spacing; "
                "give its images one by one"
            )
    seen: dict[tuple[str, Any], str] = {}
    for found in slices:
        # anonymisers give all slices one SOPInstanceUID, so it says "the same image" only together with the place
        twin = seen.setdefault((found.instance, found.plane), found.path.name)
        if twin != found.path.name:
            raise GeometryError(f"{where} holds one image twice ({twin} and {found.path.name}); remove the copy")
    for what, differs in DISAGREEMENTS.items():
        other = next((found for found in slices[1:] if differs(slices[0], found)), None)
        if other is not None:
            raise GeometryError(
                f"{where} is no volume: {slices[0].path.name} and {other.path.name} differ in {what}; "
                "put images that do not belong together into folders of their own"
            )


def _other_spacing(a: Slice, b: Slice) -> bool:
    return not np.allclose(a.placed.spacing, b.placed.spacing, rtol=0, atol=SPACING_TOLERANCE_MM)


def _other_orientation(a: Slice, b: Slice) -> bool:
    return not np.allclose(a.placed.right + a.placed.down, b.placed.right + b.placed.down, rtol=0, atol=ORTHONORMAL)


DISAGREEMENTS: dict[str, Callable[[Slice, Slice], bool]] = {
    "rows and columns": lambda a, b: a.size != b.size,
    "the unit of their values": lambda a, b: a.units != b.units,
    "their frame of reference": lambda a, b: a.frame_of_reference != b.frame_of_reference,
    "pixel spacing": _other_spacing,
    "orientation": _other_orientation,
}


def _assembled(folder: Path, slices: Sequence[Slice], step_mm: NDArray[np.float64]) -> Volume:
    """Decode the slices in order, into one array."""
    decoded = (_slice_pixels(found.path) for found in slices)
    first = next(decoded)
    shape = (len(first.values), len(slices), *first.values.shape[1:])
    kind = np.dtype(np.float32) if first.values.dtype.kind == "f" else first.values.dtype
    if kind.itemsize * int(np.prod(shape, dtype=np.int64)) > MAX_BYTES:
        raise ReadError(f"the series in folder {folder.name} takes more than {MAX_BYTES >> 30} GiB; crop it")
    voxels = np.empty(shape, kind)
    padding: NDArray[np.bool_] | None = None
    for i, each in enumerate(chain([first], decoded)):
        if each.values.dtype != voxels.dtype:
            # one slice is rescaled and another is not: both are exact in float32 up to 24 bits
            voxels = voxels.astype(np.float32)
        voxels[:, i] = each.values
        if each.padding is not None:
            padding = np.zeros(shape[1:], np.bool_) if padding is None else padding
            padding[i] = each.padding
    return Volume(filled(voxels, padding, first.units), slices[0].placed.affine(step_mm), first.units)


def _slice_pixels(path: Path) -> Pixels:
    """What the pixels of one slice mean."""
    dataset = load(path)
    with quiet():
        try:
            refuse_no_image(path, dataset)
            return pixels_of(path, dataset)
        except RadcnnError:
            raise
        except Exception as cause:
            raise ReadError(
                f"{path.name} has an attribute that cannot be decoded ({type(cause).__name__}); export it again"
            ) from None
