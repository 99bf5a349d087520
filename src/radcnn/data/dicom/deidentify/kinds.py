"""Which kinds of DICOM object are de-identified, and which are left out by name because nobody could vouch for them."""

from __future__ import annotations

from typing import Any

from radcnn.data.dicom.deidentify.safe import PIXELS

RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
STORAGE = "1.2.840.10008.5.1.4.1.1."
LEFT_OUT = {  # the beginning of a SOP class UID, and what is said of it; the first that fits
    "1.2.840.10008.1.3.10": "a directory of a medium (DICOMDIR)",
    f"{STORAGE}104.": "an encapsulated document",
    f"{STORAGE}88.": "a structured report",
    f"{STORAGE}9.": "a waveform",
    f"{STORAGE}11.": "a presentation state",
    f"{STORAGE}77.1.6": "a whole-slide image",
    f"{STORAGE}4.2": "a spectroscopy",
    f"{STORAGE}66.": "raw data, a registration or a surface",
    f"{STORAGE}481.": "a radiotherapy plan or record",
}
ALLOWED = (RTSTRUCT, *SEGMENTATIONS, f"{STORAGE}481.1", f"{STORAGE}481.2")  # masks, and radiotherapy images and doses

SECONDARY_CAPTURE = f"{STORAGE}7"
OFTEN_BURNED_IN = {"US", "IVUS", "XA", "RF", "CR", "DX", "MG", "ES", "GM", "XC", "OT", "SC", "DG", "BMD", "PX", "IO"}


def left_out_because(dataset: Any, sop_class: str) -> str | None:
    """Why an object is not de-identified; None for an image, a segmentation and a structure set."""
    if not sop_class.startswith("1.2.840.10008."):
        return "an object of a private kind" if sop_class else "an object that does not say what it is"
    if sop_class not in ALLOWED:
        for beginning, what in LEFT_OUT.items():
            if sop_class.startswith(beginning):
                return what
    if sop_class != RTSTRUCT and not any(keyword in dataset for keyword in PIXELS):
        return "an object without pixels"
    return None


def may_show_text(sop_class: str, modality: str, burned_in: str) -> bool:
    """Whether names may stand in the pixels: said so, or not denied by an image of a kind that often has them."""
    often = modality in OFTEN_BURNED_IN or sop_class.startswith(SECONDARY_CAPTURE)
    return burned_in == "YES" or (often and burned_in != "NO")
