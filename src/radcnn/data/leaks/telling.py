"""What pairs of one picture mean for a split and for labels, as findings that name cases by their numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radcnn.core.case import Side
from radcnn.data.cohort import Cohort
from radcnn.data.findings import Finding, counted, finding
from radcnn.data.leaks.pair import LeakPair

MOST_NAMED = 5


def pair_findings(cohort: Cohort, pairs: Sequence[LeakPair], sides: Sequence[Side]) -> tuple[Finding, ...]:
    """Pictures on two sides of the split, under two patients, and with two labels."""
    found = []
    across = [pair for pair in pairs if sides[pair.first] != sides[pair.second]]
    with_test = [pair for pair in across if "test" in (sides[pair.first], sides[pair.second])]
    way_out = "take one of each pair off its side, or say that they are one patient"
    if with_test and not cohort.fixed:
        sentence = f"{_pairs(with_test)} on the test and another side; the network is tested on what it was made with"
        found.append(finding("one picture on test and another side", sentence, way_out))
    unseen = across if cohort.fixed else [pair for pair in across if pair not in with_test]
    if unseen:
        whose = " of the data's own split" if cohort.fixed else ""
        found.append(finding("one picture on two sides", f"{_pairs(unseen)} on two sides{whose}", way_out))
    strangers = [
        pair
        for pair in pairs
        if pair not in across and cohort.cases[pair.first].patient != cohort.cases[pair.second].patient
    ]
    if strangers and cohort.unit == "patient":
        found.append(finding("one picture under two patients", f"{_pairs(strangers)} under two patients", way_out))
    return (*found, *_contradictions(cohort, pairs))


def _contradictions(cohort: Cohort, pairs: Sequence[LeakPair]) -> list[Finding]:
    targets = cohort.targets()
    torn_labels = []
    for pair in pairs:
        a, b = targets[pair.first], targets[pair.second]
        known = ~np.isnan(a) & ~np.isnan(b)
        if (a[known] != b[known]).any():
            torn_labels.append(pair)
    if not torn_labels:
        return []
    sentence = f"{_pairs(torn_labels)} with different labels"
    return [finding("one picture, other labels", sentence, "look at them: one label is wrong")]


def _pairs(pairs: Sequence[LeakPair]) -> str:
    verb = "shows" if len(pairs) == 1 else "show"
    return f"{counted(len(pairs), 'pair')} of cases {verb} one picture ({_listed(pairs)})"


def _listed(pairs: Sequence[LeakPair]) -> str:
    said = [f"{pair.first + 1} and {pair.second + 1}: {pair.how}" for pair in pairs[:MOST_NAMED]]
    return "cases " + "; ".join(said) + ("; ..." if len(pairs) > MOST_NAMED else "")


def torn(groups: Sequence[tuple[int, ...]], sides: Sequence[Side]) -> list[tuple[int, ...]]:
    """Groups of cases that lie on two sides of the split."""
    return [group for group in groups if len({sides[row] for row in group}) > 1]


def named(groups: Sequence[Sequence[int]]) -> str:
    """The first groups by their cases' numbers."""
    listed = [" and ".join(str(row + 1) for row in group[:3]) for group in groups[:MOST_NAMED]]
    return "cases " + "; ".join(listed) + ("; ..." if len(groups) > MOST_NAMED else "")
