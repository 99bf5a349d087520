"""Groups that must not be torn apart: the cases of a patient, and patients who share an identical image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from radcnn.core.errors import SplitError
from radcnn.data.cohort import Cohort
from radcnn.data.duplicates import content_groups
from radcnn.data.findings import Finding, counted, finding
from radcnn.data.stratify import deal, deal_labels, quantile_bins

S = TypeVar("S")


@dataclass(frozen=True)
class Groups:
    """Cases (indices into the cohort) of one patient, or of patients who share an image; ordered by first case.

    part  what the groups are dealt to, for messages
    """

    cohort: Cohort
    cases: tuple[tuple[int, ...], ...]
    findings: tuple[Finding, ...] = ()
    part: Literal["side", "fold"] = "side"

    def only(self, keep: Collection[int]) -> Groups:
        """The groups' cases among `keep`."""
        wanted = set(keep)
        cut = (tuple(i for i in group if i in wanted) for group in self.cases)
        return replace(self, cases=tuple(group for group in cut if group))

    def labelled(self) -> Groups:
        """The groups with at least one labelled case."""
        known = self.cohort.labelled()
        return replace(self, cases=tuple(group for group in self.cases if known[list(group)].any()))

    def deal(
        self,
        fractions: Sequence[float],
        chance: np.random.Generator,
        sides: Sequence[S],
        minimum: int,
        *,
        by_site: bool = False,
    ) -> dict[int, S]:
        """The side of each case whose group has a label, stratified by target and, if asked, by site.

        Raises SplitError when a class occurs in fewer than `minimum` groups for each side, or on a side. A group whose
        cases differ counts for each of their classes.
        """
        groups = self.labelled()
        if groups.cohort.target.kind == "multilabel":
            self._refuse_few(len(groups.cases), minimum * len(sides), "with a label")
            dealt = deal_labels(groups._labels(), fractions, chance)
        else:
            strata = groups._strata(minimum * len(sides))
            groups._refuse_few_of_a_class(minimum * len(sides))
            at = [self.cohort.cases[group[0]].site if by_site else None for group in groups.cases]
            dealt = deal(strata, at, fractions, chance, minimum=minimum)
            groups._refuse_bare_side(dealt, sides, minimum)
        return {case: sides[side] for group, side in zip(groups.cases, dealt, strict=True) for case in group}

    def _labels(self) -> np.ndarray:
        """Whether any case of a group shows each label: (groups, labels)."""
        targets = self.cohort.targets()
        return np.array([(targets[list(group)] == 1).any(axis=0) for group in self.cases])

    def _strata(self, smallest: int) -> list[int]:
        """A class per group, the rarest among its cases; for a regression, the quantile of its mean value."""
        targets, target = self.cohort.targets(), self.cohort.target
        if not target.has_values:
            self._refuse_few(len(self.cases), smallest, "with a mask" if target.kind == "mask" else "with a reference")
            return [0] * len(self.cases)
        if not target.classes:
            self._refuse_few(len(self.cases), smallest, "with a value")
            return quantile_bins(np.array([np.nanmean(targets[list(group)]) for group in self.cases]), smallest)
        classes = [{int(v) for v in targets[list(group), 0] if not np.isnan(v)} for group in self.cases]
        frequency = Counter(index for found in classes for index in found)
        return [min(found, key=lambda index: (frequency[index], -index)) for found in classes]

    def _showing(self, index: int) -> list[int]:
        """The groups with a case of this class."""
        targets = self.cohort.targets()[:, 0]
        return [number for number, group in enumerate(self.cases) if (targets[list(group)] == index).any()]

    def _refuse_few_of_a_class(self, needed: int) -> None:
        if not self.cohort.target.classes:
            return
        for index, name in enumerate(self.cohort.target.classes):
            self._refuse_few(len(self._showing(index)), needed, f"of class {name!r}")

    def _refuse_bare_side(self, dealt: Sequence[int], sides: Sequence[object], minimum: int) -> None:
        """Groups are dealt by one class each; that of their other cases comes by chance, and is checked."""
        if not self.cohort.target.classes:
            return
        for index, name in enumerate(self.cohort.target.classes):
            here = [dealt[number] for number in self._showing(index)]
            if fewest := [side for number, side in enumerate(sides) if here.count(number) < minimum]:
                raise SplitError(
                    f"this split would leave side {fewest[0]} with fewer than {minimum} patients of class {name!r}; "
                    "try another seed of the split (--split-seed), add cases, or join classes"
                )

    def _refuse_few(self, found: int, needed: int, of_what: str) -> None:
        if found < needed:
            noun = "case" if self.cohort.unit == "image" else "patient"
            joined = ", after those who share identical images were joined" if self.findings else ""
            fewer = ", ask for fewer folds," if self.part == "fold" and needed > 2 else ""
            raise SplitError(
                f"only {counted(found, noun)} {of_what}{joined}, but this split needs at least {needed} "
                f"to judge each {self.part}; add cases{fewer} or join classes"
            )


def linked_groups(cohort: Cohort, identical: Sequence[Sequence[int]] | None = None) -> Groups:
    """Cases grouped by patient; patients who share an image are one group, so that copies never straddle a split.

    `identical` are groups of cases with the same image; they are found by reading the files when it is None.
    """
    parent = list(range(len(cohort)))

    def root(case: int) -> int:
        while parent[case] != case:
            parent[case] = parent[parent[case]]
            case = parent[case]
        return case

    copies = content_groups(cohort) if identical is None else identical
    for group in [*cohort.by_patient.values(), *copies]:
        for case in group[1:]:
            first, second = sorted((root(group[0]), root(case)))
            parent[second] = first
    members: dict[int, list[int]] = {}
    for case in range(len(cohort)):
        members.setdefault(root(case), []).append(case)
    return Groups(cohort, tuple(tuple(group) for group in members.values()), _joined(cohort, list(members.values())))


def _joined(cohort: Cohort, groups: Sequence[Sequence[int]]) -> tuple[Finding, ...]:
    """Says that patients were joined, and how many at most: one blank image in every series would join everybody."""
    patients = len(cohort.by_patient)
    if len(groups) == patients:
        return ()
    noun = "images" if cohort.unit == "image" else "patients"
    largest = max(len({cohort.cases[i].patient for i in group}) for group in groups)
    sentence = (
        f"{patients} {noun} make {len(groups)} groups, since identical images stay on one side "
        f"(the largest group holds {largest})"
    )
    return (finding("patients joined by identical images", sentence),)
