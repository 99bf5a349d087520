"""A Split: training, tuning and test side by patient, made once, saved with its hash and verified when loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from radcnn.core.case import SIDES, Side
from radcnn.core.catalogue import did_you_mean
from radcnn.core.chance import generator
from radcnn.core.errors import ReadError, SplitError
from radcnn.core.files import read_json, sha256_of_json, write_json
from radcnn.data.cohort import Cohort
from radcnn.data.findings import Finding, counted, finding
from radcnn.data.groups import Groups, linked_groups

FORMAT = "radcnn split 1"
DEFAULT_FRACTIONS = (0.7, 0.15, 0.15)
MIN_PER_SIDE = 2  # patients of each class on each side: with fewer, an AUC has no variance
MOST_NAMED = 3  # patients of whom a refusal names cases
FOLDS = (5, 4, 3)  # numbers of folds that are proposed; two would train each network on half of the cases only
Sites = Literal["ignored", "stratified"]


@dataclass(frozen=True)
class Split:
    """The side of every case.

    cases, sides  case ids in the cohort's order and where each one is
    seed, fractions, method  how the split was made; `method` is a sentence for the report
    findings      what was noticed while splitting; not part of the hash
    most_folds    the most folds, 5 to 3, that the training and tuning cases can fill, or 0; not part of the hash
    marks         salted hashes of what the user calls the cases; empty in splits made before there were any, and not
                  part of the hash, which is thus the same for the same images under another salt
    """

    cases: tuple[str, ...]
    sides: tuple[Side, ...]
    seed: int
    fractions: tuple[float, float, float]
    method: str
    findings: tuple[Finding, ...] = ()
    most_folds: int = 0
    marks: tuple[str, ...] = ()

    def of(self, side: Side) -> tuple[int, ...]:
        """Indices of the cases on a side, in the cohort's order."""
        return tuple(i for i, found in enumerate(self.sides) if found == side)

    def counts(self) -> dict[Side, int]:
        """Cases per side."""
        return {side: self.sides.count(side) for side in SIDES}

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the sides and of how they were made."""
        return sha256_of_json(self._content())

    def _content(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "seed": self.seed,
            "fractions": list(self.fractions),
            "method": self.method,
            "sides": dict(zip(self.cases, self.sides, strict=True)),
        }

    def save(self, path: Path | str) -> None:
        """Write JSON with the split's hash in it."""
        found = [one.as_json() for one in self.findings]
        about = {"findings": found, "most_folds": self.most_folds, "marks": list(self.marks), "hash": self.hash}
        write_json(path, {**self._content(), **about})

    @classmethod
    def load(cls, path: Path | str) -> Split:
        """Read what `save` wrote; raises SplitError when it was changed since, ReadError when it is no split."""
        value = read_json(path)
        try:
            if value["format"] != FORMAT:
                raise ReadError(f"{path} is not a split of this version of radcnn ({FORMAT})")
            training, tuning, test = value["fractions"]
            split = cls(
                tuple(value["sides"]),
                tuple(value["sides"].values()),
                int(value["seed"]),
                (training, tuning, test),
                str(value["method"]),
                tuple(Finding(**one) for one in value["findings"]),
                int(value["most_folds"]),
                tuple(str(one) for one in value.get("marks", ())),
            )
            written = value["hash"]
        except (KeyError, TypeError, ValueError, AttributeError) as cause:
            raise ReadError(f"{path} is not a split that radcnn wrote; restore it from a copy") from cause
        if split.hash != written or not set(split.sides) <= set(SIDES):
            raise SplitError(
                f"{path} was changed after it was made (its hash does not fit); restore it from a copy, "
                "or make a new study if another split is wanted"
            )
        return split

    def verify(self, cohort: Cohort) -> None:
        """Raise SplitError unless this is a split of exactly this cohort with no patient on two sides."""
        known = self.marks or self.cases
        found = tuple(case.mark if self.marks else case.id for case in cohort.cases)
        if known != found or self.cases != tuple(case.id for case in cohort.cases):
            new, gone = len(set(found) - set(known)), len(set(known) - set(found))
            raise SplitError(
                f"the data changed after the split was made: {counted(new, 'case')} came and {gone} went, or their "
                "order changed; restore the data, or make a new study"
            )
        refuse_straddling(cohort, self.sides)


def refuse_straddling(cohort: Cohort, sides: Sequence[Side | None]) -> None:
    """Raise SplitError when a patient is on two sides; cases are named by their number, since ids may name patients."""
    straddling = [cases for cases in cohort.by_patient.values() if len({sides[i] for i in cases}) > 1]
    if straddling:
        verb = "is" if len(straddling) == 1 else "are"
        listed = "; ".join(_seen_on(cases, sides) for cases in straddling[:MOST_NAMED])
        raise SplitError(
            f"{counted(len(straddling), 'patient')} of {len(cohort.by_patient)} {verb} on two sides of the split "
            f"({listed}{'; ...' if len(straddling) > MOST_NAMED else ''}), so the test would not be of new "
            "patients; correct the split column, or leave it out and radcnn splits by patient"
        )


