"""Muted findings: errors stand in the way of a training unless a person accepts them by code, with a reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from radcnn.core.errors import FindingsError, InputError
from radcnn.data.findings import Finding, by_severity
from radcnn.data.outcome import Outcome
from radcnn.study.folder import quoted


def findings_of(found: Iterable[Outcome]) -> tuple[Finding, ...]:
    """All findings of these outcomes, the most serious first."""
    return by_severity(finding for outcome in found for finding in outcome.findings)


def standing(findings: Iterable[Finding], mute: Mapping[str, str]) -> tuple[Finding, ...]:
    """The errors that nobody muted."""
    return tuple(found for found in findings if found.severity == "error" and found.code not in mute)


def refuse_standing(found: Sequence[Outcome], mute: Mapping[str, str], study: Path) -> None:
    """Raise an InputError while an error stands that nobody muted; a FindingsError where it lies in the data."""
    errors = standing(findings_of(found), mute)
    if not errors:
        return
    codes = list(dict.fromkeys(error.code for error in errors))
    mutes = " ".join(f"--mute {code}" for code in codes)
    said = "; ".join(f"{error.code}: {error.sentence}" for error in errors)
    what = "a finding stands" if len(errors) == 1 else f"{len(errors)} findings stand"
    of_data = any(error.subject != "cost" for error in errors)
    look = f"look with: radcnn check {quoted(study)}; then " if of_data else ""
    way_out = f"{errors[0].way_out}, or" if len(errors) == 1 and errors[0].way_out else "mend them, or"
    kind = FindingsError if of_data else InputError
    raise kind(f"{what} in the way of training ({said}); {look}{way_out} go on in spite of it with {mutes}")
