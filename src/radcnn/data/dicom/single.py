"""One DICOM file: a single image, or an enhanced multi-frame image whose frames are slices of one volume."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from radcnn.core.case import Source
from radcnn.core.errors import InputError, ReadError
from radcnn.core.volume import Volume
from radcnn.data.dicom.arranging import arrange, finished_volume
from radcnn.data.dicom.frame import SHARED, Frame
from radcnn.data.dicom.header import load
from radcnn.data.dicom.padding import LOWEST_HU, filled
from radcnn.data.dicom.pixels import Pixels, frames, pixels_of, refuse_no_image, units_of
from radcnn.data.dicom.placing import placed
from radcnn.data.dicom.slices import slices_of
from radcnn.data.quiet import quiet
from radcnn.data.reading import Reading


def read_dicom_file(source: Source) -> Volume:
    """A DICOM file as Volume; see `read_dicom_reading`."""
    return read_dicom_reading(source).volume


def read_dicom_reading(source: Source) -> Reading:
    """A DICOM file as Volume (C, H, W), or (1, D, H, W) for an enhanced multi-frame CT, MR or PET; what was noticed.

    Raises ReadError when the file is damaged or no image, GeometryError when its place contradicts itself.
    """
    path = source.path
    dataset = load(path)
    with quiet():
        try:
            refuse_no_image(path, dataset)
            if SHARED in dataset:
                return _enhanced(source, dataset)
            if frames(dataset) > 1:
                raise _film(path, dataset)
            found = pixels_of(path, dataset)
            return Reading(placed(path, dataset, filled(found.values, found.padding, found.units), found.units))
        except (InputError, MemoryError):
            raise
        except Exception as cause:
            raise ReadError(
                f"{path.name} has an attribute that cannot be decoded ({type(cause).__name__}); export it again"
            ) from None


def _film(path: Path, dataset: Any) -> ReadError:
    return ReadError(
        f"{path.name} holds {frames(dataset)} frames without a place in the patient (a film?); "
        "save the frame that matters as an image"
    )


def _enhanced(source: Source, dataset: Any) -> Reading:
    """The frames of an enhanced image arranged like the files of a folder."""
    path = source.path
    slices = slices_of(path.name, dataset)
    if len(slices) > 1 and not any(found.plane is not None or found.fault for found in slices):
        raise _film(path, dataset)
    asked = arrange(slices, whose=path.name, series=source.series, allow_gaps=source.allow_gaps)
    pixels = list(frame_pixels(path, dataset, [slices[i].number for i in asked.order]))
    voxels = np.stack([each.values for each in pixels], axis=1)
    lowest = float(voxels.min())
    fill = max(lowest, LOWEST_HU) if asked.units == "HU" else lowest
    return Reading(finished_volume(voxels, asked, fill), asked.findings)


def frame_pixels(path: Path, dataset: Any, numbers: Sequence[int]) -> Iterator[Pixels]:
    """What the pixels of some frames of an enhanced image mean, each rescaled by its own slope and intercept.

    Raises ReadError when they cannot be decoded, or have colour.
    """
    from pydicom.pixels import iter_pixels

    try:
        decoded = iter_pixels(dataset, indices=numbers)
        for number, stored in zip(numbers, decoded, strict=True):
            if stored.ndim != 2:
                raise ReadError(f"{path.name} is a colour volume, which is not read; convert it to gray")
            frame = Frame(dataset, number)
            slope, intercept = float(frame.get("RescaleSlope", 1)), float(frame.get("RescaleIntercept", 0))
            yield Pixels((stored * slope + intercept).astype(np.float32)[None], units_of(frame))
    except (InputError, MemoryError, GeneratorExit):
        raise
    except Exception as cause:
        raise ReadError(
            f"{path.name} is damaged, truncated or in a coding that is not supported: its frames cannot be decoded "
            f"({type(cause).__name__}); copy it again, or export it uncompressed"
        ) from None
