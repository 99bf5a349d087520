"""DICOM objects of the matrix: a series of files, an enhanced file, a film, each written as a scanner would."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import config
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    EnhancedPETImageStorage,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    SecondaryCaptureImageStorage,
    UltrasoundMultiFrameImageStorage,
    XRayAngiographicImageStorage,
)
from pydicom.valuerep import DSfloat

from matrix.codings import CODINGS, Coding
from matrix.grid import Grid
from matrix.store import Store

CLASSES = {
    "CT": CTImageStorage,
    "MR": MRImageStorage,
    "PT": PositronEmissionTomographyImageStorage,
    "DX": DigitalXRayImageStorageForPresentation,
    "US": UltrasoundMultiFrameImageStorage,
    "XA": XRayAngiographicImageStorage,
    "OT": SecondaryCaptureImageStorage,
}
ENHANCED = {"CT": EnhancedCTImageStorage, "MR": EnhancedMRImageStorage, "PT": EnhancedPETImageStorage}
FRAME = "2.25.700"
PLAIN = CODINGS["explicit little endian"]

Said = Mapping[str, Any]
Each = Callable[[int], Said]


def nothing(_: int) -> Said:
    return {}


def number(value: float) -> str:
    """A decimal string of at most 16 characters."""
    return f"{value:.10g}"[:16]


def long_number(value: float) -> DSfloat:
    """A decimal string as long as it takes, which DICOM does not allow and scanners write."""
    return DSfloat(f"{value:.20f}", validation_mode=config.IGNORE)


def item(**attributes: Any) -> Dataset:
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def uid(*parts: object) -> str:
    """A UID that depends on nothing but its parts."""
    text = " ".join(str(part) for part in parts)
    return f"2.25.{zlib.crc32(text.encode())}{len(text)}"


def write(path: Path, stored: NDArray, *, coding: Coding = PLAIN, frames: bool = False, **attributes: Any) -> Path:
    """A DICOM file with these pixels: (H, W) or (H, W, 3), with a first axis of frames if there are some."""
    meta = FileMetaDataset()
    made = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    image = stored[0] if frames else stored
    colour = image.ndim == 3
    about: dict[str, Any] = {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": uid(path.parent.name, path.name),
        "StudyDate": "20240102",
        "SeriesDate": "20240102",
        "AcquisitionDate": "20240102",
        "ContentDate": "20240102",
        "StudyTime": "101500",
        "SeriesTime": "101500",
        "ContentTime": "101500",
        "StudyID": "1",
        "AccessionNumber": "PLANTED-8",
        "InstitutionName": "Planted Hospital",
        "StudyDescription": "planted words",
        "Manufacturer": "radcnn tests",
        "ReferringPhysicianName": "Planted^Doctor",
        "PatientName": "Planted^Name",
        "PatientID": "PLANTED-7",
        "PatientBirthDate": "",
        "PatientSex": "O",
        "StudyInstanceUID": uid("study"),
        "SeriesInstanceUID": uid("series"),
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "Rows": image.shape[0],
        "Columns": image.shape[1],
        "SamplesPerPixel": 3 if colour else 1,
        "PhotometricInterpretation": "RGB" if colour else "MONOCHROME2",
    }
    if colour:
        about["PlanarConfiguration"] = 0
    if frames:
        about["NumberOfFrames"] = len(stored)
    for keyword, value in {**about, **attributes}.items():
        if value is not None:
            setattr(made, keyword, value)
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = made.SOPClassUID, made.SOPInstanceUID
    path.parent.mkdir(parents=True, exist_ok=True)
    coding.write(made, np.ascontiguousarray(stored), path)
    return path


def write_series(
    folder: Path,
    values: NDArray,
    grid: Grid,
    store: Store,
    *,
    series: int = 1,
    modality: str = "CT",
    names: Sequence[int] | None = None,
    numbers: Sequence[int] | None = None,
    keep: Sequence[int] | None = None,
    text: Callable[[float], Any] = number,
    slopes: Callable[[int], float] | None = None,
    coding: Coding = PLAIN,
    each: Each = nothing,
    **attributes: Any,
) -> Path:
    """One file per slice (D, H, W); `names` and `numbers` say which file name and InstanceNumber slice i gets."""
    for i in keep if keep is not None else range(grid.slices):
        slope = slopes(i) if slopes else None
        about: dict[str, Any] = {
            "SOPClassUID": CLASSES[modality],
            "Modality": modality,
            "SOPInstanceUID": uid(folder.name, series, i, attributes.get("PatientID", "")),
            "SeriesInstanceUID": uid("series", series),
            "SeriesNumber": series,
            "AcquisitionNumber": 1,
            "InstanceNumber": (numbers[i] if numbers is not None else i) + 1,
            "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
            "FrameOfReferenceUID": FRAME,
            "PatientPosition": "HFS",
            "SliceThickness": number(2.5),
            **place(grid, i, text),
            **store.attributes(slope),
        }
        name = f"{series}_{(names[i] if names is not None else i):03d}.dcm"
        write(folder / name, store.numbers(values[i], slope), coding=coding, **{**about, **attributes, **each(i)})
    return folder


def place(grid: Grid, i: int, text: Callable[[float], Any] = number) -> dict[str, Any]:
    """Where slice i lies, in DICOM's words."""
    return {
        "ImagePositionPatient": [text(v) for v in grid.positions[i]],
        "ImageOrientationPatient": [text(v) for v in (*grid.right, *grid.down)],
        "PixelSpacing": [number(v) for v in grid.spacing],
    }


