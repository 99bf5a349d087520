"""One DICOM file: a single image, or an enhanced multi-frame image whose frames are slices of one volume."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Source
from radcnn.core.errors import GeometryError, ReadError
from radcnn.core.volume import Units, Volume
from radcnn.data.dicom.header import load, text
from radcnn.data.dicom.padding import filled
from radcnn.data.dicom.pixels import frames, pixels_of, refuse_no_image
from radcnn.data.dicom.placing import placed
from radcnn.data.quiet import quiet


def read_dicom_file(source: Source) -> Volume:
    """A DICOM file as Volume (C, H, W), or (1, D, H, W) for an enhanced multi-frame CT, MR or PET.

    Raises ReadError when the file is damaged or no image, GeometryError when its place contradicts itself.
    """
    path = source.path
    dataset = load(path)
    with quiet():
        try:
            refuse_no_image(path, dataset)
            if "SharedFunctionalGroupsSequence" in dataset:
                return _enhanced(source, dataset)
            if frames(dataset) > 1:
                raise ReadError(
                    f"{path.name} holds {frames(dataset)} frames without a place in the patient (a film?); "
                    "save the frame that matters as an image"
                )
            found = pixels_of(path, dataset)
            return placed(path, dataset, filled(found.values, found.padding, found.units), found.units)
        except (ReadError, GeometryError, MemoryError):
            raise
        except Exception as cause:
            raise ReadError(
                f"{path.name} has an attribute that cannot be decoded ({type(cause).__name__}); export it again"
            ) from None


def _enhanced(source: Source, dataset: Any) -> Volume:
    """An enhanced image through highdicom's strict volume, slices counted along right x down.

    highdicom counts them the other way round (its index axes are right-handed), so the first axis is reversed. It also
    takes a stack that leans by up to 2.6 degrees for an upright one; here the frames' own positions decide.
    """
    from highdicom import Image

    path = source.path
    try:
        image = Image.from_dataset(dataset, copy=False)
        found = image.get_volume(
            dtype=np.float32, apply_real_world_transform=False, apply_presentation_lut=False
        ).flip_spatial(0)
    except Exception as cause:
        raise GeometryError(
            f"{path.name} holds {frames(dataset)} frames that are not one regular volume in the patient "
            f"({type(cause).__name__}); save one volume per file"
        ) from None
    if found.array.ndim != 3:
        raise ReadError(f"{path.name} is a colour volume, which is not read; convert it to gray")
    voxels = np.ascontiguousarray(found.array)[None]
    affine = _by_positions(np.array(found.affine), dataset)
    return Volume(voxels[:, 0] if voxels.shape[1] == 1 else voxels, affine, _units(dataset))


def _by_positions(affine: NDArray[np.float64], dataset: Any) -> NDArray[np.float64]:
    """The affine with the first slice, and the step to the next, where the frames say they are."""
    groups = dataset.PerFrameFunctionalGroupsSequence
    if len(groups) == 1:
        return affine
    said = [list(group.PlanePositionSequence[0].ImagePositionPatient) for group in groups]
    positions = np.array(said, dtype=np.float64)
    ordered = positions[np.argsort(positions @ affine[:3, 0], kind="stable")]
    made = affine.copy()
    made[:3, 0], made[:3, 3] = (ordered[-1] - ordered[0]) / (len(ordered) - 1), ordered[0]
    return made


def _units(dataset: Any) -> Units:
    """HU where every frame of a CT says so in its PixelValueTransformationSequence."""
    if text(dataset, "Modality") != "CT":
        return "PET" if text(dataset, "Modality") == "PT" else "arbitrary"
    groups = [*dataset.SharedFunctionalGroupsSequence, *dataset.get("PerFrameFunctionalGroupsSequence", [])]
    said = {text(item, "RescaleType") for group in groups for item in group.get("PixelValueTransformationSequence", [])}
    return "HU" if said == {"HU"} else "arbitrary"
