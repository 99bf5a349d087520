"""A simulated CT series as DICOM files: CT Image Storage with its whole geometry, marked as simulated.

Attributes follow DICOM PS3.3 A.3 (CT Image IOD); identifiers are derived from the seed, so that the same seed gives the
same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from radcnn.core.chance import derived_seed
from radcnn.core.errors import StorageError

INTERCEPT_HU = -1024
MANUFACTURER = "radcnn simulator"
IMPLEMENTATION_UID = f"2.25.{derived_seed(0, 'radcnn', 'physics', 'implementation')}"


@dataclass(frozen=True, eq=False)
class Series:
    """A CT volume to be written.

    hu            (slices, rows, columns)
    first_mm      centre of the first voxel (x, y, z; LPS)
    spacing_mm    between slices, rows, columns; slices touch, and run towards the head
    patient, institution, kernel   as they appear in the files
    seed          of the identifiers, together with the patient
    part          a word for one of several series of a study; "" for the only one
    description   of the series
    """

    hu: NDArray[np.float32] | NDArray[np.int16]
    first_mm: tuple[float, float, float]
    spacing_mm: tuple[float, float, float]
    patient: str
    institution: str
    kernel: str
    seed: int
    part: str = ""
    description: str = "SIMULATED chest CT, one lung"


def stored_hu(hu: NDArray[np.float32] | NDArray[np.int16]) -> NDArray[np.int16]:
    """CT numbers as they survive storage: whole HU, from -1024 up."""
    return np.clip(np.rint(hu), INTERCEPT_HU, 3071).astype(np.int16)


def write_series(folder: Path, series: Series) -> None:
    """Write one file per slice into `folder`, 0001.dcm first (the lowest slice); raises StorageError on a full disk."""
    stored = stored_hu(series.hu) - np.int16(INTERCEPT_HU)
    common = _common(series)
    try:
        folder.mkdir(parents=True)
        for number, pixels in enumerate(stored, start=1):
            _slice(series, common, number, pixels).save_as(folder / f"{number:04d}.dcm", enforce_file_format=True)
    except OSError as cause:
        raise StorageError(f"{folder} could not be written: {cause.strerror or cause}; free some space") from cause


def _uid(series: Series, *path: str | int) -> str:
    """An identifier under 2.25 (DICOM PS3.5 B.2) that depends on seed, patient and path only."""
    return f"2.25.{derived_seed(series.seed, 'physics', 'uid', series.patient, *path)}"


def _part(series: Series) -> tuple[str, ...]:
    return (series.part,) if series.part else ()


def _common(series: Series) -> Dataset:
    """What all slices of the series share."""
    dz, dy, dx = series.spacing_mm
    made = Dataset()
    made.SOPClassUID = CTImageStorage
    made.ImageType = ["DERIVED", "PRIMARY", "AXIAL"]
    made.StudyDate = made.SeriesDate = made.ContentDate = "20000101"
    made.StudyTime = made.SeriesTime = made.ContentTime = "120000"
    made.AccessionNumber = made.ReferringPhysicianName = made.StudyID = ""
    made.Modality, made.Manufacturer, made.ManufacturerModelName = "CT", MANUFACTURER, "parallel beam"
    made.InstitutionName = f"simulated site {series.institution}"
    made.StudyDescription = made.SeriesDescription = series.description
    made.PatientName, made.PatientID = f"SIMULATED^{series.patient}", series.patient
    made.PatientBirthDate = made.PatientSex = ""
    made.BodyPartExamined, made.PatientPosition, made.KVP = "CHEST", "HFS", 120
    made.SliceThickness = made.SpacingBetweenSlices = _text(dz)
    made.ReconstructionDiameter = _text(dx * series.hu.shape[2])
    made.ConvolutionKernel = series.kernel
    made.StudyInstanceUID, made.SeriesInstanceUID = _uid(series, "study"), _uid(series, "series", *_part(series))
    made.FrameOfReferenceUID, made.PositionReferenceIndicator = _uid(series, "frame"), ""
    made.SeriesNumber = made.AcquisitionNumber = 1
    made.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    made.ImageComments, made.BurnedInAnnotation = "SIMULATED", "NO"
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.Rows, made.Columns = series.hu.shape[1:]
    made.PixelSpacing = [_text(dy), _text(dx)]
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 16, 15, 1
    made.WindowCenter, made.WindowWidth = -600, 1500
    made.RescaleIntercept, made.RescaleSlope, made.RescaleType = INTERCEPT_HU, 1, "HU"
    return made


def _slice(series: Series, common: Dataset, number: int, pixels: NDArray[np.int16]) -> FileDataset:
    """One slice, ready to be saved."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = _uid(series, "slice", *_part(series), number)
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    made = FileDataset("", common, file_meta=meta, preamble=b"\0" * 128)
    x, y, z = series.first_mm
    z += (number - 1) * series.spacing_mm[0]
    made.SOPInstanceUID, made.InstanceNumber = meta.MediaStorageSOPInstanceUID, number
    made.ImagePositionPatient, made.SliceLocation = [_text(x), _text(y), _text(z)], _text(z)
    made.PixelData = np.ascontiguousarray(pixels).astype("<i2").tobytes()
    return made


def _text(number: float) -> str:
    """A number as DICOM's decimal string, to a ten-thousandth of a millimetre."""
    return f"{round(number, 4) + 0.0:.10g}"
