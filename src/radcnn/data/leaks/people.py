"""One patient under several numbers, one study under several patients: told by what DICOM headers say of them.

Everything compared here is in memory only; findings name cases by their number.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from radcnn.core.case import Side
from radcnn.data.cohort import Cohort
from radcnn.data.dicom.header import Identity
from radcnn.data.findings import Finding, counted, finding
from radcnn.data.leaks.telling import named, torn

Groups = list[tuple[int, ...]]


def identity_findings(cohort: Cohort, identities: Sequence[Identity], sides: Sequence[Side]) -> tuple[Finding, ...]:
    """Cases of several patients that belong to one: by study, by a number written otherwise, by name and birth date."""
    if cohort.unit != "patient":
        return ()
    by_study = _torn_apart(cohort, (one.study_uid or one.series_uid for one in identities))
    numbers = _torn_apart(cohort, (plain_number(one.patient_id) for one in identities))
    people = _torn_apart(cohort, (one.person for one in identities))
    found = _said(cohort, by_study, sides, "study", "hold images of several patients")
    return (*found, *_said(cohort, _merged(numbers, people), sides, "patient", "stand under several numbers"))


def plain_number(identifier: str) -> str:
    """A patient's number without what people write differently: case, blanks, punctuation, leading zeros.

    >>> plain_number(" mrn-00417 ") == plain_number("MRN 417")
    True
    """
    parts = re.findall(r"\d+|[^\W\d_]+", identifier.casefold())
    return " ".join(part.lstrip("0") or "0" for part in parts)


def _torn_apart(cohort: Cohort, keys: Iterable[Hashable]) -> Groups:
    """Cases with one key under several patients; the empty key says nothing."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        if key:
            groups[key].append(row)
    return [tuple(rows) for rows in groups.values() if len({cohort.cases[row].patient for row in rows}) > 1]


def _merged(*found: Groups) -> Groups:
    """Groups, each set of cases once."""
    return list(dict.fromkeys(group for groups in found for group in groups))


def _said(cohort: Cohort, groups: Groups, sides: Sequence[Side], what: str, how: str) -> list[Finding]:
    if not groups:
        return []
    plural = "studies" if what == "study" else f"{what}s"
    leaking = torn(groups, sides)
    found = []
    if leaking:
        sentence = f"{counted(len(leaking), what, plural)} {how} and lie on two sides of the split ({named(leaking)})"
        way_out = "give the patients by a column (--patient) in which each has one name"
        if not cohort.fixed:
            found.append(finding("one patient on two sides", sentence, way_out))
        else:
            sentence += "; the data's own split does so"
            found.append(finding("one patient under several names", sentence, way_out))
    rest = [group for group in groups if group not in leaking]
    if rest:
        sentence = f"{counted(len(rest), what, plural)} {how} ({named(rest)})"
        found.append(finding("one patient under several names", sentence, "see whether they are one patient"))
    return found
