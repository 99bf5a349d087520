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

FAR = 0.05  # voxels that a slice may lie from where the volume has it
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

    volume  (1, slices, rows, columns) or one slice, on the grid of the source, in HU
    files   of the source series, in any order; one for each slice

    Raises GeometryError where the slices do not lie where the files say, InputError where a file is no image.
    """
    slices = volume.voxels.reshape(-1, *volume.size[-2:])
    placed = slices_in_order(volume, files, len(slices))
    slope, intercept = _rescale(slices)
    series, study = generate_uid(prefix=None), generate_uid(prefix=None)
    made = []
    for k, file in enumerate(placed):
        dataset = pydicom.dcmread(file)
        identify(dataset, study=study, series=series)
        _derive(dataset, slices[k], (slope, intercept), series, said)
        path = folder / f"{k + 1:04d}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        made.append(path)
    return tuple(made)


def slices_in_order(volume: Volume, files: Sequence[Path], count: int) -> list[Path]:
    """The file of each slice of a volume on the grid of its series; raises as `write_derived` does."""
    found: dict[int, Path] = {}
    for file in files:
        header = pydicom.dcmread(file, stop_before_pixels=True)
        position = header.get("ImagePositionPatient")
        if position is None or (header.Rows, header.Columns) != tuple(volume.size[-2:]):
            raise InputError(f"{file.name} is no slice of the series; write NIfTI instead")
        k = 0
        if volume.affine is not None and volume.rank == 3:
            index = volume.index(np.array([float(v) for v in position]))
            if max(abs(float(index[0]) - round(float(index[0]))), *np.abs(index[1:])) > FAR:
                raise GeometryError(
                    f"{file.name} does not lie on the volume's grid (gaps were filled or a tilt was resampled); write "
                    "NIfTI instead"
                )
            k = round(float(index[0]))
        if k in found:
            raise GeometryError(f"{file.name} and {found[k].name} lie at one place; write NIfTI instead")
        found[k] = file
    if sorted(found) != list(range(count)):
        raise GeometryError(f"{len(found)} files were found for {count} slices; write NIfTI instead")
    return [found[k] for k in range(count)]


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
        raise InputError("a slice does not say which kind of image it is (SOPClassUID is empty); write NIfTI instead")


def _rescale(slices: NDArray[np.floating]) -> tuple[float, float]:
    """Slope and intercept that keep all values in 16 bits: whole HU where they fit, as scanners store them."""
    low, high = float(np.floor(slices.min())), float(np.ceil(slices.max()))
    intercept = min(-1024.0, low)
    slope = 1.0 if high - intercept <= 65535 else (high - intercept) / 65535
    return slope, intercept


def _derive(
    dataset: Dataset, values: NDArray[np.floating], rescale: tuple[float, float], series: str, said: Derivation
) -> None:
    """Turn the dataset of a slice into that of its derived image, in place."""
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
    slope, intercept = rescale
    stored = np.clip(np.rint((values - intercept) / slope), 0, 65535).astype("<u2")
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = f"{slope:.10g}", f"{intercept:.10g}", "HU"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.PixelData = np.ascontiguousarray(stored).tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
