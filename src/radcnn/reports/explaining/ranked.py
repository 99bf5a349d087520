"""The figures in words: which ways of making maps beat chance on this study, which fail, and signs of a shortcut."""

from __future__ import annotations

import math
from collections.abc import Sequence

from radcnn.core.estimate import Estimate
from radcnn.explanation.randomised import TOO_ALIKE
from radcnn.reports.explaining.found import Looked
from radcnn.reports.numbers import number, several

FEWEST = 6  # patients who all say the same are no chance: 2^-5 < .05
EVIDENT = 1.5  # times its area: maps lean a little to borders in any network, whose convolutions pad with zeros there


def sentences_of(ways: Sequence[Looked]) -> tuple[str, ...]:
    """What the ways of making maps came to, ranked, as sentences."""
    return tuple(
        said
        for said in (
            _localisation(ways),
            _needing(ways),
            _forgetting(ways),
            _repeating(ways),
            _shortcut(ways, "border"),
            _shortcut(ways, "outside"),
        )
        if said
    )


def beats_chance(one: Looked) -> bool:
    """Whether the AUPRC of a way lies above that of other patients' outlines, by its interval."""
    figure = one.figure("auprc")
    return figure is not None and figure.beyond is not None and above(figure.beyond, 0)


def above(estimate: Estimate, limit: float) -> bool:
    """Whether an interval lies above `limit`; without variance, whether all of enough patients do."""
    if math.isnan(estimate.low):
        return estimate.patients >= FEWEST and estimate.value > limit
    return estimate.low > limit


def _localisation(ways: Sequence[Looked]) -> str:
    """The ways ranked by AUPRC above chance."""
    able = [one for one in ways if (f := one.figure("auprc")) is not None and f.beyond is not None]
    known = [one for one in able if not math.isnan(_beyond(one).value)]
    if not known:
        reason = _beyond(able[0]).undefined if able else ""
        return f"Whether maps find what was outlined could not be compared with chance: {reason}." if reason else ""
    ranked = sorted(known, key=lambda one: _beyond(one).value, reverse=True)
    good = [one for one in ranked if beats_chance(one)]
    rest = [one for one in ranked if not beats_chance(one)]
    if not good:
        return (
            "NO WAY OF MAKING MAPS FINDS WHAT WAS OUTLINED BETTER THAN CHANCE on this study (AUPRC against the "
            f"outlines of other patients; best: {_said(ranked[0])}): do not show these maps as evidence of where a "
            "finding is."
        )
    tail = f" No better than chance: {', '.join(map(_said, rest))}." if rest else ""
    return (
        f"{len(good)} of {several(len(ranked), 'way')} of making maps find what was outlined better than chance on "
        f"this study, best first: {', '.join(map(_said, good))}.{tail}"
    )


def _needing(ways: Sequence[Looked]) -> str:
    """Which ways point at what the answer needs, by deletion and insertion both."""
    known = [one for one in ways if one.figure("deletion") is not None and one.figure("insertion") is not None]
    if not known:
        return ""
    good = [one.way for one in known if all(_gains(one, key) for key in ("deletion", "insertion"))]
    rest = [one.way for one in known if one.way not in good]
    if not good:
        return "By none of the ways do answers change faster than in random order, both by deletion and by insertion."
    tail = f"; not so by {', '.join(rest)}" if rest else ""
    return (
        f"Answers change faster than in random order, by deletion and by insertion, where maps by {', '.join(good)} "
        f"say which voxels come first{tail}."
    )


def _gains(one: Looked, key: str) -> bool:
    figure = one.figure(key)
    return figure is not None and figure.beyond is not None and above(figure.beyond, 0)


