"""Preparation: from a Volume of any size and place to one float32 array of fixed shape, for a network.

The samples lie on straight lines along the image's own axes (after `towards_patient_axes`: slices to the head, rows to
the back, columns to the left), at distances in mm where millimetres were asked. So a patch of 40 mm shows the same
anatomy at any spacing. Nothing here is random; everything is one case at a time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import GeometryError, SettingsError
from radcnn.core.settings import fields_to_plain, from_plain
from radcnn.core.volume import Volume
from radcnn.transforms.body import Box, body_box
from radcnn.transforms.intensity import Intensity, LinearMap, linear_map
from radcnn.transforms.orientation import centre_index, single_slice_as_image, towards_patient_axes
from radcnn.transforms.resampling import centred_line, interpolation_for, known_spacing, on_lines
from radcnn.transforms.separable import resample_lines
from radcnn.transforms.weights import Line

Fit = Literal["stretch", "pad", "crop"]
Planes = Literal["own", "triplanar"]
Within = Literal["image", "body"]
LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601, the grey of an RGB picture
ROBUST = Intensity("percentiles")


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What a network is to be given: (channels, *size), float32.

    dims       2 or 3
    channels   1 or 3 (grey is replicated, RGB is turned to grey), or the image's own number
    size       (rows, columns) or (slices, rows, columns)
    fit        without spacing_mm and region_mm: "stretch" each axis to size, or keep the proportions (in mm where the
               spacing is known) and "pad" or "crop" the rest
    within     what `fit` and "the middle" are about: the whole image, or the box about the body in a CT (`body_box`)
    spacing_mm resample to this spacing about the middle (or centre_mm), then crop and pad as the size demands
    region_mm  a region of this extent about centre_mm (or the middle), sampled on `size` voxels
    intensity  how values are mapped; padding is filled with the darkest value (low, or the image's own minimum)
    planes     "triplanar": the axial, coronal and sagittal plane through the centre are the 3 channels of a 2D image;
               coronal and sagittal rows run from head to feet
    """

    dims: Literal[2, 3]
    size: tuple[int, ...]
    channels: int = 1
    fit: Fit = "stretch"
    spacing_mm: tuple[float, ...] | None = None
    region_mm: tuple[float, ...] | None = None
    intensity: Intensity = ROBUST
    planes: Planes = "own"
    within: Within = "image"

    def __post_init__(self) -> None:
        if self.dims not in (2, 3):
            raise SettingsError(f"dims must be 2 or 3, got {self.dims}")
        if len(self.size) != self.dims or min(self.size) < 1:
            raise SettingsError(f"size must be {self.dims} positive whole numbers, got {self.size}")
        if self.channels < 1:
            raise SettingsError(f"channels must be at least 1, got {self.channels}")
        for name, value in (("spacing_mm", self.spacing_mm), ("region_mm", self.region_mm)):
            if value is not None and not (len(value) == self.dims and all(math.isfinite(v) and v > 0 for v in value)):
                raise SettingsError(f"{name} must be {self.dims} positive numbers, got {value}")
        if self.spacing_mm is not None and self.region_mm is not None:
            raise SettingsError("spacing_mm and region_mm cannot both be given: a region's spacing is region_mm / size")
        if self.spacing_mm is not None and self.fit == "stretch":
            raise SettingsError("fit 'stretch' contradicts spacing_mm, which fixes the scale; use 'pad' or 'crop'")
        if self.planes == "triplanar" and (self.dims, self.channels) != (2, 3):
            raise SettingsError(f"triplanar needs dims 2 and channels 3, got {self.dims} and {self.channels}")

    def as_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` is the inverse."""
        plain: dict[str, Any] = fields_to_plain(self)
        return plain

    @classmethod
    def from_json(cls, plain: Any) -> Preparation:
        """Read what `as_json` gave; strict, raises SettingsError with "did you mean"."""
        return from_plain(cls, plain, "preparation")


def prepare(
    volume: Volume,
    preparation: Preparation,
    *,
    centre_mm: tuple[float, float, float] | None = None,
    box: Box | None = None,
) -> NDArray[np.float32]:
    """The array a network is given: (channels, *size), float32, in the range of `preparation.intensity`.

    box  what `looked_at` says of the image, for a mask on its grid; found where it is not given

    Linear interpolation, anti-aliased when shrinking; a mask is sampled nearest and keeps its values, on the grid its
    image gets. Raises GeometryError when millimetres are asked of an image of unknown spacing, when the centre lies
    outside, or when the ranks do not fit; SettingsError for channels that cannot be made.

    >>> import numpy as np
    >>> image = Volume(np.arange(64.0).reshape(1, 8, 8), None)
    >>> prepare(image, Preparation(dims=2, size=(4, 4), intensity=Intensity("range", 0, 63))).shape
    (1, 4, 4)
    """
    if preparation.planes == "own":
        return prepare_volume(volume, preparation, centre_mm=centre_mm, box=box).voxels
    image = _with_channels(volume, 1)
    if image.rank != 3:
        raise GeometryError(
            "this network reads three planes of a volume, got a 2D image; give a DICOM series or a NIfTI volume, or "
            "train with preparation.planes own"
        )
    mapping = _mapping(image, preparation)
    image = towards_patient_axes(image)
    box = _box(image, preparation) if box is None else box
    centre = _centre(image, box, centre_mm)
    axial, coronal, sagittal = (
        _sample(image, _lines(image, preparation, centre, box, axes), mapping) for axes in ((1, 2), (0, 2), (0, 1))
    )
    return np.stack([axial[0, 0], coronal[0, ::-1, 0], sagittal[0, ::-1, :, 0]])


def looked_at(volume: Volume, preparation: Preparation) -> Box:
    """The box of an image that its preparation is about, so that its masks can be prepared on the same grid.

    Indices count along the patient's axes (`towards_patient_axes`). Raises GeometryError where the body is asked for
    and the image is in another unit than HU.
    """
    image = single_slice_as_image(volume) if preparation.dims == 2 else volume
    return _box(towards_patient_axes(image), preparation)


def prepare_volume(
    volume: Volume,
    preparation: Preparation,
    *,
    centre_mm: tuple[float, float, float] | None = None,
    box: Box | None = None,
) -> Volume:
    """As `prepare`, as a Volume that knows where its voxels lie, so that maps can be carried back to the scan.

    A single plane only: raises SettingsError for triplanar preparations.
    """
    if preparation.planes != "own":
        raise SettingsError("triplanar channels lie in three planes, so they are not one volume; use prepare")
    image = _with_channels(volume, preparation.channels)
    mapping = _mapping(image, preparation)
    image = single_slice_as_image(image) if preparation.dims == 2 else image
    _check_rank(image, preparation, centre_mm)
    image = towards_patient_axes(image)
    box = _box(image, preparation) if box is None else box
    axes = tuple(range(image.rank - preparation.dims, image.rank))
    lines = _lines(image, preparation, _centre(image, box, centre_mm), box, axes)
    placed = on_lines(image, lines, _sample(image, lines, mapping))
    return placed if placed.rank == preparation.dims else single_slice_as_image(placed)


def _check_rank(image: Volume, preparation: Preparation, centre_mm: tuple[float, ...] | None) -> None:
    if image.rank < preparation.dims:
        raise GeometryError(
            "this network reads volumes, got a 2D image; give a DICOM series or a NIfTI volume, or train with "
            "preparation.dims 2"
        )
    if image.rank > preparation.dims and centre_mm is None:
        raise GeometryError(
            f"this network reads 2D images, got a volume of {image.size[0]} slices; give a 2D image, or the centre in "
            "mm that says which slice (--centre X Y Z), or train with preparation.dims 3"
        )
    whole = preparation.region_mm is None and preparation.spacing_mm is None
    if centre_mm is not None and whole and image.rank == preparation.dims:
        raise GeometryError(
            "this network looks at whole images, but a centre was given; leave --centre out, or train with "
            "preparation.region_mm or preparation.spacing_mm"
        )


def _with_channels(volume: Volume, channels: int) -> Volume:
    if volume.channels == channels:
        return volume
    if volume.channels == 1:
        return replace(volume, voxels=np.broadcast_to(volume.voxels, (channels, *volume.size)))
    if channels == 1 and volume.channels == 3 and volume.units == "rgb":
        grey = np.tensordot(np.array(LUMINANCE, np.float32), volume.voxels.astype(np.float32), axes=1)
        return Volume(grey[None], volume.affine, "grey", volume.frame)
    raise SettingsError(
        f"an image of {volume.channels} channels ({volume.units}) cannot be turned into {channels}; "
        f"give images of {channels}, or train with preparation.channels {volume.channels}"
    )


def _mapping(image: Volume, preparation: Preparation) -> LinearMap:
    if image.units == "mask":
        return linear_map(Intensity("keep"), np.zeros(1))
    once = image.voxels[:1] if image.channels > 1 and image.voxels.strides[0] == 0 else image.voxels
    return linear_map(preparation.intensity, once)


def _box(image: Volume, preparation: Preparation) -> Box:
    if preparation.within == "body":
        return body_box(image)
    return tuple(slice(0, n) for n in image.size)


def _centre(image: Volume, box: Box, centre_mm: tuple[float, ...] | None) -> tuple[float, ...]:
    if centre_mm is not None:
        return centre_index(image, centre_mm)
    return tuple((part.start + part.stop - 1) / 2 for part in box)


def _steps(image: Volume, preparation: Preparation, box: Box, axes: tuple[int, ...]) -> list[float]:
    """Input voxels per output voxel, for each sampled axis."""
    lengths = [box[a].stop - box[a].start for a in axes]
    if preparation.region_mm is not None:
        spacing = known_spacing(image, "region_mm")
        extents = zip(preparation.region_mm, preparation.size, axes, strict=True)
        return [extent / count / spacing[a] for extent, count, a in extents]
    if preparation.spacing_mm is not None:
        spacing = known_spacing(image, "spacing_mm")
        return [new / spacing[a] for new, a in zip(preparation.spacing_mm, axes, strict=True)]
    if preparation.fit == "stretch":
        return [length / count for length, count in zip(lengths, preparation.size, strict=True)]
    own = [1.0 if image.spacing_mm is None else image.spacing_mm[a] for a in axes]
    scales = [length * s / count for length, s, count in zip(lengths, own, preparation.size, strict=True)]
    common = max(scales) if preparation.fit == "pad" else min(scales)
    return [common / s for s in own]


def _lines(
    image: Volume, preparation: Preparation, centre: tuple[float, ...], box: Box, axes: tuple[int, ...]
) -> tuple[Line, ...]:
    """One line per image axis: the sampled `axes`, and a single sample at the centre across them."""
    whole = preparation.region_mm is None and preparation.spacing_mm is None
    lines = [Line(n, 1, at, 1.0) for n, at in zip(image.size, centre, strict=True)]
    middle = _centre(image, box, None) if whole else centre
    steps = _steps(image, preparation, box, axes)
    for axis, count, step in zip(axes, preparation.size, steps, strict=True):
        lines[axis] = centred_line(image.size[axis], count, middle[axis], step)
    return tuple(lines)


def _sample(image: Volume, lines: tuple[Line, ...], mapping: LinearMap) -> NDArray[np.float32]:
    replicated = image.channels > 1 and image.voxels.strides[0] == 0
    voxels = image.voxels[:1] if replicated else image.voxels
    values = mapping(resample_lines(voxels, lines, interpolation_for(image)))
    inside = np.ones((), dtype=bool)
    for axis, line in enumerate(lines):
        shape = [1] * len(lines)
        shape[axis] = line.count
        inside = inside & line.inside().reshape(shape)
    if not inside.all():
        values[:, ~inside] = mapping.darkest
    return np.repeat(values, image.channels, axis=0) if replicated else values
