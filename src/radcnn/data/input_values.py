"""Whether the numbers of images can mean what their units say: HU that are none, saturated and blank images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from radcnn.data.findings import Finding, finding, numbered
from radcnn.data.looked import GreyValues, Looked
from radcnn.data.outcome import NotApplicable, Verdict

AIR_HU = (
    -200.0
)  # darker than fat (-120) and brighter than lung (-400): what shows the body's outside or lung lies below
OFFSET = 1024.0  # stored CT numbers are often HU + 1024, so that water stands near 1024
WINDOWED = 255.0  # a CT saved as 8-bit picture
LOWEST_HU, HIGHEST_HU = -5000.0, 31000.0  # padding goes down to -4096, the extended scale of metal up to 30,710
SATURATED = 0.05  # share of voxels at the highest value; at most .033 in 3,400 real radiographs, mammograms, MR and CT
TWO_VALUES = 2  # distinct values of an image that is a mask or line art: saturation means nothing in it

Suspicion = Literal["a window of 8 bits", "stored values without the offset", "no air"]


def unit_findings(looks: Sequence[Looked]) -> Verdict:
    """CT that is not in HU, HU beside other units, and HU that nothing in a patient has."""
    hu = [i for i, look in enumerate(looks) if look.units == "HU"]
    if not hu:
        return NotApplicable("no image is in HU")
    return [*_not_hu(looks, hu), *_mixed(looks), *_impossible(looks, hu)]


def _not_hu(looks: Sequence[Looked], hu: Sequence[int]) -> list[Finding]:
    found = []
    suspected = {i: said for i in hu if (said := suspicion(looks[i].intensities))}
    for word in dict.fromkeys(suspected.values()):
        cases = [i for i, said in suspected.items() if said == word]
        sentence = f"{len(cases)} of {len(hu)} CT images do not look like HU ({word}): {numbered(cases)}"
        way_out = "export them with RescaleSlope and RescaleIntercept; windows and thresholds in HU are wrong for them"
        found.append(finding("CT not in HU", sentence, way_out))
    return found


def suspicion(values: GreyValues) -> Suspicion | None:
    """Why the grey values of a CT image are not HU; None where they may be.

    Air is -1000 HU, and hardly a CT image shows none: a region deep in the body may, which is why this is a warning.
    """
    if values.low < AIR_HU or not values.maximum > values.minimum:
        return None
    if values.minimum >= 0 and values.maximum <= WINDOWED:
        return "a window of 8 bits"
    if values.minimum >= 0 and values.high > OFFSET / 2:
        return "stored values without the offset"
    return "no air"


def _mixed(looks: Sequence[Looked]) -> list[Finding]:
    """HU beside other units: one network cannot be right about both."""
    others = [i for i, look in enumerate(looks) if look.units != "HU"]
    if not others:
        return []
    listed = ", ".join(sorted({looks[i].units for i in others}))
    sentence = f"{len(others)} of {len(looks)} images are not in HU while the others are ({listed}): {numbered(others)}"
    return [finding("units are mixed", sentence, "give all images in HU, or leave those out")]


def _impossible(looks: Sequence[Looked], hu: Sequence[int]) -> list[Finding]:
    beyond = [i for i in hu if _outside(looks[i].intensities)]
    if not beyond:
        return []
    low = min(looks[i].intensities.minimum for i in beyond)
    high = max(looks[i].intensities.maximum for i in beyond)
    sentence = (
        f"{len(beyond)} of {len(hu)} CT images hold HU that nothing has ({low:.0f} to {high:.0f}; "
        f"{LOWEST_HU:.0f} to {HIGHEST_HU:.0f} may occur): {numbered(beyond)}"
    )
    way_out = "look for padding that no tag names, or a rescale that was applied twice"
    return [finding("impossible HU", sentence, way_out)]


def _outside(values: GreyValues) -> bool:
    return values.minimum < LOWEST_HU or values.maximum > HIGHEST_HU


def saturation_findings(looks: Sequence[Looked]) -> Verdict:
    """Images whose brightest value covers too much of them: what was there is lost."""
    grey = [i for i, look in enumerate(looks) if look.intensities.distinct > TWO_VALUES]
    if not grey:
        return NotApplicable("no image has more than two values")
    lost = [i for i in grey if looks[i].intensities.at_maximum > SATURATED]
    if not lost:
        return []
    most = max(looks[i].intensities.at_maximum for i in lost)
    sentence = (
        f"{len(lost)} of {len(looks)} images are saturated: more than {SATURATED:.0%} of their voxels have the highest "
        f"value (up to {most:.0%}): {numbered(lost)}"
    )
    return [finding("saturated images", sentence, "export them with a wider window, or with all stored bits")]


def blank_findings(looks: Sequence[Looked]) -> Verdict:
    """Images of one value."""
    blank = [i for i, look in enumerate(looks) if not look.intensities.maximum > look.intensities.minimum]
    if not blank:
        return []
    sentence = f"{len(blank)} of {len(looks)} images hold one value only: {numbered(blank)}"
    return [finding("blank images", sentence, "restore them, or leave them out")]
