"""What the pixels of one DICOM frame mean: stored numbers through the modality LUT, in their unit.

    CT      Hounsfield units, float32 (slope and intercept of each slice or frame)
    PET     the stored unit (usually Bq/ml), float32
    other gray  numbers after the modality LUT: in their stored type where it changes nothing, else float32
    colour  RGB; YBR and palettes converted

A Frame is asked, so a file of one image and each frame of a multi-frame object go one path. Real world value maps are
not applied: they give several units to one image.

MONOCHROME1 (PS3.3 C.7.6.3.1.2) shows its smallest value white. Where values have no physical unit, such an image is
turned over within its range, v' = lowest + highest - v, so that larger always means brighter, as in MONOCHROME2. HU
and PET values are measurements whatever they are shown like; they stay. PresentationLUTShape says the same a second
time; where the two differ, the one that says white counts, once, and a finding says so.

Window and VOI LUT are the viewer's and are not applied unless asked for (`voi`): then gray values without a unit come
as float32 from 0 to 1 (see voi.py), and what has a unit, is colour or has no window is refused by name, because a
cohort with some images windowed and others not would be worse than none.

Padding (PixelPaddingValue, to PixelPaddingRangeLimit where it is given) was not measured; see padding.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import ReadError
from radcnn.core.volume import Units
from radcnn.data.dicom.colour import colour_dtype, rgb_into
from radcnn.data.dicom.decoding import stored_of
from radcnn.data.dicom.frame import Frame
from radcnn.data.dicom.grey import Grey, map_into
from radcnn.data.dicom.header import text
from radcnn.data.dicom.layout import EXPLICIT_BIG, GREY, JPEG_2000, PIXELS, Layout, frames, layout_of
from radcnn.data.dicom.lut import Table, table_of
from radcnn.data.dicom.padding import Padding, lowest_of, padded, padding_of
from radcnn.data.dicom.refusing import refusing
from radcnn.data.dicom.voi import Curve, voi_of
from radcnn.data.findings import Finding, finding

__all__ = [
    "PixelFacts",
    "Pixels",
    "Understood",
    "facts_of",
    "frames",
    "pixel_findings",
    "understood",
    "units_of",
    "values_into",
    "values_of",
]

PROJECTIONS = ("CR", "DX", "DR", "MG", "RG", "XA", "RF", "IO", "PX", "OT", "SC", "US", "XC", "ES", "GM")
PHYSICAL: tuple[Units, ...] = ("HU", "PET")


@dataclass(frozen=True)
class PixelFacts:
    """What is known of the values of a frame before it is decoded; plain values, fit for JSON.

    dtype          of the values, by numpy's name
    padding        whether the image names a padding value
    voi            whether it names a VOI LUT or a window
    ct_unscaled    whether it is a CT without rescale, whose numbers are no HU
    two_polarities whether MONOCHROME1/2 and PresentationLUTShape contradict each other
    finite         whether no value can be NaN or infinite, whatever is stored
    jpeg_2000      whether it is coded in JPEG 2000
    """

    frames: int
    rows: int
    columns: int
    channels: int
    dtype: str
    units: Units
    padding: bool
    voi: bool
    ct_unscaled: bool
    two_polarities: bool
    finite: bool
    jpeg_2000: bool

    @property
    def frame_bytes(self) -> int:
        """What the values of one frame take."""
        return self.rows * self.columns * self.channels * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, eq=False)
class Pixels:
    """Values (1, H, W) or (3, H, W) of one frame, their units, and which pixels (H, W) are padding, still in place."""

    values: NDArray
    units: Units
    padding: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class Understood:
    """One frame whose header was understood once: what its values will be, and how they are decoded.

    grey     what is done to the stored numbers; None for colour
    padding  which stored numbers are padding
    """

    name: str
    frame: Frame
    layout: Layout
    dtype: np.dtype
    units: Units
    grey: Grey | None
    padding: Padding | None

    @property
    def channels(self) -> int:
        """1 for gray, 3 for colour."""
        return 1 if self.grey else 3

    def facts(self) -> PixelFacts:
        """What is worth telling before anything is decoded; raises ReadError for an attribute that means nothing."""
        with refusing(self.name):
            grey, frame = self.grey is not None, self.frame
            return PixelFacts(
                self.layout.frames,
                self.layout.rows,
                self.layout.columns,
                self.channels,
                self.dtype.name,
                self.units,
                self.padding is not None,
                grey and ("VOILUTSequence" in frame or "WindowCenter" in frame),
                grey and text(frame, "Modality") == "CT" and not _rescaled(frame),
                grey and self.units not in PHYSICAL and _polarity(frame, self.layout)[1],
                self.grey is None or self.grey.finite,
                self.layout.syntax in JPEG_2000,
            )

    def into(self, out: NDArray) -> tuple[float | None, NDArray[np.bool_] | None]:
        """Decode straight into `out` (channels, H, W), of this type or of float32; see `values_into`."""
        with refusing(self.name):
            if out.shape != (self.channels, self.layout.rows, self.layout.columns):
                size = f"{self.layout.rows} x {self.layout.columns}"
                raise ReadError(f"{self.name} has {size} pixels, unlike the images before it")
            padding = self._decode(out)
            return lowest_of(out[0] if self.grey else out, padding), padding

    def _decode(self, out: NDArray) -> NDArray[np.bool_] | None:
        """Decode and map; which pixels are padding."""
        stored = stored_of(self.name, self.frame.dataset, self.layout, self.frame.number)
        if self.grey is None:
            rgb_into(self.name, self.frame.dataset, self.layout, stored, out)
            return None
        return self.map(stored, out[0])

    def map(self, stored: NDArray, out: NDArray) -> NDArray[np.bool_] | None:
        """Write the gray values of stored numbers (H, W) into `out` (H, W); which of them are padding, if any are."""
        assert self.grey is not None, "colour is no number"
        map_into(stored, self.grey, out)
        return padded(stored, self.padding)


def understood(name: str, frame: Frame, *, voi: bool = False, with_pixels: bool = True) -> Understood:
    """The header of one frame, understood; nothing is decoded.

    `with_pixels=False` allows a data set that was read without its pixel data, and does not ask how long that is.
    Raises ReadError when the object is no image, too large, truncated or contradicts itself, or its pixels have a
    meaning that is not supported.
    """
    with refusing(name):
        layout = layout_of(name, frame.dataset, with_pixels=with_pixels)
        dtype, units, grey = _meaning(name, frame, layout, voi=voi)
        padding = None if grey is None else padding_of(name, frame, layout)
        return Understood(name, frame, layout, dtype, units, grey, padding)


def facts_of(name: str, frame: Frame, *, voi: bool = False, with_pixels: bool = True) -> PixelFacts:
    """What the values of a frame will be, without decoding it; raises ReadError as `understood`."""
    return understood(name, frame, voi=voi, with_pixels=with_pixels).facts()


def values_of(name: str, frame: Frame, *, voi: bool = False) -> Pixels:
    """The values of one frame; of a multi-frame object only that frame is decoded.

    Raises ReadError as `understood`, or when the pixels cannot be decoded.
    """
    found = understood(name, frame, voi=voi)
    out = np.empty((found.channels, found.layout.rows, found.layout.columns), found.dtype)
    return Pixels(out, found.units, found.into(out)[1])


def values_into(
    name: str, frame: Frame, out: NDArray, *, voi: bool = False
) -> tuple[float | None, NDArray[np.bool_] | None]:
    """Decode one frame straight into `out` (channels, H, W), of the type of its facts or of float32.

    Returns the lowest value that is not padding (None where there is none) and which pixels (H, W) are padding (None
    where no pixel is); padding is still in its place. Raises ReadError as `values_of`.
    """
    return understood(name, frame, voi=voi).into(out)


def pixel_findings(name: str, facts: PixelFacts) -> tuple[Finding, ...]:
    """What is worth knowing about the values of the image called `name`; see `findings`."""
    found = []
    if facts.ct_unscaled:
        said = f"{name} is a CT without RescaleSlope and RescaleIntercept: its numbers are not in HU"
        way_out = "export it again with its rescale, or let no window or threshold in HU touch it"
        found.append(finding("CT without rescale", said, way_out))
    if facts.two_polarities:
        said = (
            f"PhotometricInterpretation and PresentationLUTShape of {name} contradict each other in whether "
            "small values are dark; they were taken for bright, and the image was turned over"
        )
        way_out = "look at it; if air is bright there, have its header corrected"
        found.append(finding("contradictory polarity", said, way_out))
    return tuple(found)


def _meaning(name: str, frame: Frame, layout: Layout, *, voi: bool) -> tuple[np.dtype, Units, Grey | None]:
    """The type and the unit of a frame's values, and what is done to its gray; None for colour."""
    if layout.meaning not in GREY:
        if voi:
            raise ReadError(f"{name} is in colour, which has no values of interest; leave voi out for it")
        return colour_dtype(name, frame.dataset, layout), "rgb", None
    units = units_of(frame)
    if units == "grey" and layout.keyword != PIXELS:
        units = "arbitrary"  # a map of something measured, not a picture
    curve = _asked_voi(name, frame, layout, units) if voi else None
    grey = _grey(name, frame, layout, units, curve)
    return grey.dtype, "grey" if voi else units, grey