def _forgetting(ways: Sequence[Looked]) -> str:
    """Which ways draw the same map whatever was learned."""
    known = _known(ways, "randomised")
    if not known:
        return ""
    fail = [f"{one.way} (rank correlation {number(value, 2)})" for one, value in known if _stays(one)]
    if not fail:
        most, highest = max(known, key=lambda one: one[1])
        return (
            f"By none of {several(len(known), 'way')} of making maps do they clearly stay the same when the network is "
            f"drawn anew (rank correlation at most {number(highest, 2)}, by {most.way}; a way fails where its interval "
            f"lies above {TOO_ALIKE:g})."
        )
    return (
        f"THE MAPS BY {', '.join(fail)} STAY MUCH THE SAME when the network is drawn anew: they show the image, "
        "and not what was learned; do not read them."
    )


def _stays(one: Looked) -> bool:
    """Whether the maps of a wholly random network are alike to the trained one's beyond the limit, by the interval."""
    figure = one.figure("randomised")
    return figure is not None and above(figure.value, TOO_ALIKE)


def _repeating(ways: Sequence[Looked]) -> str:
    """How alike the maps of the run's networks are."""
    known = sorted(_known(ways, "repeated"), key=lambda one: -one[1])
    if not known:
        return ""
    said = ", ".join(f"{one.way} {number(value, 2)}" for one, value in known)
    return f"Networks of this run, trained alike, agree on the places to this degree (rank correlation): {said}."


def _known(ways: Sequence[Looked], key: str) -> list[tuple[Looked, float]]:
    """The ways of which a figure is defined, with its value."""
    found = [(one, figure.value.value) for one in ways if (figure := one.figure(key)) is not None]
    return [(one, value) for one, value in found if not math.isnan(value)]


def _beyond(one: Looked) -> Estimate:
    figure = one.figure("auprc")
    assert figure is not None
    assert figure.beyond is not None
    return figure.beyond


def _said(one: Looked) -> str:
    figure = one.figure("auprc")
    assert figure is not None
    assert figure.chance is not None
    return f"{one.way} (AUPRC {number(figure.value.value, 3)}, by chance {number(figure.chance.value, 3)})"


PLACES = {
    "border": "in the outer tenth of the image",
    "outside": "in the air about the body",
}


def _shortcut(ways: Sequence[Looked], key: str) -> str:
    """Whether maps lie where no anatomy is, more than its area; the ways that say so are counted."""
    known = [one for one in ways if (f := one.figure(key)) is not None and f.beyond is not None]
    found = [one for one in known if above(_ratio(one, key), EVIDENT)]
    if not known:
        return ""
    if not found:
        least = max(known, key=lambda one: _ratio(one, key).value)
        ratio = _ratio(least, key)
        if math.isnan(ratio.value):
            return f"Whether maps lie {PLACES[key]} could not be seen: {ratio.undefined}."
        return (
            f"No sign of a shortcut {PLACES[key]}: by none of {several(len(known), 'way')} of making maps does clearly "
            f"more of them lie there than its area would have (most by {least.way}: {ratio.value:.2f} times its area)."
        )
    told = max(found, key=lambda one: _ratio(one, key).value)
    figure = told.figure(key)
    assert figure is not None
    assert figure.chance is not None
    of = f" that speak for {figure.of}" if figure.of else ""
    place = _where(told) if key == "border" else ""
    return (
        f"SIGN OF A SHORTCUT: {100 * figure.value.value:.0f} % of the maps by {told.way}{of} lie {PLACES[key]}, which "
        f"is {100 * figure.chance.value:.0f} % of it ({_ratio(told, key).value:.1f} times its area; so by {len(found)} "
        f"of {several(len(known), 'way')} of making maps).{place} A marker, letters or a collimator's edge may go with "
        "the class; radcnn stress --parts borders swaps borders to see whether answers follow."
    )


def _where(one: Looked) -> str:
    piece = next((f for f in one.figures if f.key.startswith("border: ")), None)
    if piece is None or piece.beyond is None:
        return ""
    place = piece.key.removeprefix("border: ")
    return f" They lean most to one place: {place} ({piece.beyond.value:.1f} times its area)."


def _ratio(one: Looked, key: str) -> Estimate:
    figure = one.figure(key)
    assert figure is not None
    assert figure.beyond is not None
    return figure.beyond
