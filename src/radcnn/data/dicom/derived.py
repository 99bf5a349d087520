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

from radcnn.core.version import __version__
from radcnn.core.volume import Volume
from radcnn.data.dicom.referring import identify, slices_in_order

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
