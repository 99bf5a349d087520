"""A Look: what is kept of an image once it has been read. About 3 KiB, and 1 KiB more for each slice kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Source
from radcnn.core.errors import ReadError
from radcnn.core.files import reading
from radcnn.core.volume import Frame, Units, Volume
from radcnn.data.findings import Finding
from radcnn.data.gauge import Form
from radcnn.data.kind import format_of
from radcnn.data.survey.edges import edge_figures, frame_figures
from radcnn.data.survey.intensities import PERCENTILES, Intensities, intensities_of
from radcnn.data.survey.thumbnails import grey, hashed, kept_slices, projection, thumbnail, thumbnails

__all__ = ["PERCENTILES", "Look", "look_at"]

MOST_OF_ONE_VALUE = 0.97  # share of one value above which an image shows too little to be known again
TURNED = 1 << 22  # voxels up to which a plain image is hashed in all its mirrored and turned forms
AXES = (("L", "R"), ("P", "A"), ("S", "I"))  # where x, y and z of LPS grow to, and where they fall to


@dataclass(frozen=True, eq=False)
class Look:
    """An image as the checks see it.

    form          format of the file ("jpeg", "dicom" ...), "series" for a DICOM folder
    stored_bytes  on the disk, or of the item where many images lie in one file
    size          voxels per spatial axis; channels stored; `dtype` of the stored numbers; bits that their range needs
    orientation   where slices, rows and columns go in the patient, such as "SPL"; "" where nobody knows
    intensities   mean, sd, extremes, percentiles, saturated shares, histogram
    edges         (EDGES,) figures of the four borders and four corners; see data/survey/edges.py
    frame         (2, FRAME_CELLS) bright and dark structures in the outer cells of a 16 x 16 grid
    planes        (p, 2, 24, 24) uint8: grey values and grey ranks of the image, or of slices of a volume
    slices        the slice of each plane, counted from 0; (0,) for a 2D image
    middle        (2, 24, 24) uint8: those of the mean over slices, which a missing slice hardly changes
    plain         whether the image is nearly of one value or has two values only, so that likeness proves nothing
    grey_as_colour  whether three stored channels are equal
    findings      what the reader noticed
    pixels        a hash of the stored numbers whatever the container; of a plain image, however mirrored or turned
    """

    form: str
    stored_bytes: int
    rank: int
    size: tuple[int, ...]
    channels: int
    dtype: str
    bits: int
    units: Units
    placed: Frame
    spacing_mm: tuple[float, ...] | None
    orientation: str
    intensities: Intensities
    edges: NDArray[np.float32]
    frame: NDArray[np.float32]
    planes: NDArray[np.uint8]
    slices: tuple[int, ...]
    middle: NDArray[np.uint8]
    plain: bool
    pixels: bytes
    grey_as_colour: bool
    findings: tuple[Finding, ...] = ()

    @property
    def memory_bytes(self) -> int:
        """What the arrays of this look take."""
        arrays = (self.edges, self.frame, self.planes, self.middle, self.intensities.histogram)
        return sum(array.nbytes for array in arrays)


def look_at(source: Source, volume: Volume, findings: tuple[Finding, ...] = ()) -> Look:
    """The look of an image that was just read; the file is asked for its size only."""
    plane = grey(volume.voxels)
    flat = projection(plane)
    found = intensities_of(plane, volume.units)
    slices = kept_slices(plane)
    planes = thumbnails(plane, slices)
    plain = found.distinct <= 2 or found.commonest > MOST_OF_ONE_VALUE
    return Look(
        form=_form(source),
        stored_bytes=_stored_bytes(source, volume),
        rank=volume.rank,
        size=volume.size,
        channels=volume.channels,
        dtype=volume.voxels.dtype.name,
        bits=_bits(found, volume.voxels.dtype),
        units=volume.units,
        placed=volume.frame,
        spacing_mm=volume.spacing_mm,
        orientation=orientation_of(volume),
        intensities=found,
        edges=edge_figures(flat, found.low, found.high),
        frame=frame_figures(flat, found.low, found.high),
        planes=planes,
        slices=slices,
        middle=planes[0] if plane.ndim == 2 else thumbnail(flat),
        plain=plain,
        pixels=hashed(plane, found.minimum, found.maximum, turned=plain and plane.size <= TURNED),
        grey_as_colour=Form.of(volume).grey_as_colour,
        findings=findings,
    )


def orientation_of(volume: Volume) -> str:
    """Where slices, rows and columns of a volume (rows and columns of an image) go, in letters of LPS.

    >>> import numpy as np
    >>> upright = np.diag([1.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]
    >>> orientation_of(Volume(np.zeros((1, 2, 2, 2)), upright))
    'SPL'
    """
    if volume.affine is None or volume.frame != "patient":
        return ""
    columns = volume.affine[:3, 3 - volume.rank : 3].T
    letters = []
    for direction in columns:
        axis = int(np.argmax(np.abs(direction)))
        letters.append(AXES[axis][0] if direction[axis] > 0 else AXES[axis][1])
    return "".join(letters)


def _form(source: Source) -> str:
    with reading(source.path):
        return "series" if source.path.is_dir() else format_of(source.path)


def _stored_bytes(source: Source, volume: Volume) -> int:
    """An item of a larger file takes what its numbers take, since nobody can say what it takes compressed."""
    if source.item is not None:
        return int(volume.voxels.nbytes)
    try:
        files = source.path.iterdir() if source.path.is_dir() else [source.path]
        return sum(file.stat().st_size for file in files if file.is_file())
    except OSError as cause:
        reason = cause.strerror or type(cause).__name__
        raise ReadError(f"{source.path.name} could not be looked at ({reason}); restore it") from None


def _bits(found: Intensities, dtype: np.dtype) -> int:
    """Bits that hold every number of the image: 12 for 0 to 4095, whatever type they are stored in."""
    if dtype.kind == "f":
        return dtype.itemsize * 8
    low, high = int(found.minimum), int(found.maximum)
    return max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + (low < 0)
