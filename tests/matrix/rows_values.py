"""Rows about what numbers mean: presentation, modality and VOI LUT, rescale, padding, types of number, colour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.uid import (
    MultiFrameSingleBitSecondaryCaptureImageStorage,
    ParametricMapStorage,
    SecondaryCaptureImageStorage,
)

from matrix.codings import CODINGS, subsampled
from matrix.grid import Array, stacked
from matrix.objects import CLASSES, item, number, write, write_series
from matrix.phantom import Scale, Truth
from matrix.row import Row
from matrix.rows_series import HU, PLAIN, series_row
from matrix.store import BYTES, CT_SIGNED, Store

FILM = stacked(slices=1)
FLAT = (Truth(FILM),)
TWELVE = Scale(0.0, 4095.0)
EIGHT = Scale(0.0, 255.0)
RED_GREEN_BLUE = ((1.0, 0.0), (-1.0, 255.0), (0.5, 40.0))
PET_SLOPES = (0.5, 0.4, 0.25, 0.8, 1.0, 0.2, 0.5, 0.4, 2.0)


def _image(
    name: str,
    store: Store,
    scale: Scale = TWELVE,
    *,
    modality: str = "DX",
    row: dict[str, Any] | None = None,
    **attributes: Any,
) -> Row:
    """One image without a place in the patient, of which the detector's spacing is known."""

    def write_it(folder: Path, values: Sequence[Array]) -> None:
        about = {"SOPClassUID": CLASSES[modality], "Modality": modality, **store.attributes(), **attributes}
        spacing = {"ImagerPixelSpacing": [number(v) for v in FILM.spacing]} if modality == "DX" else {}
        write(folder / "image.dcm", store.numbers(values[0][0]), **{**spacing, **about})

    options = {"kind": "film", "unit": "values", "spacing": modality == "DX", **(row or {})}
    return Row(name, FLAT, scale, write_it, **options)


def _lut(values: Sequence[int], first: int = 0, bits: int = 16) -> dict[str, Any]:
    return {"LUTDescriptor": [len(values), first, bits], "LUTData": np.asarray(values, np.uint16).tobytes()}


MODALITY_LUT = {"ModalityLUTSequence": [item(**_lut([2 * i + 100 for i in range(4096)]), ModalityLUTType="US")]}
VOI_LUT = {"VOILUTSequence": [item(**_lut([65535 - 16 * i for i in range(4096)]))]}
WINDOW = {"WindowCenter": "40", "WindowWidth": "400"}


def _padded(folder: Path, values: Sequence[Array]) -> None:
    """Outside the scanner's circle stands -2000, which is no HU."""
    rows, columns = np.indices((PLAIN.rows, PLAIN.columns))
    outside = (rows - 15.5) ** 2 / 17**2 + (columns - 19.5) ** 2 / 21**2 > 1
    stored = np.where(outside, -2000 + CT_SIGNED.intercept, values[0])
    about = {"PixelPaddingValue": -2000}
    write_series(folder, stored, PLAIN, CT_SIGNED, each=lambda i: about)


def _pet(folder: Path, values: Sequence[Array]) -> None:
    store = Store(np.uint16, 16, kind="")
    about = {"Units": "BQML", "ImageType": ["ORIGINAL", "PRIMARY"], "DecayCorrection": "START"}
    write_series(folder, values[0], PLAIN, store, modality="PT", slopes=lambda i: PET_SLOPES[i], **about)


def _real(name: str, dtype: type[np.floating]) -> Row:
    """A parametric map, which is where DICOM has floating-point pixels."""
    store = Store(dtype, rescaled=False)

    def write_it(folder: Path, values: Sequence[Array]) -> None:
        size = np.dtype(dtype).itemsize
        about = {"SOPClassUID": ParametricMapStorage, "Modality": "MR", "BitsAllocated": 8 * size}
        write(folder / "map.dcm", store.numbers(values[0]), frames=True, **about)

    row = {"kind": "film", "unit": "values", "spacing": False}
    return Row(name, (Truth(stacked(slices=4)),), Scale(0.0, 1.0, 0.05), write_it, expected="right|parametric", **row)


def _one_bit(folder: Path, values: Sequence[Array]) -> None:
    bits = np.packbits(values[0][0].astype(np.uint8).reshape(-1), bitorder="little")
    about = {"SOPClassUID": MultiFrameSingleBitSecondaryCaptureImageStorage, "Modality": "OT", "BitsAllocated": 1}
    about |= {"BitsStored": 1, "HighBit": 0, "PixelRepresentation": 0, "Rows": 32, "Columns": 40}
    write(folder / "bits.dcm", bits.reshape(1, 1, -1), frames=True, **about)


def _painted(values: Array) -> Array:
    return np.rint(np.stack([a * values + b for a, b in RED_GREEN_BLUE], axis=-1))


def _ybr(rgb: Array) -> Array:
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    y = 0.299 * r + 0.587 * g + 0.114 * b
    blue, red = -0.168736 * r - 0.331264 * g + 0.5 * b + 128, 0.5 * r - 0.418688 * g - 0.081312 * b + 128
    return np.clip(np.rint(np.stack([y, blue, red], axis=-1)), 0, 255)


