"""Whether images are of one kind (form, spacing, orientation, bit depth, phases), and what their readers noticed."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np

from radcnn.data.findings import Finding, finding, numbered
from radcnn.data.gauge import Form, findings_of_forms, refuse_mixture
from radcnn.data.looked import Looked
from radcnn.data.outcome import NotApplicable, Verdict

AXES = ("slice", "row", "column")
FEWEST = 10  # images with a spacing; among fewer, none is far from the others
FAR = 5.0  # robust standard deviations of the logarithm of a spacing
FACTOR = 1.5  # ... and at least this far from the median: where all others are equal, any other is not an outlier
SD_OF_MAD = 1.4826  # standard deviation of a normal distribution over its median absolute deviation
BLURRED = 2.0  # spacing of the slices over that of the pixels, from which on an axis shows that it is the slices'
DEPTHS = {
    "uint8": "8-bit",
    "int8": "8-bit",
    "uint16": "16-bit",
    "int16": "16-bit",
    "uint32": "32-bit",
    "int32": "32-bit",
}
SHORTEST_NAME = 4  # characters of a file name that is found anywhere in a sentence
SEVERAL_PHASES = "RC025"  # of a reader: one of several phases was taken


def form_findings(looks: Sequence[Looked], ids: Sequence[str]) -> Verdict:
    """Sizes, spacings and channels; raises InputError, naming two cases, where 2D and 3D, or grey and colour, mix."""
    forms: dict[Form, str] = {}
    for look, case in zip(looks, ids, strict=True):
        refuse_mixture(forms, Form(look.rank, look.channels, look.grey_as_colour), case)
    without = sum(look.spacing_mm is None for look in looks)
    return findings_of_forms([look.size for look in looks], without, tuple(forms))


def spacing_findings(looks: Sequence[Looked]) -> Verdict:
    """Images whose spacing on an axis is far from that of the others: often a unit that was mistaken."""
    known = [i for i, look in enumerate(looks) if look.spacing_mm is not None]
    if len(known) < FEWEST:
        stated = f"only {len(known)} of {len(looks)} images state" if known else "no image states"
        return NotApplicable(f"{stated} a spacing{f', and {FEWEST} are needed' if known else ''}")
    found: list[Finding] = []
    for axis in AXES:
        at = {i: mm for i in known if (mm := _along(looks[i], axis)) is not None}
        if len(at) >= FEWEST:
            found += _far(at, axis, len(looks))
    return found


def _along(look: Looked, axis: str) -> float | None:
    """The spacing along an axis; a 2D image has no slices."""
    assert look.spacing_mm is not None
    place = AXES.index(axis) - (3 - look.rank)
    return look.spacing_mm[place] if place >= 0 else None


def _far(spacings: dict[int, float], axis: str, images: int) -> list[Finding]:
    logs = {i: math.log(mm) for i, mm in spacings.items()}
    middle = float(np.median(list(logs.values())))
    spread = SD_OF_MAD * float(np.median([abs(value - middle) for value in logs.values()]))
    limit = max(FAR * spread, math.log(FACTOR))
    far = [i for i, value in logs.items() if abs(value - middle) > limit * (1 + 1e-9)]
    if not far:
        return []
    low, high = min(spacings[i] for i in far), max(spacings[i] for i in far)
    came = f"{low:g} mm" if low == high else f"{low:g} to {high:g} mm"
    sentence = (
        f"{len(far)} of {images} images have a {axis} spacing far from the others' ({came}, median "
        f"{math.exp(middle):.3g} mm): {numbered(far)}"
    )
    return [finding("spacing far from the others", sentence, "look whether a unit was mistaken, or leave them out")]


def orientation_findings(looks: Sequence[Looked]) -> Verdict:
    """Images of other planes than most, and images whose place is known beside some whose place is not.

    Volumes whose axes only run the other way are turned alike when they are prepared, so that they say nothing here.
    """
    known = {i: plane_of(look) for i, look in enumerate(looks) if look.orientation}
    if not known:
        return NotApplicable("no image says how the patient lies in it")
    found = []
    counts = Counter(plane for plane in known.values() if plane)
    if len(counts) > 1:
        usual = counts.most_common(1)[0][0]
        others = [i for i, plane in known.items() if plane and plane != usual]
        listed = ", ".join(f"{number} {plane}" for plane, number in counts.most_common())
        sentence = f"images were acquired in {len(counts)} planes ({listed}); not {usual}: {numbered(others)}"
        found.append(finding("orientations are mixed", sentence, "train on one plane, or compare subgroups by plane"))
    unknown = [i for i, look in enumerate(looks) if not look.orientation]
    if unknown and any(looks[i].rank == 3 for i in known):
        sentence = (
            f"{len(unknown)} of {len(looks)} images do not say how the patient lies in them, so that they are not "
            f"turned as the others are: {numbered(unknown)}"
        )
        found.append(finding("orientations are mixed", sentence, "give all of them with their geometry"))
    return found


def plane_of(look: Looked) -> str:
    """The plane an image was acquired in; "" for a volume of nearly equal spacings, which has none of its own."""
    letters = look.orientation
    if look.rank == 3:
        spacing = look.spacing_mm or (1.0, 1.0, 1.0)
        thick = int(np.argmax(spacing))
        if spacing[thick] < BLURRED * sorted(spacing)[1]:
            return ""
        across = letters[thick]
    else:
        across = next(group[0] for group in ("SI", "PA", "LR") if not set(group) & set(letters))
    return {"S": "axial", "I": "axial", "P": "coronal", "A": "coronal"}.get(across, "sagittal")


def depth_findings(looks: Sequence[Looked]) -> Verdict:
    """Images stored in fewer or more bits than most; CT in HU is always read as float32 and left out."""
    depths = {i: DEPTHS.get(look.dtype, "float") for i, look in enumerate(looks) if look.units not in ("HU", "PET")}
    if not depths:
        return NotApplicable("all images are in HU or PET units, whatever they were stored in")
    counts = Counter(depths.values())
    if len(counts) < 2:
        return []
    usual = counts.most_common(1)[0][0]
    others = [i for i, depth in depths.items() if depth != usual]
    listed = ", ".join(f"{number} {depth}" for depth, number in counts.most_common())
    sentence = f"images are stored in {len(counts)} bit depths ({listed}); not {usual}: {numbered(others)}"
    way_out = "export all of them alike, since a network sees the difference"
    way_out = "export all of them alike, since a network sees the difference"
    return [finding("bit depths are mixed", sentence, way_out)]


def phase_findings(looks: Sequence[Looked]) -> Verdict:
    """Cases with one phase or time point among cases with several, as their readers noticed."""
    several = [any(found.code == SEVERAL_PHASES for found in look.findings) for look in looks]
    if not any(several):
        return NotApplicable("no case holds several phases or time points")
    alone = [i for i, many in enumerate(several) if not many]
    if not alone:
        return []
    sentence = (
        f"{len(alone)} of {len(looks)} cases hold one phase or time point, the others several, of which the first "
        f"was taken: {numbered(alone)}"
    )
    way_out = "look which phase they show: it may not be the first one's"
    return [finding("phases are missing", sentence, way_out)]


def reading_findings(looks: Sequence[Looked], names: Callable[[int], Collection[str]]) -> Verdict:
    """What readers noticed, one finding for each code, with the cases counted and called by number.

    names  of the files of a case, which stand in a reader's sentences and may name a patient
    """
    said: dict[str, dict[int, Finding]] = {}
    for i, look in enumerate(looks):
        for found in look.findings:
            said.setdefault(found.code, {}).setdefault(i, found)
    return [_of_all(cases, names, len(looks)) for _, cases in sorted(said.items())]


def _of_all(cases: dict[int, Finding], names: Callable[[int], Collection[str]], images: int) -> Finding:
    """The first case's sentence, and how many cases it holds for."""
    first, found = next(iter(cases.items()))
    sentence = found.sentence
    for name in sorted(names(first), key=len, reverse=True):
        # within a sentence, a file called 7 cannot be told from the number
        start = "" if len(name) >= SHORTEST_NAME else "^"
        sentence = re.sub(rf"{start}(?<![\w.]){re.escape(name)}(?!\w)", f"case {first + 1}", sentence)
    if len(cases) > 1:
        sentence = f"{len(cases)} of {images} cases ({numbered(list(cases))}); the first: {sentence}"
    return replace(found, sentence=sentence)