def _seen_on(cases: Sequence[int], sides: Sequence[Side | None]) -> str:
    """One case of a patient on each side, as "case 2 training, case 4 test"; cases are counted from 1."""
    first = {sides[i]: i for i in reversed(cases)}
    return ", ".join(f"case {i + 1} {side}" for side, i in sorted(first.items(), key=lambda found: found[1]))


def split(
    cohort: Cohort,
    *,
    seed: int,
    fractions: tuple[float, float, float] = DEFAULT_FRACTIONS,
    sites: Sites = "ignored",
    leave_site: str | None = None,
    identical: Sequence[Sequence[int]] | None = None,
) -> Split:
    """Split a cohort by patient into training, tuning and test side.

    fractions   shares of patients, stratified by the target: by class, by label, or by quantiles of a value
    sites       "stratified" keeps each site's share of a class alike on all sides
    leave_site  this site becomes the test side; the others are split into training and tuning
    identical   groups of cases with the same image, which never straddle; found by reading the files when None

    A split that the data bring is kept; only a missing tuning side is taken from training. A patient whose cases
    differ counts as one of its rarest class. Cases without a label go to training. The result depends on the order
    of the cases and the seed, not on pseudonyms. Raises SplitError when patients straddle a given split, or when a
    class has fewer than MIN_PER_SIDE patients for each side.

    >>> from radcnn.core.case import Case, Source
    >>> from radcnn.core.target import Target
    >>> cases = tuple(Case(f"c{i}", f"p{i // 2}", Source(Path("x")), (float(i % 4 > 1),)) for i in range(80))
    >>> cohort = Cohort(cases, Target("binary", ("malignant",), ("no", "yes")), "patient", 2)
    >>> split(cohort, seed=7, identical=()).counts()
    {'training': 56, 'tuning': 12, 'test': 12}
    """
    _check_fractions(fractions)
    if any(case.side is not None for case in cohort.cases):
        if leave_site is not None:
            raise SplitError("the data bring a fixed split, so no site can be left out; give one of the two")
        return _kept(cohort, seed, fractions, identical)
    groups = linked_groups(cohort, identical)
    if leave_site is None:
        chance = generator(seed, "split")
        dealt = groups.deal(fractions, chance, SIDES, MIN_PER_SIDE, by_site=sites == "stratified")
    else:
        dealt = _site_left_out(cohort, groups, leave_site, seed, fractions)
    sides: list[Side] = [dealt.get(i, "training") for i in range(len(cohort))]
    made = _verified(cohort, sides, seed, fractions, described(cohort, sites, leave_site), groups.findings)
    return replace(made, most_folds=_most_folds(groups, made))


def described(cohort: Cohort, sites: Sites, leave_site: str | None) -> str:
    """How a split is made, for the report: such as "by patient, stratified by target and site"."""
    heeded = ["target"] if cohort.target.has_values else []
    heeded += ["site"] if sites == "stratified" and leave_site is None else []
    how = f"by {cohort.unit}" + (f", stratified by {' and '.join(heeded)}" if heeded else "")
    return how if leave_site is None else f"site {leave_site!r} left out as test side; the others {how}"


def folds(
    cohort: Cohort, split: Split, *, k: int, seed: int, identical: Sequence[Sequence[int]] | None = None
) -> tuple[Split, ...]:
    """k splits whose tuning sides together are the training and tuning cases; the test side stays sealed.

    Stratified as `split` is. Raises SplitError when k is not 2 to 20 or a class has fewer than k patients.
    """
    if not 2 <= k <= 20:
        raise SplitError(f"folds must be 2 to 20, got {k}")
    split.verify(cohort)
    open_cases = [i for i, side in enumerate(split.sides) if side != "test"]
    parts = _dealt_folds(linked_groups(cohort, identical).only(open_cases), k, seed)
    made = []
    for fold in range(k):
        sides: list[Side] = list(split.sides)
        for case in open_cases:
            sides[case] = "tuning" if parts.get(case) == fold else "training"
        method = f"{split.method}; fold {fold + 1} of {k}"
        made.append(Split(split.cases, tuple(sides), seed, split.fractions, method, split.findings, marks=split.marks))
    return tuple(made)


def _dealt_folds(open_groups: Groups, k: int, seed: int) -> dict[int, int]:
    """The fold of each case; raises SplitError when a class cannot fill each of the k folds."""
    return replace(open_groups, part="fold").deal((1 / k,) * k, generator(seed, "folds"), tuple(range(k)), 1)


def _most_folds(groups: Groups, split: Split) -> int:
    open_groups = groups.only([i for i, side in enumerate(split.sides) if side != "test"])
    for k in FOLDS:
        with suppress(SplitError):
            _dealt_folds(open_groups, k, split.seed)
            return k
    return 0