def _colour_row(name: str, write_it: Any, *, within: float = 1.0, soft: bool = False, **more: Any) -> Row:
    options: dict[str, Any] = {"kind": "film", "unit": "values", "spacing": False, "channels": RED_GREEN_BLUE}
    return Row(name, FLAT, EIGHT, write_it, within=within, soft=soft, **options, **more)


SECONDARY = {"SOPClassUID": SecondaryCaptureImageStorage, "Modality": "OT", **BYTES.attributes()}


def _rgb(folder: Path, values: Sequence[Array]) -> None:
    write(folder / "a.dcm", _painted(values[0][0]).astype(np.uint8), **SECONDARY)


def _planes(folder: Path, values: Sequence[Array]) -> None:
    pixels = np.moveaxis(_painted(values[0][0]), -1, 0).astype(np.uint8)
    write(folder / "a.dcm", pixels.reshape(32, 40, 3), PlanarConfiguration=1, **SECONDARY)


def _palette(folder: Path, values: Sequence[Array]) -> None:
    table = _painted(np.arange(256.0)).astype(np.uint16)
    about: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for i, name in enumerate(("Red", "Green", "Blue")):
        about[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        about[f"{name}PaletteColorLookupTableData"] = (table[:, i] * 257).tobytes()
    write(folder / "a.dcm", values[0][0].astype(np.uint8), **SECONDARY, **about)


def _ybr_full(folder: Path, values: Sequence[Array]) -> None:
    pixels = _ybr(_painted(values[0][0])).astype(np.uint8)
    write(folder / "a.dcm", pixels, PhotometricInterpretation="YBR_FULL", **SECONDARY)


def _ybr_422(folder: Path, values: Sequence[Array]) -> None:
    pairs = subsampled(_ybr(_painted(values[0][0])))
    about = {"PhotometricInterpretation": "YBR_FULL_422", "Rows": 32, "Columns": 40, "SamplesPerPixel": 3}
    write(folder / "a.dcm", pairs.reshape(32, -1), PlanarConfiguration=0, **SECONDARY, **about)


def _jpeg_colour(folder: Path, values: Sequence[Array]) -> None:
    pixels = _painted(values[0][0]).astype(np.uint8)
    write(folder / "a.dcm", pixels, coding=CODINGS["JPEG baseline"], **SECONDARY)


INVERTED = Store(np.uint16, 12, slope=-1.0, intercept=4095.0, rescaled=False)
LOOKED_UP = Store(np.uint16, 12, slope=2.0, intercept=100.0, rescaled=False, more=MODALITY_LUT)
LONG = Store(np.uint32, 32, rescaled=False)
ROWS = (
    series_row("signed numbers", store=CT_SIGNED),
    series_row("12 bits of 16, the others not empty", store=Store(np.uint16, 12, intercept=-1024.0, garbage=True)),
    series_row(
        "slope and intercept that are not whole",
        store=Store(np.uint16, 16, slope=0.25, intercept=-1024.5),
        row={"within": 0.5},
    ),
    series_row("CT without rescale", store=Store(np.int16, 16, rescaled=False)),
    series_row("CT with a window and a VOI LUT", each=lambda i: {**WINDOW, **VOI_LUT}),
    series_row("CT stored as MONOCHROME1", PhotometricInterpretation="MONOCHROME1"),
    Row("padding of -2000 beside HU", (Truth(PLAIN),), HU, _padded, outside=-1024.0, marked=True),
    Row(
        "PET, rescaled by another slope in each slice",
        (Truth(PLAIN),),
        Scale(0.0, 4000.0, 20.0),
        _pet,
        unit="Bq/ml",
        soft=True,
    ),
    _image("radiograph, MONOCHROME2", Store(np.uint16, 12, rescaled=False)),
    _image("radiograph, MONOCHROME1", INVERTED, PhotometricInterpretation="MONOCHROME1"),
    _image("radiograph with a modality LUT", LOOKED_UP, Scale(100.0, 8290.0, 2.0)),
    _image("radiograph with a VOI LUT", Store(np.uint16, 12, rescaled=False), **VOI_LUT),
    _image("numbers of 32 bits", LONG, Scale(0.0, 4e6), modality="OT", row={"expected": "right|32"}),
    Row(
        "numbers of 1 bit",
        FLAT,
        Scale(0.0, 1.0),
        _one_bit,
        kind="film",
        spacing=False,
        unit="values",
        expected="right|bit",
    ),
    _real("floating-point numbers", np.float32),
    _real("floating-point numbers of double length", np.float64),
    _colour_row("RGB", _rgb, within=0.5),
    _colour_row("RGB by planes", _planes, within=0.5),
    _colour_row("palette", _palette, scales=(1.0, 257.0)),
    _colour_row("YBR_FULL", _ybr_full, within=2.5),
    _colour_row("YBR_FULL_422", _ybr_422, within=4.0, soft=True),
    _colour_row("JPEG baseline in colour", _jpeg_colour, within=6.0, soft=True),
)
