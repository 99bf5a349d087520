"""The catalogue of what `radcnn check` knows: a name, the codes it may report, and the function that looks.

CHECKS look at the data and are kept with the study (study/findings.json) until the data change; CHECKS_OF_A_RUN look at
a plan and this machine, and are asked anew before each training. Every check has one subject, and every code one check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from radcnn.core.case import Side
from radcnn.data.class_counts import class_count_findings
from radcnn.data.cohort import is_dicom
from radcnn.data.contradictions import attribute_findings, patient_findings, site_findings
from radcnn.data.duplicates import duplicate_findings
from radcnn.data.findings import CODES, Finding, finding, subject_of
from radcnn.data.input_forms import (
    depth_findings,
    form_findings,
    orientation_findings,
    phase_findings,
    reading_findings,
    spacing_findings,
)
from radcnn.data.input_values import blank_findings, saturation_findings, unit_findings
from radcnn.data.leaks.pair import LeakPair
from radcnn.data.leaks.telling import pair_findings
from radcnn.data.looked import Looked
from radcnn.data.mask_findings import mask_findings
from radcnn.data.mask_print import fold_findings, print_findings, read_mask_print
from radcnn.data.outcome import Measured, NotApplicable, Outcome, Pair, Pairs, Verdict
from radcnn.data.shortcuts import Shortcut, shortcut_findings
from radcnn.plan.resources import Resources
from radcnn.plan.stored import AnyPlan
from radcnn.study.open_study import OpenStudy

T = TypeVar("T")
LONGER = 1.5  # times the minutes that were asked for, from which on it is worth saying


@dataclass(frozen=True, eq=False)
class Examined:
    """What checks of the data may look at.

    looks   what was seen of the image of each case, in the cohort's order
    copies  groups of cases with the same image, byte for byte
    pairs   cases whose images are different files of one picture
    shortcuts  how well each family of features tells the label
    """

    opened: OpenStudy
    looks: Sequence[Looked]
    copies: Sequence[Sequence[int]]
    pairs: Sequence[LeakPair]
    shortcuts: Sequence[Shortcut]


@dataclass(frozen=True, eq=False)
class Planned:
    """What checks of a run may look at.

    minutes      that were asked for
    needed       what the training is predicted to need
    free_disk    bytes free where the study lies, beside what is there of this plan already
    free_memory  bytes that this process may have, or None where nobody says
    """

    opened: OpenStudy
    plan: AnyPlan
    minutes: float
    needed: Resources
    free_disk: int
    free_memory: int | None


@dataclass(frozen=True)
class Check(Generic[T]):
    """A check: the codes of findings that it may report, and what it looks at."""

    codes: tuple[str, ...]
    examine: Callable[[T], Verdict]


def noticed(*codes: str) -> Check[Examined]:
    """A check that was made while the cohort was gathered and split: its findings are known."""

    def examine(examined: Examined) -> Verdict:
        cohort, split = examined.opened.cohort, examined.opened.split
        return _of((*cohort.findings, *split.findings), codes)

    return Check(codes, examine)


def _of(findings: Iterable[Finding], codes: Sequence[str]) -> tuple[Finding, ...]:
    return tuple(dict.fromkeys(found for found in findings if found.code in codes))


def copies(*codes: str, pairs: bool = False) -> Check[Examined]:
    """A check of exact copies."""

    def examine(examined: Examined) -> Verdict:
        cohort, sides = examined.opened.cohort, examined.opened.split.sides
        found = _of(duplicate_findings(cohort, examined.copies, sides), codes)
        return Pairs(found, pairs_of_copies(examined.copies, sides)) if pairs and found else found

    return Check(codes, examine)


def pairs_of_copies(groups: Sequence[Sequence[int]], sides: Sequence[Side]) -> tuple[Pair, ...]:
    """Two of each group of copies, on two sides where there are such; these come first."""
    made = []
    for group in groups:
        first = group[0]
        second = next((case for case in group if sides[case] != sides[first]), group[1])
        made.append(Pair(first, second, "the same file"))
    return tuple(sorted(made, key=lambda pair: sides[pair.first] == sides[pair.second]))


def of_looks(function: Callable[[Sequence[Looked]], Verdict], *codes: str) -> Check[Examined]:
    """A check of images that asks nothing but what they look like."""
    return Check(codes, lambda examined: function(examined.looks))


def codes_of(subject: str) -> tuple[str, ...]:
    """All codes of a subject."""
    return tuple(sorted(code for code in CODES if subject_of(code) == subject))


def _read(examined: Examined) -> Verdict:
    def names(case: int) -> set[str]:
        path = examined.opened.cohort.cases[case].source.path
        return {path.name, *(part.name for part in path.iterdir())} if path.is_dir() else {path.name}

    return reading_findings(examined.looks, names)


def _forms(examined: Examined) -> Verdict:
    return form_findings(examined.looks, [case.called for case in examined.opened.cohort.cases])


def _near_copies(examined: Examined) -> Verdict:
    cohort, sides = examined.opened.cohort, examined.opened.split.sides
    if len({case.source for case in cohort.cases}) < 2:
        return NotApplicable("there is one image")
    found = pair_findings(cohort, examined.pairs, sides)
    shown = sorted(examined.pairs, key=lambda pair: sides[pair.first] == sides[pair.second])
    return Pairs(found, tuple(Pair(pair.first, pair.second, pair.how) for pair in shown)) if found else found


def _people(examined: Examined) -> Verdict:
    cohort = examined.opened.cohort
    if cohort.unit != "patient":
        return NotApplicable("every image counts as a patient of its own")
    if not all(is_dicom(case.source.path) for case in cohort.cases):
        return NotApplicable("images are no DICOM files, whose headers say more than the table")
    from radcnn.data.dicom.header import dicom_identities  # pydicom is loaded only where there is DICOM
    from radcnn.data.leaks.people import identity_findings

    identities = dicom_identities([case.source.path for case in cohort.cases])
    return identity_findings(cohort, identities, examined.opened.split.sides)


def tells(*families: str, codes: tuple[str, ...]) -> Check[Examined]:
    """A check of what tells the label without the patient."""

    def examine(examined: Examined) -> Verdict:
        asked = [one for one in examined.shortcuts if one.family in families]
        if all(one.not_applicable for one in asked):
            return NotApplicable("; ".join(dict.fromkeys(one.not_applicable for one in asked)))
        known = [one for one in asked if not one.not_applicable]
        figures = [f"AUC {one.auc:.2f} ({one.low:.2f} to {one.high:.2f})" for one in known]
        return Measured(shortcut_findings(known), ", ".join(figures))

    return Check(codes, examine)


def _masks(examined: Examined) -> Verdict:
    cohort, settings = examined.opened.cohort, examined.opened.settings
    if all(case.mask is None and case.box is None for case in cohort.cases):
        return NotApplicable("no case has a mask or a box")
    declared = {label: name for name, labels in settings.structure.items() for label in labels}
    if declared:
        found = read_mask_print(examined.opened.folder.masks).unlabelled
        if (unlabelled := settings.segmentation.get("unlabelled", found)) is not None:
            declared[unlabelled] = "nobody looked here"
    return mask_findings(cohort, declared=declared or None)


def _mask_labels(examined: Examined) -> Verdict:
    if not examined.opened.settings.outlines:
        return NotApplicable("no structure is to be outlined")
    return print_findings(read_mask_print(examined.opened.folder.masks))


def _class_counts(planned: Planned) -> Verdict:
    folds, opened = planned.plan.training.folds, planned.opened
    if opened.settings.outlines:
        return fold_findings(read_mask_print(opened.folder.masks), folds) if folds else NotApplicable("no folds")
    return class_count_findings(opened.cohort, opened.split, folds=folds)


def _disk(planned: Planned) -> Verdict:
    needed = planned.needed.disk_bytes + planned.needed.passing_bytes
    if needed <= planned.free_disk:
        return []
    sentence = f"training needs about {_mib(needed)} of disk, and {_mib(planned.free_disk)} are free"
    way_out = "free some space, or make the study (--out) on another disk"
    return [finding("not enough disk", sentence, way_out)]


def _memory(planned: Planned) -> Verdict:
    needed = planned.needed.memory_bytes - planned.needed.mapped_bytes
    if planned.free_memory is None or needed <= planned.free_memory:
        return []
    sentence = f"training needs about {_mib(needed)} of memory, and {_mib(planned.free_memory)} are free"
    way_out = "ask for smaller batches (--set training.batch=N) or images (--set preparation.size=[...])"
    return [finding("not enough memory", sentence, way_out)]


def _minutes(planned: Planned) -> Verdict:
    if planned.needed.minutes <= LONGER * planned.minutes:
        return []
    needed = f"{planned.needed.minutes:.1f}" if planned.needed.minutes < 10 else f"{planned.needed.minutes:.0f}"
    sentence = f"training will take about {needed} minutes, {planned.minutes:g} were asked for"
    way_out = "ask for fewer epochs or networks, or for more minutes (--minutes)"
    return [finding("longer than asked", sentence, way_out)]


def _mib(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB"


CHECKS: dict[str, Check[Examined]] = {
    "split": noticed("RC001", "RC016", "RC022"),
    "patients": noticed("RC002", "RC003", "RC004", "RC005", "RC006", "RC007", "RC021"),
    "labels": noticed("RC008", "RC009", "RC010", "RC011", "RC012"),
    "exact copies": copies("RC013", pairs=True),
    "exact copies on two sides": Check(
        ("RC014", "RC017", "RC023"),
        lambda examined: (
            *_of(examined.opened.split.findings, ("RC017",)),
            *_of(duplicate_findings(examined.opened.cohort, examined.copies, examined.opened.split.sides),
                 ("RC014", "RC023")),
        ),
    ),
    "labels of exact copies": copies("RC015"),
    "one picture in two files": Check(("RC040", "RC041", "RC042", "RC043"), _near_copies),
    "patients in headers": Check(("RC044", "RC045"), _people),
    "forms of images": Check(("RC018", "RC019", "RC020"), _forms),
    "reading": Check(codes_of("reading"), _read),
    "labels of masks": Check(("RC046", "RC047", "RC048", "RC049"), _mask_labels),
    "masks and boxes": Check(("RC050", "RC051", "RC052", "RC053", "RC054", "RC083"), _masks),
    "target within sites": Check(
        ("RC055", "RC056", "RC057"), lambda examined: site_findings(examined.opened.cohort)
    ),
    "classes of a patient": Check(("RC058",), lambda examined: patient_findings(examined.opened.cohort)),
    "columns of a patient": Check(("RC059",), lambda examined: attribute_findings(examined.opened.cohort)),
    "size and form of files": tells("file metadata", codes=("RC060",)),
    "site and scanner": tells("site", "scanner", codes=("RC061",)),
    "border and corners": tells("border and corners", codes=("RC062", "RC066")),
    "markers": tells("marker", codes=("RC063",)),
    "mean and histogram": tells("mean and histogram", codes=("RC064",)),
    "bytes on disk": tells("bytes on disk", codes=("RC065",)),
    "columns of the table": tells("columns", codes=("RC067",)),
    "units": of_looks(unit_findings, "RC070", "RC071", "RC072"),
    "saturation": of_looks(saturation_findings, "RC073"),
    "blank images": of_looks(blank_findings, "RC074"),
    "spacing": of_looks(spacing_findings, "RC075"),
    "orientation": of_looks(orientation_findings, "RC076"),
    "bit depth": of_looks(depth_findings, "RC077"),
    "phases": of_looks(phase_findings, "RC078"),
}  # fmt: skip
CHECKS_OF_A_RUN: dict[str, Check[Planned]] = {
    "class counts": Check(("RC079",), _class_counts),
    "disk": Check(("RC080",), _disk),
    "memory": Check(("RC081",), _memory),
    "minutes": Check(("RC082",), _minutes),
}


def outcomes(checks: dict[str, Check[T]], given: T) -> tuple[Outcome, ...]:
    """What each of these checks comes to, in their order."""
    return tuple(Outcome.of(name, check.examine(given)) for name, check in checks.items())