def _check_fractions(fractions: tuple[float, float, float]) -> None:
    if len(fractions) != 3 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise SplitError(f"fractions must be three positive shares that sum to 1, got {fractions}")


def _kept(
    cohort: Cohort, seed: int, fractions: tuple[float, float, float], identical: Sequence[Sequence[int]] | None
) -> Split:
    """The split that the data bring, with a tuning side taken from training where it has none."""
    without = sum(case.side is None for case in cohort.cases)
    if without:
        raise SplitError(f"{without} of {len(cohort)} cases have no side; give every case one, or none")
    sides: list[Side] = [case.side for case in cohort.cases if case.side is not None]
    refuse_straddling(cohort, sides)
    present = Counter(sides)
    needed: tuple[Side, ...] = ("training", "test")
    for side in needed:
        if not present[side]:
            raise SplitError(f"the fixed split has no {side} cases; name some, or leave it out to have one made")
    findings: tuple[Finding, ...] = ()
    if not present["tuning"]:
        open_cases = [i for i, side in enumerate(sides) if side == "training"]
        groups = linked_groups(cohort, identical).only(open_cases)
        share = fractions[1] / (fractions[0] + fractions[1])
        two: tuple[Side, Side] = ("training", "tuning")
        dealt = groups.deal((1 - share, share), generator(seed, "split"), two, MIN_PER_SIDE)
        sides = [dealt.get(i, side) for i, side in enumerate(sides)]
        sentence = (
            f"the fixed split has no tuning side; {sides.count('tuning')} of {len(open_cases)} training cases "
            f"became it, by {cohort.unit}"
        )
        findings = (finding("tuning side taken from training", sentence),)
    method = "as given by the data" + (f"; tuning side from training by {cohort.unit}" if findings else "")
    return _verified(cohort, sides, seed, fractions, method, findings)


def _site_left_out(
    cohort: Cohort, groups: Groups, site: str, seed: int, fractions: tuple[float, float, float]
) -> dict[int, Side]:
    """Every group with a case at `site` is test; the others are dealt onto training and tuning."""
    known = sorted({case.site for case in cohort.cases if case.site is not None})
    if site not in known:
        raise SplitError(f"site {site!r} is unknown: {did_you_mean(site, known)}")
    test = {i for group in groups.cases if any(cohort.cases[j].site == site for j in group) for i in group}
    others = groups.only(set(range(len(cohort))) - test)
    if not others.cases:
        raise SplitError(f"every patient has a case at site {site!r}, so nothing is left to train on")
    share = fractions[1] / (fractions[0] + fractions[1])
    sides: tuple[Side, Side] = ("training", "tuning")
    dealt = others.deal((1 - share, share), generator(seed, "split"), sides, MIN_PER_SIDE)
    return {**dealt, **dict.fromkeys(test, "test")}


def _verified(
    cohort: Cohort,
    sides: Sequence[Side],
    seed: int,
    fractions: tuple[float, float, float],
    method: str,
    findings: tuple[Finding, ...],
) -> Split:
    _refuse_nothing_to_learn(cohort, sides)
    found = (*findings, *_missing_classes(cohort, sides))
    made = Split(
        tuple(case.id for case in cohort.cases), tuple(sides), seed, fractions, method, found, marks=_marks(cohort)
    )
    made.verify(cohort)
    return made


def _marks(cohort: Cohort) -> tuple[str, ...]:
    marks = tuple(case.mark for case in cohort.cases)
    return marks if all(marks) else ()


def _refuse_nothing_to_learn(cohort: Cohort, sides: Sequence[Side]) -> None:
    """Raise SplitError when the labels of the training side are all the same, which only a given split can bring."""
    if not cohort.target.has_values:
        return
    training = cohort.targets()[[i for i, side in enumerate(sides) if side == "training"]]
    found = {float(value) for value in training.reshape(-1) if value == value}
    if len(found) < 2:
        kind, classes = cohort.target.kind, cohort.target.classes
        named = [f"only {v:g}" if kind == "regression" else f"only {classes[int(v)]!r}" for v in found]
        raise SplitError(
            f"training cases must differ in {', '.join(cohort.target.names)}, got {', '.join(named) or 'no label'} on "
            "the training side; correct the split that the data bring, or let radcnn split"
        )


def _missing_classes(cohort: Cohort, sides: Sequence[Side]) -> list[Finding]:
    """Classes that do not occur on a side, where figures about them will be undefined."""
    if not cohort.target.classes:
        return []
    targets = cohort.targets()
    missing = []
    for side in SIDES:
        here = targets[[i for i, found in enumerate(sides) if found == side]]
        for column, name in enumerate(cohort.target.names):
            for index, word in enumerate(cohort.target.classes):
                if not (here[:, column] == index).any():
                    sentence = f"no {side} case has {name!r} {word!r}, so its figures there are undefined"
                    missing.append(finding("class missing on a side", sentence, "add cases, or join classes"))
    return missing
