"""A series derived from another one: the same slices at the same place with other values, as DICOM files.

Every file keeps what its slice said of patient, study and geometry. What identifies the image is new (SOP instance,
series), ImageType says DERIVED, the source images are referred to (DICOM PS3.3 C.7.6.1.1.2 and C.12.4), and values are
stored in 16 bits with a rescale of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from radcnn.core.errors import GeometryError, InputError
from radcnn.core.version import __version__
from radcnn.core.volume import Volume
from radcnn.data.dicom.regularity import DRIFT, ROUNDING_MM, SIDEWAYS
from radcnn.data.findings import counted

ALONG, ACROSS = DRIFT + 1e-6, SIDEWAYS + 1e-6  # of a slice and of a pixel, as far as the reader lets a slice be off
GONE = (  # what speaks of values or pixels that are no longer there
    "PixelPaddingValue", "PixelPaddingRangeLimit", "SmallestImagePixelValue", "LargestImagePixelValue",
    "SmallestPixelValueInSeries", "LargestPixelValueInSeries", "ModalityLUTSequence", "VOILUTSequence",
    "LossyImageCompressionRatio", "LossyImageCompressionMethod", "FloatPixelData", "DoubleFloatPixelData",
    "PixelData", "IconImageSequence", "DigitalSignaturesSequence", "MACParametersSequence",
)  # fmt: skip

OVERLAYS = range(0x6000, 0x6020)  # groups of graphics that lie over the pixels


@dataclass(frozen=True)
class Derivation:
    """What a derived series says of itself."""

    description: str
    series_description: str
    series_number: int = 9000


def write_derived(volume: Volume, files: Sequence[Path], folder: Path, said: Derivation) -> tuple[Path, ...]:
    """Write the slices of a volume as the series that its source's files are, one file for each; returns them.

    volume  (1, slices, rows, columns) or one slice, on the grid of the source
    files   of the source series, in any order; one for each slice

    Raises GeometryError where the slices do not lie where the files say, InputError where a file is no image; then
    nothing can be written but another format.
    """
    slices = volume.voxels.reshape(-1, *volume.size[-2:])
    placed = slices_in_order(volume, files, len(slices))
    slope, intercept = _rescale(slices)
    series, study = generate_uid(prefix=None), generate_uid(prefix=None)
    made = []
    for k, file in enumerate(placed):
        dataset = pydicom.dcmread(file)
        identify(dataset, study=study, series=series)
        _derive(dataset, slices[k], (slope, intercept, "HU" if volume.units == "HU" else "US"), series, said)
        path = folder / f"{k + 1:04d}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        made.append(path)
    return tuple(made)


def slices_in_order(volume: Volume, files: Sequence[Path], count: int) -> list[Path]:
    """The file of each slice of a volume on the grid of its series; raises as `write_derived` does."""
    if len(set(files)) < len(files):
        raise GeometryError("the slices are frames of one file, and not a file for each")
    found: dict[int, Path] = {}
    for file in files:
        header = pydicom.dcmread(file, stop_before_pixels=True)
        if (header.Rows, header.Columns) != tuple(volume.size[-2:]):
            raise GeometryError(
                f"{file.name} is no slice of the volume: it has {header.Rows} x {header.Columns} pixels, and the "
                f"volume's slices have {volume.size[-2]} x {volume.size[-1]} (a tilt was made upright)"
            )
        k = _place(file, header, volume) if volume.rank == 3 else 0
        if k in found:
            raise GeometryError(f"{file.name} and {found[k].name} lie at one place")
        found[k] = file
    if sorted(found) != list(range(count)):
        raise GeometryError(f"{counted(len(found), 'file')} were found for {count} slices (gaps were filled)")
    return [found[k] for k in range(count)]


def _place(file: Path, header: Dataset, volume: Volume) -> int:
    """Which slice of a volume a file is, by its place in the patient."""
    position = header.get("ImagePositionPatient")
    if not position or volume.affine is None:
        raise GeometryError(f"{file.name} does not say where in the patient it lies")
    index = volume.index(np.array([float(v) for v in position]))
    k = round(float(index[0]))
    lengths = np.linalg.norm(volume.affine[:3, 1:3], axis=0)
    aside = float(np.hypot(*(index[1:] * lengths)))
    if abs(float(index[0]) - k) > ALONG or aside > max(ROUNDING_MM, ACROSS * float(lengths.min())):
        raise GeometryError(f"{file.name} does not lie on the volume's grid (gaps were filled or a tilt was resampled)")
    return k


def identify(dataset: Dataset, *, study: str, series: str) -> None:
    """Fill identifiers that a de-identification emptied: of the file's own header, or these of all slices.

    Raises InputError where nothing says which kind of image it is.
    """
    meta = dataset.get("file_meta", Dataset())
    for keyword, known in (
        ("SOPClassUID", meta.get("MediaStorageSOPClassUID", "")),
        ("SOPInstanceUID", meta.get("MediaStorageSOPInstanceUID", "") or generate_uid(prefix=None)),
        ("StudyInstanceUID", study),
        ("SeriesInstanceUID", series),
    ):
        if not dataset.get(keyword):
            setattr(dataset, keyword, known)
    if not dataset.SOPClassUID:
        raise InputError("a slice does not say which kind of image it is (SOPClassUID is empty)")


def _rescale(slices: NDArray[np.floating]) -> tuple[float, float]:
    """Slope and intercept that keep all values in 16 bits: whole HU where they fit, as scanners store them."""
    low, high = float(np.floor(slices.min())), float(np.ceil(slices.max()))
    intercept = min(-1024.0, low)
    slope = 1.0 if high - intercept <= 65535 else (high - intercept) / 65535
    return slope, intercept


def _derive(
    dataset: Dataset, values: NDArray[np.floating], rescale: tuple[float, float, str], series: str, said: Derivation
) -> None:
    """Turn the dataset of a slice into that of its derived image, in place.

    rescale  slope, intercept and type
    """
    source = Dataset()
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    for name in GONE:
        if name in dataset:
            delattr(dataset, name)
    for tag in [tag for tag in dataset.keys() if tag.group in OVERLAYS]:  # noqa: SIM118 a dataset iterates over elements
        del dataset[tag]
    kept = list(dataset.get("ImageType", ["ORIGINAL", "PRIMARY"]))
    dataset.ImageType = ["DERIVED", "SECONDARY", *kept[2:]]
    dataset.SourceImageSequence = Items([source])
    dataset.DerivationDescription = said.description[:1024]
    dataset.SeriesDescription, dataset.SeriesNumber = said.series_description[:64], said.series_number
    dataset.SeriesInstanceUID, dataset.SOPInstanceUID = series, generate_uid(prefix=None)
    dataset.SoftwareVersions = f"radcnn {__version__}"
    slope, intercept, kind = rescale
    stored = np.clip(np.rint((values - intercept) / slope), 0, 65535).astype("<u2")
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = f"{slope:.10g}", f"{intercept:.10g}", kind
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.PixelData = np.ascontiguousarray(stored).tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
