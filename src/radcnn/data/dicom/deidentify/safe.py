"""Values of attributes outside table E.1-1 that are known to hold no identifier; what is not known so is removed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources

NUMBERS = frozenset({"US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT"})  # of fixed width: no text fits in
DECIMALS = {  # numbers written as text; pydicom keeps what it cannot read as text
    "DS": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"),
    "IS": re.compile(r"[+-]?\d{1,11}"),
}
DATES = {
    "DA": re.compile(r"\d{8}"),
    "DT": re.compile(r"\d{8}(\d{2}){0,3}(\.\d{1,6})?([+-]\d{4})?"),
    "TM": re.compile(r"\d{2}(\d{2}){0,2}(\.\d{1,6})?"),
}
UID = re.compile(r"[0-2](\.(0|[1-9]\d*))+")
AGE = re.compile(r"\d{3}[DWMY]")
OLDEST = 90  # years; older people are few, so an age above says who it is (HIPAA 164.514 b 2 C)

PIXELS = frozenset({"PixelData", "FloatPixelData", "DoubleFloatPixelData"})
TABLES = frozenset(  # bytes that mean numbers: they are copied as they stand
    {
        "ExtendedOffsetTable",
        "ExtendedOffsetTableLengths",
        "LUTData",
        *(f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue", "Alpha")),
        *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue", "Alpha")),
    }
)
DROPPED = frozenset(  # written anew, or of no use without their texts
    {
        "SpecificCharacterSet",
        "CodingSchemeIdentificationSequence",
        "PatientIdentityRemoved",
        "DeidentificationMethod",
        "DeidentificationMethodCodeSequence",
        "LongitudinalTemporalInformationModified",
        "FileSetID",
        "LengthToEnd",
        "ICCProfile",
    }
)

MAKERS = (  # of scanners; a maker's name is written as one of these words, or not at all
    *("SIEMENS", "GE MEDICAL SYSTEMS", "Philips", "TOSHIBA", "Canon", "FUJIFILM", "Hitachi", "Shimadzu", "Agfa"),
    *("Carestream", "Kodak", "Konica Minolta", "Hologic", "Lorad", "UIH", "Samsung", "Mindray", "Esaote", "ACUSON"),
    *("ATL", "Varian", "Elekta", "Accuray", "Planmed", "Planmeca", "IMS", "Swissray", "Picker", "Marconi", "Elscint"),
    *("ADAC", "Neusoft", "Bruker", "Hyperfine", "Ziehm", "EOS imaging", "Sectra", "DRTECH", "Vieworks"),
)
KERNEL = re.compile(  # names of reconstruction kernels of the large makers: B30f, Br40d, Hr60s\3, FC08, YA, SOFT
    r"([BHUTQSDI][rlvpefqcsmn]?\d{2}[fsmhd]?|FC\d{2}(-H)?|Y[A-D]|[A-F]|I\d{2}[fsmhd]|"
    r"STANDARD|SOFT|DETAIL|BONE|BONEPLUS|EDGE|LUNG|CHST|ULTRA|[1-9])",
)
UNITS = ("HU", "HU_MOD", "OD", "US", "MGML", "PCT", "Z_EFF", "ED", "EDW", "BQML", "SUV", "normalized", "UNSPECIFIED")


def _maker(text: str) -> str | None:
    """The known maker that a text begins with.

    >>> _maker("Siemens Healthineers"), _maker("Dr Mueller's scanner")
    ('SIEMENS', None)
    """
    alike = re.sub(r"^GE\b.*", "GE MEDICAL SYSTEMS", text, flags=re.IGNORECASE)
    return next((name for name in MAKERS if re.match(rf"{re.escape(name)}\b", alike, re.IGNORECASE)), None)


def _kernel(text: str) -> str | None:
    return text if KERNEL.fullmatch(text) else None


def _unit(text: str) -> str | None:
    return text if text in UNITS else None


TEXTS: dict[str, Callable[[str], str | None]] = {  # the only attributes outside CS whose text may stay
    "Manufacturer": _maker,
    "ConvolutionKernel": _kernel,
    "RescaleType": _unit,
    "ModalityLUTType": _unit,
}


@cache
def terms() -> frozenset[str]:
    """Every word of terms.txt."""
    text = resources.files(__package__).joinpath("terms.txt").read_text(encoding="ascii")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(word for line in lines for word in line.split("  ") if word)


def safe_code(keyword: str, words: Sequence[str]) -> list[str]:
    """The words of a code string (VR CS) that DICOM defines.

    In ImageType and FrameType, whose words mean something by their place, OTHER stands for the rest.

    >>> safe_code("ScanOptions", ["HELICAL MODE", "MUELLER"]), safe_code("ImageType", ["ORIGINAL", "MUELLER", ""])
    (['HELICAL MODE'], ['ORIGINAL', 'OTHER', ''])
    """
    if keyword in ("ImageType", "FrameType"):
        return [word if word in terms() or not word else "OTHER" for word in words]
    if keyword == "PatientOrientation":  # row and column: both or none
        return list(words) if all(re.fullmatch(r"[ALPRHF]{1,3}", word) for word in words) else []
    return [word for word in words if word in terms()]


def safe_age(text: str) -> str | None:
    """An age of at most 90 years, as DICOM writes it.

    >>> safe_age("034Y"), safe_age("097Y"), safe_age("old")
    ('034Y', '090Y', None)
    """
    if not AGE.fullmatch(text):
        return None
    return f"{OLDEST:03d}Y" if text.endswith("Y") and int(text[:3]) > OLDEST else text