def _grey(name: str, frame: Frame, layout: Layout, units: Units, curve: Curve | None) -> Grey:
    try:
        table = _modality_table(frame, layout)
        slope, intercept = (1.0, 0.0) if table is not None else _rescale(frame)
    except MemoryError:
        raise
    except Exception:
        raise ReadError(f"{name} has a modality LUT or rescale that cannot be used; export it again") from None
    inverted = units not in PHYSICAL and _polarity(frame, layout)[0]
    if curve is not None or units in PHYSICAL:
        dtype = np.dtype(np.float32)
    elif table is not None:
        dtype = table.entries.dtype
    else:
        dtype = layout.dtype if (slope, intercept) == (1, 0) else np.dtype(np.float32)
    return Grey(dtype, layout.ends if layout.keyword == PIXELS else None, slope, intercept, table, curve, inverted)


def _modality_table(frame: Frame, layout: Layout) -> Table | None:
    items = frame.get("ModalityLUTSequence")
    return table_of(items[0], little_endian=layout.syntax != EXPLICIT_BIG) if items else None


def _rescale(frame: Frame) -> tuple[float, float]:
    slope, intercept = frame.get("RescaleSlope"), frame.get("RescaleIntercept")
    found = (1.0 if slope is None else float(slope), 0.0 if intercept is None else float(intercept))
    if not np.isfinite(found).all() or found[0] == 0:
        raise ValueError("rescale")
    return found


