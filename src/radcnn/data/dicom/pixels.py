"""What the pixels of one DICOM image mean: stored numbers through the modality LUT, in their unit.

    CT      Hounsfield units, float32 (slope and intercept of each slice)
    PET     the stored unit (usually Bq/ml), float32
    other gray  numbers after the modality LUT: in their stored type where it changes nothing, else float32
    colour  RGB; YBR and palettes converted

MONOCHROME1 (PS3.3 C.7.6.3.1.2) shows its smallest value white. Where values have no physical unit, such an image is
turned over within its range, v' = lowest + highest - v, so that larger always means brighter, as in MONOCHROME2. HU
and PET values are measurements whatever they are shown like; they stay. Window and VOI LUT are the viewer's and are
not applied.

Padding (PixelPaddingValue, to PixelPaddingRangeLimit where it is given) was not measured: in single images and series
it takes the lowest value of the image or series that is not padding, in CT at least -1024 HU. Colour has none, and that
of enhanced multi-frame images stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import ReadError
from radcnn.core.volume import Units
from radcnn.data.dicom.header import NO_IMAGES, sop_class, text
from radcnn.data.dicom.padding import padded
from radcnn.data.quiet import quiet

MAX_PIXELS = 100_000_000  # rows x columns of a frame; the largest mammograms have 30 million
MAX_VOXELS = 2_000_000_000  # of all frames together; 8 GiB in float32
GREY = ("MONOCHROME1", "MONOCHROME2")
PALETTE = "PALETTE COLOR"
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
PROJECTIONS = ("CR", "DX", "DR", "MG", "RG", "XA", "RF", "IO", "PX", "OT", "SC", "US", "XC", "ES", "GM")


def refuse_no_image(path: Path, dataset: Any) -> None:
    """Raise ReadError when an object is no image that can be read, saying what it is."""
    kind = sop_class(dataset)
    if kind in NO_IMAGES:
        raise ReadError(f"{path.name} is {NO_IMAGES[kind]}")
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise ReadError(f"{path.name} holds floating-point pixels, which are not read; convert it to NIfTI")
    if "Rows" not in dataset or "PixelData" not in dataset:
        raise ReadError(_without_pixels(path, kind))
    _refuse_size(path, dataset)


def _without_pixels(path: Path, kind: str) -> str:
    from pydicom.uid import UID

    name = UID(kind).name
    if name.endswith("Image Storage"):
        return f"{path.name} was stored without its pixels ({name}); export it again"
    said = name if name != kind else "an object of an unknown kind"
    return f"{path.name} holds no image ({said}); leave it out, or give the image it belongs to"


def _refuse_size(path: Path, dataset: Any) -> None:
    rows, columns = int(dataset.Rows or 0), int(dataset.get("Columns") or 0)
    n = frames(dataset)
    if not (0 < rows * columns <= MAX_PIXELS and 0 < rows * columns * n <= MAX_VOXELS):
        raise ReadError(
            f"{path.name} claims {rows} x {columns} pixels in {n} {'frame' if n == 1 else 'frames'}; read are 1 to "
            f"{MAX_PIXELS:,} pixels per frame and {MAX_VOXELS:,} together"
        )
    if not text(dataset, "PhotometricInterpretation"):
        raise ReadError(f"{path.name} does not say what its pixels mean (PhotometricInterpretation); export it again")


def frames(dataset: Any) -> int:
    """Number of frames; 1 where it is not said."""
    return int(dataset.get("NumberOfFrames") or 1)


@dataclass(frozen=True, eq=False)
class Pixels:
    """Values (1, H, W) or (3, H, W) of a single-frame image, their units, and which pixels (H, W) are padding."""

    values: NDArray
    units: Units
    padding: NDArray[np.bool_] | None = None


def pixels_of(path: Path, dataset: Any) -> Pixels:
    """What the pixels of a single-frame image mean; padding is still in its place.

    Raises ReadError when the pixels cannot be decoded or their meaning is not supported.
    """
    meaning = text(dataset, "PhotometricInterpretation")
    if meaning not in (*GREY, PALETTE, *COLOURS):
        raise ReadError(f"{path.name} has the pixel meaning {meaning[:20]!r}, which is not supported; export it as RGB")
    stored = _decoded(path, dataset)
    if meaning == PALETTE:
        return Pixels(_colour(path, _palette(path, dataset, stored)), "rgb")
    if meaning in COLOURS:
        return Pixels(_colour(path, stored), "rgb")
    if stored.ndim != 2:
        raise ReadError(f"{path.name} says gray but has pixels of shape {stored.shape}; export it again")
    stored = _only_stored_bits(path, dataset, stored)
    units = units_of(dataset)
    try:
        mapped = _mapped(dataset, stored)
        if meaning == "MONOCHROME1" and units not in ("HU", "PET"):
            mapped = _turned(dataset, mapped)
    except Exception:
        raise ReadError(f"{path.name} has a modality LUT or rescale that cannot be used; export it again") from None
    mapped = mapped.astype(np.float32) if units in ("HU", "PET") else mapped
    return Pixels(mapped[None], units, padded(path, dataset, stored))


def _decoded(path: Path, dataset: Any) -> NDArray:
    """Pixels (H, W) or (H, W, 3) as stored, in native byte order; YBR as RGB."""
    from pydicom.pixels import pixel_array

    syntax = getattr(dataset.file_meta.get("TransferSyntaxUID"), "name", "unknown")
    with quiet():
        try:
            found = pixel_array(dataset)
        except Exception as cause:
            raise ReadError(
                f"{path.name} is damaged, truncated or in a coding that is not supported: its pixels ({syntax}) cannot "
                f"be decoded ({type(cause).__name__}); copy it again, or export it uncompressed"
            ) from None
    pixels: NDArray = found.astype(found.dtype.newbyteorder("="), copy=False)
    return pixels


def _only_stored_bits(path: Path, dataset: Any, stored: NDArray) -> NDArray:
    """Numbers without what may lie in the unused high bits of a pixel (old overlays), sign extended."""
    bits, high = int(dataset.BitsStored), int(dataset.HighBit)
    allocated = stored.dtype.itemsize * 8
    if bits == allocated or bits == 1:
        return stored
    if high != bits - 1 or not 0 < bits < allocated:
        raise ReadError(f"{path.name} stores {bits} bits ending at bit {high} of {allocated}; export it again")
    free = allocated - bits
    # a shift up drops the high bits, a shift down of the signed type brings the sign back
    return (stored << free) >> free


def _palette(path: Path, dataset: Any, stored: NDArray) -> NDArray:
    from pydicom.pixels import apply_color_lut

    with quiet():
        try:
            found: NDArray = apply_color_lut(stored, dataset)
        except Exception:
            raise ReadError(f"{path.name} has a palette that cannot be used; export it as RGB") from None
    return found[..., :3]


def _colour(path: Path, pixels: NDArray) -> NDArray:
    if pixels.ndim != 3 or pixels.shape[-1] != 3:
        raise ReadError(f"{path.name} says colour but has pixels of shape {pixels.shape}; export it as RGB")
    return np.ascontiguousarray(np.moveaxis(pixels, -1, 0))


def units_of(dataset: Any) -> Units:
    """What the numbers after the modality LUT are."""
    modality, rescale = text(dataset, "Modality"), text(dataset, "RescaleType")
    if modality == "CT":
        # RescaleType is optional and then HU; dual-energy maps say something else (PS3.3 C.11.1.1.2)
        return "HU" if "RescaleSlope" in dataset and rescale in ("", "HU") else "arbitrary"
    if modality == "PT":
        return "PET" if "RescaleSlope" in dataset else "arbitrary"
    return "grey" if modality in PROJECTIONS else "arbitrary"


def _mapped(dataset: Any, stored: NDArray) -> NDArray:
    """The modality LUT or rescale applied; the stored type where they change nothing, else float32 or the LUT's."""
    if dataset.get("ModalityLUTSequence"):
        from pydicom.pixels import apply_modality_lut

        looked_up: NDArray = apply_modality_lut(stored, dataset)
        return looked_up
    slope, intercept = _rescale(dataset)
    if (slope, intercept) == (1.0, 0.0):
        return stored
    return (stored * slope + intercept).astype(np.float32)


def _rescale(dataset: Any) -> tuple[float, float]:
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    found = (1.0 if slope is None else float(slope), 0.0 if intercept is None else float(intercept))
    if not np.isfinite(found).all() or found[0] == 0:
        raise ValueError("rescale")
    return found


def _turned(dataset: Any, mapped: NDArray) -> NDArray:
    """v' = lowest + highest - v, over the range that the stored bits can take after the modality LUT."""
    if dataset.get("ModalityLUTSequence"):
        bits = int(dataset.ModalityLUTSequence[0].LUTDescriptor[2])
        ends = (0.0, float(2**bits - 1))
    else:
        bits, signed = int(dataset.BitsStored), int(dataset.PixelRepresentation)
        stored = np.array([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] if signed else [0, 2**bits - 1], dtype=np.float64)
        slope, intercept = _rescale(dataset)
        ends = tuple(stored * slope + intercept)
    if mapped.dtype.kind == "f":
        return (ends[0] + ends[1] - mapped).astype(mapped.dtype)
    # whole numbers: the sum may not fit into the type, the difference does
    return (int(ends[0] + ends[1]) - mapped.astype(np.int64)).astype(mapped.dtype)
