"""A Story: everything the report of a study needs, as plain values, so that it is drawn without data or training code.

Story
├── title, task, data, created, version     the question and the data in words; date; radcnn's version
├── synthetic, certificate                  whether the cases were simulated, and how hard the simulation is
├── regions                                 whether the network looks at regions, or at whole images
├── unit                                    "patient" | "image": the unit of splits and intervals
├── flow                                    Flow: found, left out, and what lies on each side
├── findings, pairs                         what was noticed about the data, and cases that are alike
├── passed, not_applicable                  checks that found nothing, or do not apply, and why
├── split_rule, split_hash, openings        how it was split; every opening of the test set
├── reasons, plan                           every proposed setting and why; the whole plan as JSON text
├── card                                    the network's layers as text
├── history, figure, verdict                the epochs of each member, what was watched, what the curves say
├── tuning, test, external                  Judgements; None where a side was not judged
├── worst                                   the most confidently wrong cases, with pictures
├── explain                                 what looking into this model found: figures of maps, and pictures
├── stress                                  what stress tests of this model came to, one Fragment for each part
├── hashes                                  SHA-256 of the model, its plan and the split
└── environment, seeds, commands, limits    what is needed to do it again, and what it must not be used for

No field holds a patient's name, number or pseudonym: cases are called by number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from radcnn.core.case import SideName, Unit
from radcnn.evaluation.judgement import Judgement
from radcnn.plan.settings import Reason
from radcnn.reports.epochs import EpochRow
from radcnn.reports.fragment import Fragment

Severity = Literal["info", "warning", "error"]
VerdictLabel = Literal["under-fitted", "fitted", "over-fitted", "undecided"]


@dataclass(frozen=True)
class LeftOut:
    """Cases that were found but not used, and why."""

    reason: str
    cases: int


@dataclass(frozen=True)
class ClassCount:
    """Cases of one class or with one label, of those whose label is known; `missing` are the others."""

    name: str
    cases: int
    labelled: int
    missing: int = 0


@dataclass(frozen=True)
class SideCount:
    """What lies on one side of the split; `classes` are in the order of the target, or empty.

    With folds, training and tuning cases rotate: then `name` is "training" and `note` says so.
    """

    name: SideName
    cases: int
    patients: int
    classes: tuple[ClassCount, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Flow:
    """From the cases found to the sides of the split."""

    cases: int
    patients: int
    left_out: tuple[LeftOut, ...]
    sides: tuple[SideCount, ...]


@dataclass(frozen=True)
class FindingLine:
    """One thing noticed about the data: a code, how serious it is, the sentence, and what to do about it.

    subject  what it applies to
    muted    the reason why a person accepts it, which may be empty; None where nobody muted it
    """

    code: str
    severity: Severity
    sentence: str
    way_out: str = ""
    subject: str = ""
    muted: str | None = None

    @property
    def is_error(self) -> bool:
        """Whether it makes a result wrong, muted or not."""
        return self.severity == "error"


@dataclass(frozen=True)
class PicturedPair:
    """Two cases that are alike, by their numbers in the study, with their sides and pictures (8-bit PNG)."""

    first: int
    first_side: SideName
    first_png: bytes
    second: int
    second_side: SideName
    second_png: bytes
    how: str


@dataclass(frozen=True)
class Opening:
    """One opening of the test set, as its ledger has it; `model` is the hash of the model."""

    date: str
    reason: str
    model: str
    run: str


@dataclass(frozen=True)
class Verdict:
    """What the curves say, and which remedies of Table 3 of the review are in use and which are not."""

    label: VerdictLabel
    sentence: str
    in_use: tuple[str, ...]
    not_in_use: tuple[str, ...]


@dataclass(frozen=True)
class PicturedCase:
    """A wrong case: its number in the study, an 8-bit PNG, the truth, what was predicted, and a sentence of words."""

    number: int
    png: bytes
    truth: str
    predicted: str
    score: float
    sentence: str = ""


@dataclass(frozen=True)
class Story:
    """Everything the report of a study needs; see the drawing on top of this file."""

    title: str
    task: str
    data: str
    created: str
    version: str
    flow: Flow
    split_rule: str
    split_hash: str
    plan: str
    card: str
    figure: str
    verdict: Verdict
    synthetic: bool = False
    certificate: str = ""
    regions: bool = False
    unit: Unit = "patient"
    findings: tuple[FindingLine, ...] = ()
    pairs: tuple[PicturedPair, ...] = ()
    pairs_found: int = 0
    passed: tuple[str, ...] = ()
    not_applicable: tuple[tuple[str, str], ...] = ()
    openings: tuple[Opening, ...] = ()
    reasons: tuple[Reason, ...] = ()
    history: tuple[EpochRow, ...] = ()
    tuning: Judgement | None = None
    test: Judgement | None = None
    external: Judgement | None = None
    worst: tuple[PicturedCase, ...] = ()
    worst_side: SideName = "internal test"
    explain: tuple[Fragment, ...] = ()
    stress: tuple[Fragment, ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    commands: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    @property
    def standing(self) -> tuple[FindingLine, ...]:
        """Findings that make a result wrong, and that nobody muted."""
        return tuple(found for found in self.findings if found.is_error and found.muted is None)

    @property
    def judged(self) -> tuple[tuple[SideName, Judgement], ...]:
        """The sides that were judged, tuning first."""
        sides: tuple[tuple[SideName, Judgement | None], ...] = (
            ("tuning", self.tuning),
            ("internal test", self.test),
            ("external test", self.external),
        )
        return tuple((name, judgement) for name, judgement in sides if judgement is not None)

    @property
    def main(self) -> tuple[SideName, Judgement] | None:
        """The side the first page speaks of: the internal test, else the external test, else tuning."""
        found = dict(self.judged)
        order: tuple[SideName, ...] = ("internal test", "external test", "tuning")
        return next(((name, found[name]) for name in order if name in found), None)
