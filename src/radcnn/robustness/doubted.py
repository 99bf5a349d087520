"""What a network says of its own doubts on one side of a study, and what that is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from radcnn.core.case import Side
from radcnn.core.estimate import Estimate
from radcnn.core.settings import fields_to_plain, from_plain
from radcnn.metrics.selective import RiskCoverage
from radcnn.robustness.tabled import figures_csv


@dataclass(frozen=True)
class Reliability:
    """Bins of a reliability diagram: mean probability, share that is true with its interval, number of cases."""

    probability: tuple[float, ...]
    share: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    cases: tuple[int, ...]


@dataclass(frozen=True)
class Calibrated:
    """Probabilities before and after temperature scaling.

    how           on which cases the temperature was fitted and judged
    temperatures  one, or one per half of the patients
    ece, loss     expected calibration error and log loss, before and after
    gained        log loss before minus after of the same cases, paired; above 0 the scaling helps new patients
    what          whose probability: of the positive answer, of the most probable class, of each label
    """

    how: str
    temperatures: tuple[float, ...]
    ece: tuple[Estimate, Estimate]
    loss: tuple[Estimate, Estimate]
    gained: Estimate
    what: str
    before: Reliability
    after: Reliability


@dataclass(frozen=True)
class Doubt:
    """One way to doubt an answer: whether it finds the wrong ones.

    wrong_found  AUC of wrong against right answers, the larger doubt being wrong; .5 is chance
    selective    risk against coverage if the answers of largest doubt are withheld
    because      why it does not apply
    """

    name: str
    wrong_found: Estimate
    selective: RiskCoverage | None = None
    because: str = ""


@dataclass(frozen=True)
class SetsOfGroup:
    """Conformal sets in one group: how often they hold the true class, and how many classes they have on average."""

    column: str
    group: str
    coverage: Estimate
    size: Estimate


@dataclass(frozen=True)
class ClassSets:
    """Conformal sets of classes made one way.

    level   how often the true class is promised to be in the set
    how     which patients set the threshold, and which are judged
    shares  of sets of 0, 1, 2 ... classes
    groups  all cases first, then by class, then by column
    """

    way: str
    level: float
    how: str
    shares: tuple[float, ...]
    groups: tuple[SetsOfGroup, ...]


@dataclass(frozen=True)
class OutsideFound:
    """How well images that are not as those of training are told by their features: AUC against the cases as they are.

    kind      "shift" or "foreign"
    severity  of a shift; 0 for foreign images
    """

    kind: str
    name: str
    severity: int
    amount: str
    mahalanobis: Estimate
    neighbours: Estimate


@dataclass(frozen=True)
class Doubted:
    """Everything doubts came to; parts that do not apply say so in `because`, by their name."""

    side: Side
    n: int
    patients: int
    threshold: str
    calibrated: Calibrated | None
    doubts: tuple[Doubt, ...]
    sets: tuple[ClassSets, ...]
    outside: tuple[OutsideFound, ...]
    because: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        plain: dict[str, Any] = fields_to_plain(self)
        return plain

    @classmethod
    def from_json(cls, value: Any) -> Doubted:
        """The inverse of as_json; raises SettingsError for anything else."""
        return from_plain(cls, value, "the result of doubts")

    def lines(self) -> tuple[str, ...]:
        """What the terminal prints."""
        said = [f"doubts on {self.n} {self.side} cases, answers at {self.threshold}"]
        if self.calibrated is not None:
            one = self.calibrated
            hot = " and ".join(f"{t:.2f}" for t in one.temperatures)
            said.append(f"  temperature {hot} ({one.how}): calibration error {one.ece[0]} before, {one.ece[1]} after")
        for doubt in self.doubts:
            area = "" if doubt.selective is None else f", AURC {doubt.selective.aurc}"
            found = f"not applicable, because {doubt.because}" if doubt.because else f"{doubt.wrong_found}{area}"
            said.append(f"  wrong answers found by {doubt.name}: {found}")
        said += [
            f"  {one.way} sets of {100 * one.level:g} %: the true class is in {one.groups[0].coverage}, "
            f"{one.groups[0].size} classes a set"
            for one in self.sets
        ]
        last = {one.name: one for one in self.outside}  # of a shift its largest severity
        said += [f"  outside of training, {_named(one)}: {one.mahalanobis}" for one in last.values()]
        said += [f"  {name}: not applicable, because {why}" for name, why in self.because.items()]
        return (*said, *(f"  note: {note}" for note in self.notes))

    def tables(self) -> dict[str, str]:
        """Coverage of sets by group, and what was found outside, as CSV."""
        sets = [
            ((one.way, f"{one.level:g}", group.column, group.group), name, figure)
            for one in self.sets
            for group in one.groups
            for name, figure in (("coverage", group.coverage), ("size", group.size))
        ]
        outside = [
            ((one.kind, one.name, str(one.severity), score), "auc", figure)
            for one in self.outside
            for score, figure in (("mahalanobis", one.mahalanobis), ("neighbours", one.neighbours))
        ]
        return {
            "sets": figures_csv(("way", "level", "column", "group"), sets),
            "outside": figures_csv(("kind", "name", "severity", "score"), outside),
        }


def _named(one: OutsideFound) -> str:
    return f"{one.name} ({one.amount})" if one.kind == "shift" else one.name
