"""An Outcome: what one check came to. It passed, it found something, or it does not apply, because ..."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from radcnn.data.findings import Finding

Word = Literal["passed", "findings", "not applicable"]


@dataclass(frozen=True)
class NotApplicable:
    """Why a check says nothing about these data, as the end of a sentence: "no column names the site"."""

    because: str


@dataclass(frozen=True)
class Pair:
    """Two cases to be looked at side by side: their rows in the cohort, and how they are alike."""

    first: int
    second: int
    how: str


@dataclass(frozen=True)
class Pairs:
    """Findings that pairs of cases show."""

    findings: tuple[Finding, ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Measured:
    """Findings, if any, and the figure that the check came to: "AUC 0.53 (0.48 to 0.58)"."""

    findings: tuple[Finding, ...]
    figure: str


Verdict = Sequence[Finding] | Pairs | Measured | NotApplicable


@dataclass(frozen=True)
class Outcome:
    """What the check called `check` came to; `because` says why it does not apply, and is empty where it does.

    figure  what was measured, where a check measures something
    """

    check: str
    findings: tuple[Finding, ...] = ()
    because: str = ""
    pairs: tuple[Pair, ...] = ()
    figure: str = ""

    @classmethod
    def of(cls, check: str, verdict: Verdict) -> Outcome:
        """The outcome that a verdict amounts to.

        >>> Outcome.of("target within sites", NotApplicable("no column names the site")).word
        'not applicable'
        """
        if isinstance(verdict, NotApplicable):
            return cls(check, because=verdict.because)
        if isinstance(verdict, Pairs):
            return cls(check, verdict.findings, pairs=verdict.pairs)
        if isinstance(verdict, Measured):
            return cls(check, verdict.findings, figure=verdict.figure)
        return cls(check, tuple(verdict))

    @property
    def word(self) -> Word:
        """The outcome in a word."""
        return "not applicable" if self.because else "findings" if self.findings else "passed"

    @property
    def named(self) -> str:
        """The check, and what it measured.

        >>> Outcome("markers", figure="AUC 0.52 (0.45 to 0.58)").named
        'markers [AUC 0.52 (0.45 to 0.58)]'
        """
        return f"{self.check} [{self.figure}]" if self.figure else self.check

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        found = [one.as_json() for one in self.findings]
        pairs = [asdict(pair) for pair in self.pairs]
        said = {"check": self.check, "outcome": self.word, "because": self.because, "figure": self.figure}
        return {**said, "findings": found, "pairs": pairs}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Outcome:
        """The inverse of as_json."""
        found = tuple(Finding(**one) for one in value["findings"])
        pairs = tuple(Pair(int(p["first"]), int(p["second"]), str(p["how"])) for p in value["pairs"])
        return cls(str(value["check"]), found, str(value["because"]), pairs, str(value.get("figure", "")))