def write_enhanced(
    path: Path,
    volumes: Sequence[NDArray],
    grid: Grid,
    store: Store,
    *,
    modality: str = "CT",
    order: Sequence[tuple[int, int]] | None = None,
    slopes: Callable[[int], float] | None = None,
    thickness: float = 2.5,
    between: float | None = None,
    coding: Coding = PLAIN,
    **attributes: Any,
) -> Path:
    """An enhanced file of one volume (D, H, W), or of several time points; `order` is the frames' (time, slice)."""
    times = len(volumes)
    frames = list(order if order is not None else [(t, i) for t in range(times) for i in range(grid.slices)])
    measures = {"PixelSpacing": [number(v) for v in grid.spacing], "SliceThickness": number(thickness)}
    if between is not None:
        measures["SpacingBetweenSlices"] = number(between)
    shared = item(
        PixelMeasuresSequence=[item(**measures)],
        PlaneOrientationSequence=[item(ImageOrientationPatient=[number(v) for v in (*grid.right, *grid.down)])],
    )
    if store.rescaled and slopes is None:
        shared.PixelValueTransformationSequence = [item(**store.rescale())]
    per_frame = [_frame(grid, t, i, times, store, slopes) for t, i in frames]
    pixels = np.stack([store.numbers(volumes[t][i], slopes(i) if slopes else None) for t, i in frames])
    about: dict[str, Any] = {
        "SOPClassUID": ENHANCED[modality],
        "Modality": modality,
        "ImageType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        "FrameOfReferenceUID": FRAME,
        "PatientPosition": "HFS",
        "SharedFunctionalGroupsSequence": [shared],
        "PerFrameFunctionalGroupsSequence": per_frame,
        "DimensionOrganizationSequence": [item(DimensionOrganizationUID=uid("dimensions"))],
        "DimensionIndexSequence": _dimensions(times),
        "PresentationLUTShape": "IDENTITY",
        **{key: said for key, said in store.attributes().items() if not key.startswith("Rescale")},
    }
    return write(path, pixels, coding=coding, frames=True, **{**about, **attributes})


def _frame(grid: Grid, t: int, i: int, times: int, store: Store, slopes: Callable[[int], float] | None) -> Dataset:
    """What frame i of time point t says of itself."""
    indices = [1, t + 1, i + 1] if times > 1 else [1, i + 1]
    content = item(
        StackID="1",
        InStackPositionNumber=i + 1,
        DimensionIndexValues=indices,
        FrameAcquisitionNumber=t + 1,
        FrameAcquisitionDateTime=f"20240102101{t}00",
        FrameReferenceDateTime=f"20240102101{t}00",
        FrameAcquisitionDuration=1000.0,
    )
    if times > 1:
        content.TemporalPositionIndex = t + 1
    made = item(
        FrameContentSequence=[content],
        PlanePositionSequence=[item(ImagePositionPatient=[number(v) for v in grid.positions[i]])],
    )
    if slopes is not None:
        made.PixelValueTransformationSequence = [item(**store.rescale(slopes(i)))]
    return made


def _dimensions(times: int) -> list[Dataset]:
    pointers = [0x00209056, 0x00209128, 0x00209057] if times > 1 else [0x00209056, 0x00209057]
    return [
        item(
            DimensionOrganizationUID=uid("dimensions"), DimensionIndexPointer=pointer, FunctionalGroupPointer=0x00209111
        )
        for pointer in pointers
    ]


def write_film(
    path: Path, values: NDArray, store: Store, *, modality: str, coding: Coding = PLAIN, **attributes: Any
) -> Path:
    """Frames (n, H, W) without a place in the patient."""
    about: dict[str, Any] = {
        "SOPClassUID": CLASSES[modality],
        "Modality": modality,
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "FrameTime": number(40.0),
        "FrameIncrementPointer": 0x00181063,
        **store.attributes(),
    }
    return write(path, store.numbers(values), coding=coding, frames=True, **{**about, **attributes})
