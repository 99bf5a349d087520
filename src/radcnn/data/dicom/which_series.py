"""Which series of a folder is the volume: patients, localizers and several series told apart, one taken by rule.

The usual rule takes the series with the most slices among the original ones (ImageType neither DERIVED nor SECONDARY;
among the derived ones where there are no others); a tie is refused. Series are named by number and modality, never by
their description, which people fill with names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from radcnn.core.errors import GeometryError, InputError
from radcnn.data.dicom.placing import ORTHONORMAL, Plane
from radcnn.data.dicom.regularity import stack_of
from radcnn.data.dicom.slices import Slice
from radcnn.data.findings import Finding, counted, finding

RULES = ("", "most", "thinnest")
NUMBERED = re.compile(r"(\d{1,9})(?:\.(\d{1,4}))?")
GROUPED = re.compile(r"(.*):(\d{1,4})")
SAME_SPACING_MM = 1e-3
SHOWN = 10  # series in a message


@dataclass(frozen=True)
class Asked:
    """What a user wants: a rule, a SeriesNumber or a SeriesInstanceUID, and which group of that series if it has some.

    "3" is series 3, "3.2" (or "3:2") its second group, ":2" the second group of the usual series.
    """

    rule: str = ""
    number: int | None = None
    uid: str = field(default="", repr=False)
    group: int | None = None

    @property
    def by_rule(self) -> bool:
        return self.number is None and not self.uid


def asked_for(series: str) -> Asked:
    """What `series` means.

    Raises InputError when it means nothing.

    >>> asked_for("3.2").number, asked_for("3.2").group, asked_for("thinnest").rule, asked_for(":2").group
    (3, 2, 'thinnest', 2)
    """
    what, group = series.strip(), None
    if grouped := GROUPED.fullmatch(what):
        what, group = grouped[1], int(grouped[2])
    if what in RULES:
        return Asked(rule=what, group=group)
    if numbered := NUMBERED.fullmatch(what):
        return Asked(number=int(numbered[1]), group=int(numbered[2]) if numbered[2] else group)
    if re.fullmatch(r"[0-9.]{5,64}", what):
        return Asked(uid=what, group=group)
    raise InputError(
        "series must be a SeriesNumber (3, or 3.2 for its second group), a SeriesInstanceUID, 'most' or 'thinnest'; "
        "what was given is none of them"
    )


@dataclass(frozen=True)
class Series:
    """The slices of one SeriesInstanceUID, as indices into all that were found."""

    members: tuple[int, ...]
    number: int | None
    modality: str
    spacing_mm: float  # the median gap along the normal; 0 where slices are not parallel, or there is but one
    original: bool
    enhanced: bool
    localizer: bool
    placed: bool

    @property
    def name(self) -> str:
        return "a series without number" if self.number is None else f"series {self.number}"

    def __str__(self) -> str:
        apart = f" of {self.spacing_mm:.3g} mm" if self.spacing_mm else ""
        kind = f"{self.modality}, " if self.modality else ""
        return f"{self.name}: {kind}{counted(len(self.members), 'slice' if self.placed else 'image')}{apart}"


def chosen_series(slices: Sequence[Slice], asked: Asked, whose: str) -> tuple[Series, list[Finding]]:
    """The series that is the volume, and what was noticed on the way.

    Raises GeometryError when the folder holds several patients, or no rule can decide; InputError when there is no such
    series.
    """
    _refuse_several_patients(slices, whose)
    series = _series_of(slices)
    if not asked.by_rule:
        return _named(series, slices, asked, whose), []
    kept, findings = _without_localizers(series, slices, whose)
    candidates = _candidates(kept, whose)
    if len(candidates) == 1:
        return candidates[0], findings
    taken = _by_rule(candidates, asked.rule, whose)
    return taken, [*findings, _several(candidates, taken, asked.rule, whose)]


def _refuse_several_patients(slices: Sequence[Slice], whose: str) -> None:
    patients = {found.patient for found in slices} - {""}
    if len(patients) > 1:
        raise GeometryError(
            f"{whose} holds images of {len(patients)} patients; put the images of each into a folder of its own"
        )


def _series_of(slices: Sequence[Slice]) -> list[Series]:
    members: dict[str, list[int]] = {}
    for i, found in enumerate(slices):
        members.setdefault(found.series_uid, []).append(i)
    made = [_series(slices, tuple(indices)) for indices in members.values()]
    return sorted(made, key=lambda each: (each.number is None, each.number or 0, each.members))


def _series(slices: Sequence[Slice], members: tuple[int, ...]) -> Series:
    own = [slices[i] for i in members]
    places = [found.plane for found in own if found.plane is not None and not found.film]
    parallel = len(places) > 1 and all(_parallel(places[0], plane) for plane in places)
    return Series(
        members,
        own[0].series_number,
        own[0].modality,
        stack_of(places).usual if parallel else 0.0,
        original=not all(found.derived for found in own),
        enhanced=own[0].enhanced,
        localizer=all(found.localizer for found in own),
        placed=bool(places) or any(found.fault for found in own),
    )


def _parallel(a: Plane, b: Plane) -> bool:
    return max(abs(u - v) for u, v in zip(a.right + a.down, b.right + b.down, strict=True)) < ORTHONORMAL


def _named(series: Sequence[Series], slices: Sequence[Slice], asked: Asked, whose: str) -> Series:
    if asked.uid:
        found = [each for each in series if slices[each.members[0]].series_uid == asked.uid]
    else:
        found = [each for each in series if each.number == asked.number]
    if len(found) == 1:
        return found[0]
    which = "with that SeriesInstanceUID" if asked.uid else f"with the number {asked.number}"
    if found:
        raise InputError(f"{whose} holds {len(found)} series {which}; name one by its SeriesInstanceUID")
    raise InputError(f"{whose} holds no series {which}; it holds {_listed(series)}")


def _without_localizers(
    series: Sequence[Series], slices: Sequence[Slice], whose: str
) -> tuple[list[Series], list[Finding]]:
    """The series that can be a volume; images left out are counted in a finding."""
    kept: list[Series] = []
    localizers = others = 0
    some_placed = any(each.placed and not each.localizer for each in series)
    for each in series:
        members = tuple(i for i in each.members if not slices[i].localizer)
        if not members:
            localizers += len(each.members)
        elif some_placed and not each.placed:
            others += len(each.members)
        else:
            localizers += len(each.members) - len(members)
            kept.append(each if len(members) == len(each.members) else _series(slices, members))
    if not kept:
        if len({found.name for found in slices}) == 1:
            return list(series), []  # one file, given by its name: what is in it is what is wanted
        raise GeometryError(
            f"{whose} holds nothing but localizers ({_listed(series)}); name the one to be read by its series number, "
            "or give one image"
        )
    words = [counted(localizers, "localizer")] if localizers else []
    words += [counted(others, "image") + " without a place in the patient"] if others else []
    if not words:
        return kept, []
    sentence = f"{whose} holds {' and '.join(words)} beside its slices, left out"
    return kept, [finding("images left out of a volume", sentence)]


def _candidates(series: list[Series], whose: str) -> list[Series]:
    """The series among which a rule decides: enhanced files are images of their own beside a folder of slices."""
    if len(series) > 1 and not any(each.placed for each in series):
        n = sum(len(each.members) for each in series)
        raise GeometryError(
            f"{whose} holds {n} images of {len(series)} series without a place in the patient; give them one by one"
        )
    single = [each for each in series if not each.enhanced]
    return single if any(len(each.members) > 1 for each in single) else series


def _by_rule(series: Sequence[Series], rule: str, whose: str) -> Series:
    pool = list(series)
    if rule != "most":
        pool = [each for each in series if each.original] or pool
    if rule == "thinnest":
        pool = [each for each in pool if each.spacing_mm] or pool
    measure = MEASURES[rule]
    best = max(measure(each) for each in pool)
    taken = [each for each in pool if np.isclose(measure(each), best, rtol=0, atol=SAME_SPACING_MM)]
    if len(taken) > 1:
        raise GeometryError(
            f"{whose} holds {len(series)} series ({_listed(series)}), and {len(taken)} of them {SUPERLATIVES[rule]}; "
            "put each series into a folder of its own, or choose one by --series with its number or its UID"
        )
    return taken[0]


MEASURES: dict[str, Callable[[Series], float]] = {
    "": lambda series: len(series.members),
    "most": lambda series: len(series.members),
    "thinnest": lambda series: -series.spacing_mm,
}
SUPERLATIVES = {
    "": "are original and have the most slices",
    "most": "have the most slices",
    "thinnest": "have the thinnest slices",
}


def _several(series: Sequence[Series], taken: Series, rule: str, whose: str) -> Finding:
    reason = {
        "": "it has the most slices" + (" of the original ones" if not all(each.original for each in series) else ""),
        "most": "it has the most slices",
        "thinnest": "it has the thinnest slices",
    }[rule]
    sentence = f"{whose} holds {len(series)} series ({_listed(series)}); {taken.name} was taken: {reason}"
    way_out = "choose another with --series NUMBER, or by rule with 'most' or 'thinnest'"
    return finding("one of several series taken", sentence, way_out)


def _listed(series: Sequence[Series]) -> str:
    shown = [str(each) for each in series[:SHOWN]]
    if len(series) > SHOWN:
        shown.append(f"{len(series) - SHOWN} more")
    return "; ".join(shown)
