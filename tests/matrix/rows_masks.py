"""Rows about labels: DICOM SEG and RTSTRUCT beside their image, in its frame of reference and in another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import RTStructureSetStorage, SegmentationStorage

from matrix.grid import Array, stacked, turned
from matrix.objects import FRAME, item, number, uid, write, write_series
from matrix.phantom import Phantom, Truth
from matrix.row import MaskRow
from matrix.rows_series import HU
from matrix.store import CT

_right, _down = turned(about_z=12.0)
GRID = stacked(right=_right, down=_down, spacing=(0.8, 0.7))
TRUTH = Truth(GRID)
BOX = np.zeros((9, 32, 40), np.uint8)
BOX[2:6, 5:14, 8:29] = 1
BOX[6, 9:14, 8:18] = 1
ELSEWHERE = "2.25.701"


def _image(folder: Path) -> None:
    write_series(folder / "image", Phantom(HU, (TRUTH,)).values("levels", TRUTH), GRID, CT)


def _segmentation(folder: Path, *, frame: str = FRAME, shift_mm: float = 0.0) -> None:
    """Only the slices that hold something, last first, as segmentation programs write them."""
    _image(folder)
    slices = [i for i in reversed(range(9)) if BOX[i].any()]
    measures = item(PixelSpacing=[number(v) for v in GRID.spacing], SliceThickness="2.5", SpacingBetweenSlices="2.5")
    orientation = item(ImageOrientationPatient=[number(v) for v in (*GRID.right, *GRID.down)])
    shared = item(PixelMeasuresSequence=[measures], PlaneOrientationSequence=[orientation])
    about = {
        "SOPClassUID": SegmentationStorage,
        "Modality": "SEG",
        "SeriesInstanceUID": uid("segmentation"),
        "FrameOfReferenceUID": frame,
        "ImageType": ["DERIVED", "PRIMARY"],
        "SegmentationType": "BINARY",
        "SegmentSequence": [_segment()],
        "BitsAllocated": 1,
        "BitsStored": 1,
        "HighBit": 0,
        "PixelRepresentation": 0,
        "LossyImageCompression": "00",
        "ContentLabel": "SEG",
        "ContentDescription": "",
        "ContentCreatorName": "",
        "Rows": GRID.rows,
        "Columns": GRID.columns,
        "SharedFunctionalGroupsSequence": [shared],
        "PerFrameFunctionalGroupsSequence": [_frame(i, slices, shift_mm) for i in slices],
        "DimensionOrganizationSequence": [item(DimensionOrganizationUID=uid("dimensions"))],
        "DimensionIndexSequence": [_index(0x0062000B, 0x0062000A), _index(0x00200032, 0x00209113)],
    }
    bits = np.packbits(BOX[slices].reshape(len(slices), -1), axis=1, bitorder="little")
    write(folder / "mask.dcm", bits[:, None], frames=True, **about)


def _segment() -> Any:
    code = item(CodeValue="10200004", CodingSchemeDesignator="SCT", CodeMeaning="Liver")
    return item(
        SegmentNumber=1,
        SegmentLabel="box",
        SegmentAlgorithmType="MANUAL",
        SegmentedPropertyCategoryCodeSequence=[code],
        SegmentedPropertyTypeCodeSequence=[code],
    )


def _frame(i: int, slices: list[int], shift_mm: float) -> Any:
    position = GRID.positions[i] + shift_mm * GRID.right
    return item(
        FrameContentSequence=[item(DimensionIndexValues=[1, sorted(slices).index(i) + 1])],
        PlanePositionSequence=[item(ImagePositionPatient=[number(v) for v in position])],
        SegmentIdentificationSequence=[item(ReferencedSegmentNumber=1)],
    )


def _index(pointer: int, group: int) -> Any:
    return item(DimensionOrganizationUID=uid("dimensions"), DimensionIndexPointer=pointer, FunctionalGroupPointer=group)


def _structures(folder: Path, *, frame: str = FRAME) -> None:
    """One closed contour around the pixels of each slice, along their edges."""
    _image(folder)
    contours = [
        item(ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=len(points), ContourData=_text(points))
        for points in (_outline(i) for i in range(9) if BOX[i].any())
    ]
    about: dict[str, Any] = {
        "SOPClassUID": RTStructureSetStorage,
        "Modality": "RTSTRUCT",
        "SeriesInstanceUID": uid("structures"),
        "FrameOfReferenceUID": frame,
        "StructureSetLabel": "boxes",
        "ReferencedFrameOfReferenceSequence": [item(FrameOfReferenceUID=frame)],
        "StructureSetROISequence": [item(ROINumber=1, ROIName="box", ReferencedFrameOfReferenceUID=frame)],
        "ROIContourSequence": [item(ReferencedROINumber=1, ContourSequence=contours)],
    }
    pixels = ("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation")
    path = write(folder / "mask.dcm", np.zeros((1, 2), np.uint8), **about, **dict.fromkeys(pixels))
    _without_pixels(path)


def _without_pixels(path: Path) -> None:
    from pydicom import dcmread

    dataset = dcmread(path)
    del dataset.PixelData
    dataset.save_as(path, overwrite=True)


def _outline(i: int) -> Array:
    """The corners in mm of the rectangle of pixels in slice i."""
    rows, columns = np.nonzero(BOX[i])
    top, bottom = rows.min() - 0.5, rows.max() + 0.5
    left, right = columns.min() - 0.5, columns.max() + 0.5
    corners = [(i, top, left), (i, top, right), (i, bottom, right), (i, bottom, left)]
    return GRID.world(np.array(corners))


def _text(points: Array) -> list[str]:
    return [number(v) for v in points.reshape(-1)]


def _mask_row(name: str, write_it: Any, expected: str = "right", mask: NDArray = BOX) -> MaskRow:
    return MaskRow(name, TRUTH, mask, write_it, expected)


OTHER = "frame of reference|reference"
ROWS = (
    _mask_row("SEG as label", _segmentation),
    _mask_row("SEG of another frame of reference", lambda f: _segmentation(f, frame=ELSEWHERE), OTHER),
    _mask_row("SEG moved by half a pixel", lambda f: _segmentation(f, shift_mm=0.35), "mm"),
    _mask_row("RTSTRUCT as label", _structures),
    _mask_row("RTSTRUCT of another frame of reference", lambda f: _structures(f, frame=ELSEWHERE), OTHER),
)
