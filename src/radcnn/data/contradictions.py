"""Contradictions among labels: a site that tells the target, and patients who change what does not change.

Nothing is said that chance explains: of three patients at a site, all may be healthy. A site or a class counts as
telling something only where so many patients alike would come about by chance less than once in a hundred studies.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import bdtr

from radcnn.data.cohort import Cohort
from radcnn.data.findings import Finding, counted, finding, numbered
from radcnn.data.outcome import NotApplicable, Verdict

CHANCE = 0.01  # probability below which chance is no explanation
STEADY = 0.95  # share of patients whose cases agree, from which on the others look like mistakes
FEWEST = 20  # patients with several cases; among fewer, agreement is no rule
MANY_VALUES = 20  # words of a column; with more it is no category but a measure, a date or free text
WAY_OUT_SITE = "a network may learn the site instead: leave these sites out, add cases of the other class there, or "


def site_findings(cohort: Cohort) -> Verdict:
    """Whether a site tells the target: constant at every site, at some, or a class that occurs at one site only."""
    if all(case.site is None for case in cohort.cases):
        return NotApplicable("no column names the site (--site)")
    if len({case.site for case in cohort.cases}) < 2:
        return NotApplicable("there is one site only")
    if not cohort.target.classes:
        return NotApplicable("the target is a value or an image, not a class")
    found: list[Finding] = []
    for column, name in enumerate(cohort.target.names):
        found += _sites_of(_patients_by_site(cohort, column), name, cohort.target.classes)
    return found


def _patients_by_site(cohort: Cohort, column: int) -> dict[str, Counter[int]]:
    """Patients per site and class; a patient of two classes counts for both."""
    seen = {
        (case.site, int(case.targets[column]), case.patient)
        for case in cohort.cases
        if case.site is not None and not np.isnan(case.targets[column])
    }
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for site, index, _ in sorted(seen):
        found[site][index] += 1
    return dict(found)


def _sites_of(sites: Mapping[str, Counter[int]], name: str, classes: Sequence[str]) -> list[Finding]:
    totals: Counter[int] = sum(sites.values(), Counter())
    everybody = totals.total()
    if len(totals) < 2:
        return []
    constant = [site for site, here in sites.items() if len(here) == 1]
    unlikely = [site for site in constant if _alike(sites[site], totals) < CHANCE / len(sites)]
    if len(constant) == len(sites) and np.prod([_alike(here, totals) for here in sites.values()]) < CHANCE:
        sentence = f"{name!r} is the same for all patients of a site, at each of {len(sites)} sites: the site tells it"
        way_out = WAY_OUT_SITE + "split with --leave-site and see"
        return [finding("site tells the target", sentence, way_out)]
    made = []
    if unlikely:
        listed = ", ".join(f"{classes[next(iter(sites[s]))]!r} for all {sites[s].total()} at {s!r}" for s in unlikely)
        sentence = f"{name!r} is constant within {counted(len(unlikely), 'site')} of {len(sites)} ({listed})"
        made.append(finding("target constant within a site", sentence, WAY_OUT_SITE + "compare subgroups by site"))
    for index in sorted(totals):
        where = [site for site, here in sites.items() if here[index]]
        if set(sites) - set(where) <= set(unlikely):
            continue  # said above
        if len(where) == 1 and (sites[where[0]].total() / everybody) ** totals[index] < CHANCE / len(totals):
            patients = counted(totals[index], "patient")
            sentence = (
                f"{name!r} {classes[index]!r} occurs at one of {len(sites)} sites only ({patients}, {where[0]!r})"
            )
            made.append(finding("class at one site only", sentence, WAY_OUT_SITE + "compare subgroups by site"))
    return made


def _alike(here: Counter[int], totals: Counter[int]) -> float:
    """Probability that so many patients, drawn from everybody, are of one class, whichever it is."""
    shares = np.array(list(totals.values())) / totals.total()
    return float(np.sum(shares ** here.total()))


def patient_findings(cohort: Cohort) -> Verdict:
    """Patients of two classes where nearly all patients have one: a label, or a patient's number, is wrong."""
    if cohort.unit == "image":
        return NotApplicable("every image counts as a patient")
    if not cohort.target.classes:
        return NotApplicable("the target is a value or an image, not a class")
    groups = _several(cohort)
    if not groups:
        return NotApplicable("no patient has several cases")
    found = []
    for column, name in enumerate(cohort.target.names):
        labels = [case.targets[column] for case in cohort.cases]
        exceptions = unsteady([[labels[i] for i in group if not np.isnan(labels[i])] for group in groups])
        if exceptions:
            sentence, way_out = _words(f"{name!r}", [groups[i] for i in exceptions], groups)
            found.append(finding("patient of two classes", sentence, way_out))
    return found


def attribute_findings(cohort: Cohort) -> Verdict:
    """The same for the columns of subgroups and the site: nearly every patient has one sex, and two have both."""
    if cohort.unit == "image":
        return NotApplicable("every image counts as a patient")
    names = sorted({name for case in cohort.cases for name in case.attributes})
    if not names:
        return NotApplicable("no column of subgroups was named (--subgroup)")
    groups = _several(cohort)
    if not groups:
        return NotApplicable("no patient has several cases")
    found = []
    for name in names:
        words = [case.attributes.get(name, "") for case in cohort.cases]
        if len(set(words)) > MANY_VALUES:
            continue
        place = {word: float(i) for i, word in enumerate(sorted(set(words) - {""}))}
        exceptions = unsteady([[place[words[i]] for i in group if words[i]] for group in groups])
        if exceptions:
            sentence, way_out = _words(f"column {name!r}", [groups[i] for i in exceptions], groups)
            found.append(finding("patient of two kinds", sentence, way_out))
    return found


def _several(cohort: Cohort) -> list[tuple[int, ...]]:
    return [cases for cases in cohort.by_patient.values() if len(cases) > 1]


def _words(what: str, exceptions: Sequence[Sequence[int]], groups: Sequence[Sequence[int]]) -> tuple[str, str]:
    changes, has = ("changes", "has") if len(exceptions) == 1 else ("change", "have")
    sentence = (
        f"{counted(len(exceptions), 'patient')} of {len(groups)} with several cases {changes} in {what}, which the "
        f"others never do ({'; '.join(numbered(cases) for cases in exceptions[:3])}{'; ...' if exceptions[3:] else ''})"
    )
    return sentence, f"look whether {has} a wrong label or a patient's number that two people share"


def unsteady(groups: Sequence[Sequence[float]]) -> list[int]:
    """Which groups of values differ within, where nearly all agree and chance would let many more differ.

    Independent values of a rare class would agree in most patients, too: so many must agree that chance is no
    explanation. Empty where that is not so, or where there are too few groups to tell.

    >>> unsteady([[0, 0], [1, 1]] * 20 + [[0, 1]])
    [40]
    """
    known = [(i, values) for i, values in enumerate(groups) if len(values) > 1]
    differ = [i for i, values in known if len(set(values)) > 1]
    if len(known) < FEWEST or not differ or len(differ) > (1 - STEADY) * len(known):
        return []
    counts = Counter(value for _, values in known for value in values)
    shares = np.array(list(counts.values())) / counts.total()
    expected = np.mean([1 - float(np.sum(shares ** len(values))) for _, values in known])
    return differ if bdtr(len(differ), len(known), expected) < CHANCE else []