def _rescaled(frame: Any) -> bool:
    return frame.get("RescaleSlope") is not None or bool(frame.get("ModalityLUTSequence"))


def _voi(name: str, frame: Frame, layout: Layout) -> Curve | None:
    try:
        return voi_of(frame, little_endian=layout.syntax != EXPLICIT_BIG)
    except MemoryError:
        raise
    except Exception:
        raise ReadError(f"{name} has a window or VOI LUT that cannot be used; export it again") from None


def _asked_voi(name: str, frame: Frame, layout: Layout, units: Units) -> Curve:
    """The window or VOI LUT of a frame that shall be applied."""
    if units in PHYSICAL:
        unit = "HU" if units == "HU" else "units of PET"
        raise ReadError(
            f"{name} is in {unit}, which its window would destroy; leave voi out, and choose a window in the study"
        )
    curve = _voi(name, frame, layout)
    if curve is None:
        raise ReadError(f"{name} has neither a window nor a VOI LUT; leave voi out, or leave the image out")
    return curve


def _polarity(frame: Frame, layout: Layout) -> tuple[bool, bool]:
    """Whether the smallest value is shown white, and whether the image contradicts itself in that."""
    white = layout.meaning == "MONOCHROME1"
    shape = text(frame, "PresentationLUTShape")
    if shape not in ("IDENTITY", "INVERSE"):
        return white, False
    return white or shape == "INVERSE", white is not (shape == "INVERSE")


def units_of(dataset: Any) -> Units:
    """What the numbers after the modality LUT are; asks a Frame or a data set."""
    modality, rescale = text(dataset, "Modality"), text(dataset, "RescaleType")
    if modality == "CT":
        # RescaleType is optional and then HU; dual-energy maps say something else (PS3.3 C.11.1.1.2)
        tables = dataset.get("ModalityLUTSequence")
        if tables:
            return "HU" if text(tables[0], "ModalityLUTType") == "HU" else "arbitrary"
        return "HU" if "RescaleSlope" in dataset and rescale in ("", "HU") else "arbitrary"
    if modality == "PT":
        return "PET" if "RescaleSlope" in dataset else "arbitrary"
    return "grey" if modality in PROJECTIONS else "arbitrary"
