"""What tells the phases, echoes and time points of one series apart: the attributes, and in which order they are tried.

A key is content when two of its values can never belong to one volume (two echo times), and circumstance when they may
(two acquisitions at different places are one volume). Circumstances are only asked where positions repeat or are
uneven.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from radcnn.data.dicom.attributes import Attributes, Element, Value, mark

INSTANCE = "SOPInstanceUID"  # of enhanced images alone, which a Slice knows by itself: one file may hold one phase

# DICOM keywords in the order in which they are tried; of two that split alike, the first is named
CONTENT = (
    "StackID",
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "NominalPercentageOfCardiacPhase",
    "EchoNumbers",
    "EffectiveEchoTime",
    "EchoTime",
    "InversionTime",
    "InversionTimes",
    "DiffusionBValue",
    "DiffusionGradientOrientation",
    "ComplexImageComponent",
    "ImageType",
    "FrameType",
    "ConvolutionKernel",
    "KVP",
    "MonoenergeticEnergyEquivalent",
)
CIRCUMSTANCE = (
    "NominalCardiacTriggerDelayTime",
    "TriggerTime",
    "FrameReferenceTime",
    "AcquisitionNumber",
    "FrameAcquisitionNumber",
    "SequenceName",
    "PulseSequenceName",
    INSTANCE,
    "AcquisitionTime",
    "FrameAcquisitionDateTime",
    "ContentTime",
)
BEATS = ("NominalCardiacTriggerDelayTime", "TriggerTime")  # times within a heartbeat, a little different in each slice
CLOCKS = ("AcquisitionTime", "FrameAcquisitionDateTime", "ContentTime")  # times of the day, different in each slice
CODES = frozenset(("StackID", "ComplexImageComponent", "ConvolutionKernel", "SequenceName", "PulseSequenceName"))
KINDS = frozenset(("ImageType", "FrameType"))  # value 3 and those after it say what is shown: WATER, FAT, M, P, ...
# two of these in one volume are refused even where they cannot be separated
NEVER_TWO = ("EffectiveEchoTime", "EchoTime", "DiffusionBValue", "ConvolutionKernel")


def keys_of(said: Attributes) -> dict[str, Value]:
    """The keys a frame has, numbers as they are, codes and directions as marks; what cannot be decoded is no key."""
    found: dict[str, Value] = {}
    for keyword in (*CONTENT, *CIRCUMSTANCE):
        element = None if keyword == INSTANCE else said.element(keyword)
        if element is not None:
            try:
                value = _key_once(said, keyword, element)
            except ValueError:
                continue
            if value is not None and value != "":
                found[keyword] = value
    if "DiffusionGradientDirectionSequence" in said:
        found |= _direction(said)
    return found


def _key_once(said: Attributes, keyword: str, element: Any) -> Value | None:
    """The key that an element makes, which neighbours share with it."""
    if type(element) is not Element:
        return _key(said, keyword)
    if element.made is element:
        element.made = _key(said, keyword)
    made: Value | None = element.made
    return made


def _key(said: Attributes, keyword: str) -> Value | None:
    if keyword in CLOCKS:
        return seconds(said.text(keyword))
    if keyword == "StackID" and said.text(keyword).isdecimal():
        return said.number(keyword)
    if keyword in CODES:
        return mark(*map(str, said.values(keyword)))
    if keyword in KINDS:
        return mark(*map(str, said.values(keyword)[2:]))
    if keyword == "DiffusionGradientOrientation":
        return _rounded(said.numbers(keyword, 3))
    return said.number(keyword)


def _direction(said: Attributes) -> dict[str, Value]:
    """An enhanced image keeps the direction one sequence deeper."""
    try:
        items = said.frame.get("DiffusionGradientDirectionSequence")
        numbers = tuple(float(value) for value in items[0].get("DiffusionGradientOrientation"))
    except MemoryError:
        raise
    except Exception:
        return {}  # a direction that cannot be decoded tells nothing apart
    return {"DiffusionGradientOrientation": _rounded(numbers)}


def _rounded(direction: tuple[float, ...] | None) -> str:
    """A direction as a mark; the fourth digit differs between slices of one direction."""
    return "" if direction is None else mark(*(f"{round(value, 3) + 0.0:.3f}" for value in direction))


def seconds(text: str) -> float | None:
    """Seconds of a TM, or of a DT since the calendar began; None when it is neither.

    >>> seconds("010203.5"), seconds("0102"), seconds("00010102000001"), seconds("soon")
    (3723.5, 3720.0, 86401.0, None)
    """
    digits, _, fraction = text.split("+")[0].split("-")[0].strip().partition(".")
    if not digits.isdecimal() or (fraction and not fraction.isdecimal()) or len(digits) not in (2, 4, 6, 12, 14):
        return None
    day = 0
    if len(digits) > 6:
        try:
            day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])).toordinal() - 1
        except ValueError:
            return None
        digits = digits[8:]
    parts = [int(digits[i : i + 2]) for i in range(0, len(digits), 2)]
    whole = sum(part * 60**power for part, power in zip(parts, (2, 1, 0), strict=False))
    return day * 86400 + whole + float(f"0.{fraction or 0}")
