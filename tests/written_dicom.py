"""DICOM files made for tests: one image, a stack of slices anywhere in the patient, or masks of one."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    RTStructureSetStorage,
    SegmentationStorage,
)

HU = {"RescaleSlope": 1, "RescaleIntercept": -1024, "RescaleType": "HU"}
FRAME = "2.25.77"


def number(value: float) -> str:
    """A decimal string of at most 16 characters, as DICOM wants."""
    return f"{value:.10g}"[:16]


def written(path: Path, pixels: NDArray, **attributes: Any) -> Path:
    """A DICOM file with these pixels, (H, W) or (H, W, 3); attributes overrule the defaults, None removes one."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = attributes.get("SOPClassUID", CTImageStorage)
    made = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    bits = pixels.dtype.itemsize * 8
    colour = pixels.ndim == 3
    defaults: dict[str, Any] = {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": f"2.25.{abs(hash(path.name)) + 1}",
        "SeriesInstanceUID": "2.25.11",
        "StudyInstanceUID": "2.25.12",
        "PatientID": "SECRET-4711",
        "PatientName": "Secret^Name",
        "Modality": "CT",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 3 if colour else 1,
        "PhotometricInterpretation": "RGB" if colour else "MONOCHROME2",
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": (attributes.get("BitsStored") or bits) - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "PixelData": np.ascontiguousarray(pixels).astype(pixels.dtype.newbyteorder("<")).tobytes(),
    }
    if colour:
        defaults["PlanarConfiguration"] = 0
    for keyword, value in {**defaults, **attributes}.items():
        if value is not None:
            setattr(made, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.save_as(path, enforce_file_format=True)
    return path


def write_stack(
    folder: Path,
    stored: NDArray,
    *,
    first_mm: ArrayLike = (0.0, 0.0, 0.0),
    right: ArrayLike = (1.0, 0.0, 0.0),
    down: ArrayLike = (0.0, 1.0, 0.0),
    steps_mm: ArrayLike | float = 2.0,
    lean_degrees: float = 0.0,
    lean_to: str = "down",
    spacing: tuple[float, float] = (0.8, 0.5),
    order: Sequence[int] | None = None,
    prefix: str = "",
    each: Callable[[int], dict[str, Any]] = lambda i: {},
    **attributes: Any,
) -> Path:
    """Slices (D, H, W) along right x down from `first_mm`; `order` says which slice gets which file name.

    A stack that leans moves towards `down` (or "right") from slice to slice, as one of a tilted gantry does. `prefix`
    goes before the file names, so that several stacks fit into one folder; `each` gives what slice i alone says.
    """
    normal = np.cross(right, down)
    uid = zlib.crc32(prefix.encode()) if prefix else 1
    steps = np.broadcast_to(np.asarray(steps_mm, dtype=np.float64), len(stored) - 1)
    depths = np.concatenate([[0.0], np.cumsum(steps)])
    direction = normal + np.tan(np.radians(lean_degrees)) * np.asarray(down if lean_to == "down" else right)
    for name, i in enumerate(order if order is not None else range(len(stored))):
        position = np.asarray(first_mm) + depths[i] * direction
        place = {
            "ImagePositionPatient": [number(v) for v in position],
            "ImageOrientationPatient": [number(v) for v in (*np.asarray(right), *np.asarray(down))],
            "PixelSpacing": [number(v) for v in spacing],
            "FrameOfReferenceUID": FRAME,
            "SOPInstanceUID": f"2.25.{uid}000{i}",
            "InstanceNumber": name + 1,
            **HU,
        }
        written(folder / f"{prefix}{name:03d}.dcm", stored[i], **{**place, **attributes, **each(i)})
    return folder


def write_enhanced(
    path: Path,
    stored: NDArray,
    *,
    first_mm: ArrayLike = (0.0, 0.0, 0.0),
    right: ArrayLike = (1.0, 0.0, 0.0),
    down: ArrayLike = (0.0, 1.0, 0.0),
    step_mm: ArrayLike = (0.0, 0.0, 2.0),
    spacing: tuple[float, float] = (0.8, 0.5),
    order: Sequence[int] | None = None,
    places: Sequence[int] | None = None,
    each: Callable[[int], dict[str, dict[str, Any]]] = lambda i: {},
    **attributes: Any,
) -> Path:
    """An enhanced CT of slices (D, H, W), each `step_mm` (x, y, z) from the one before; `order` is the frames'.

    `places` says how many steps from the first each slice is, where several share one place; `each` gives what slice i
    alone says, by functional group.
    """
    frames = list(order if order is not None else range(len(stored)))
    shared, per_frame = Dataset(), []
    shared.PixelMeasuresSequence = [_item(PixelSpacing=[number(v) for v in spacing])]
    shared.PlaneOrientationSequence = [
        _item(ImageOrientationPatient=[number(v) for v in (*np.asarray(right), *np.asarray(down))])
    ]
    shared.PixelValueTransformationSequence = [_item(**HU)]
    for i in frames:
        position = np.asarray(first_mm) + (i if places is None else places[i]) * np.asarray(step_mm)
        own: dict[str, dict[str, Any]] = {
            "FrameContentSequence": {"DimensionIndexValues": [i + 1]},
            "PlanePositionSequence": {"ImagePositionPatient": [number(v) for v in position]},
        }
        for group, said in each(i).items():
            own[group] = {**own.get(group, {}), **said}
        per_frame.append(_item(**{group: [_item(**said)] for group, said in own.items()}))
    about: dict[str, Any] = {
        "SOPClassUID": EnhancedCTImageStorage,
        "FrameOfReferenceUID": FRAME,
        "NumberOfFrames": len(frames),
        "Rows": stored.shape[1],
        "Columns": stored.shape[2],
        "PixelData": np.ascontiguousarray(stored[frames]).astype(stored.dtype.newbyteorder("<")).tobytes(),
        "SharedFunctionalGroupsSequence": [shared],
        "PerFrameFunctionalGroupsSequence": per_frame,
        "DimensionOrganizationSequence": [_item(DimensionOrganizationUID="2.25.5")],
        "DimensionIndexSequence": [
            _item(
                DimensionOrganizationUID="2.25.5", DimensionIndexPointer=0x00200032, FunctionalGroupPointer=0x00209113
            )
        ],
    }
    return written(path, stored[0], **{**about, **attributes})


def write_seg(
    path: Path,
    masks: Mapping[int, NDArray],
    *,
    kind: str = "BINARY",
    names: Mapping[int, str] | None = None,
    slices: Sequence[int] | None = None,
    first_mm: ArrayLike = (0.0, 0.0, 0.0),
    right: ArrayLike = (1.0, 0.0, 0.0),
    down: ArrayLike = (0.0, 1.0, 0.0),
    step_mm: ArrayLike = (0.0, 0.0, 2.0),
    spacing: tuple[float, float] = (0.8, 0.5),
    **attributes: Any,
) -> Path:
    """A DICOM SEG of masks (D, H, W) by segment number, of which `slices` are stored (all by default).

    Of a LABELMAP the pixels hold the numbers; of a FRACTIONAL one the masks are stored as they are, out of 255.
    """
    stored = list(slices if slices is not None else range(len(next(iter(masks.values())))))
    if kind == "LABELMAP":
        together = np.zeros(next(iter(masks.values())).shape, np.uint8)
        for n, mask in masks.items():
            together[mask != 0] = n
        frames, shown = [together[i] for i in stored], [0] * len(stored)
    else:
        frames = [mask[i] for mask in masks.values() for i in stored]
        shown = [n for n in masks for _ in stored]
    shared = Dataset()
    shared.PixelMeasuresSequence = [_item(PixelSpacing=[number(v) for v in spacing])]
    shared.PlaneOrientationSequence = [
        _item(ImageOrientationPatient=[number(v) for v in (*np.asarray(right), *np.asarray(down))])
    ]
    per_frame = []
    for at, segment in enumerate(shown):
        position = np.asarray(first_mm) + stored[at % len(stored)] * np.asarray(step_mm)
        plane = _item(ImagePositionPatient=[number(v) for v in position])
        group = _item(FrameContentSequence=[_item()], PlanePositionSequence=[plane])
        if segment:
            group.SegmentIdentificationSequence = [_item(ReferencedSegmentNumber=segment)]
        per_frame.append(group)
    pixels = np.stack(frames).astype(np.uint8)
    bits = 1 if kind == "BINARY" else 8
    content = np.packbits(pixels.reshape(-1) != 0, bitorder="little").tobytes() if bits == 1 else pixels.tobytes()
    about: dict[str, Any] = {
        "SOPClassUID": SegmentationStorage if kind != "LABELMAP" else "1.2.840.10008.5.1.4.1.1.66.7",
        "Modality": "SEG",
        "FrameOfReferenceUID": FRAME,
        "SegmentationType": kind,
        "MaximumFractionalValue": 255 if kind == "FRACTIONAL" else None,
        "SegmentSequence": [_item(SegmentNumber=n, SegmentLabel=(names or {}).get(n, f"segment {n}")) for n in masks],
        "NumberOfFrames": len(frames),
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelData": content + b"\0" * (len(content) % 2),
        "SharedFunctionalGroupsSequence": [shared],
        "PerFrameFunctionalGroupsSequence": per_frame,
    }
    return written(path, pixels[0], **{**about, **attributes})


def write_rtstruct(
    path: Path,
    rois: Mapping[int, Sequence[NDArray]],
    *,
    names: Mapping[int, str] | None = None,
    kind: str = "CLOSED_PLANAR",
    reference: str = FRAME,
    **attributes: Any,
) -> Path:
    """A DICOM RTSTRUCT of contours (n, 3) in mm, by ROI number."""
    listed, drawn = [], []
    for roi, contours in rois.items():
        name = (names or {}).get(roi, f"roi {roi}")
        listed.append(_item(ROINumber=roi, ROIName=name, ReferencedFrameOfReferenceUID=reference))
        items = [
            _item(
                ContourGeometricType=kind,
                NumberOfContourPoints=len(points),
                ContourData=[number(v) for v in np.asarray(points, dtype=np.float64).reshape(-1)],
            )
            for points in contours
        ]
        drawn.append(_item(ReferencedROINumber=roi, ContourSequence=items))
    pixels = ("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored")
    about: dict[str, Any] = {
        "SOPClassUID": RTStructureSetStorage,
        "Modality": "RTSTRUCT",
        "StructureSetROISequence": listed,
        "ROIContourSequence": drawn,
        **dict.fromkeys((*pixels, "HighBit", "PixelRepresentation", "PixelData")),
    }
    return written(path, np.zeros((1, 1), np.uint8), **{**about, **attributes})


def _item(**attributes: Any) -> Dataset:
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made
