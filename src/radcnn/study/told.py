"""What the pages of all studies tell: findings with who accepted them, epochs, and the limits of any result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from radcnn.data.outcome import Outcome
from radcnn.reports.epochs import EpochRow
from radcnn.reports.story import FindingLine
from radcnn.study.folder import RunFolder, read_record
from radcnn.study.going_on import read_history
from radcnn.study.muting import findings_of
from radcnn.study.open_study import OpenStudy

LIMITS = (
    "Figures hold for patients like those of this study; other scanners, sites and prevalences need an external test.",
    "Tuning figures are optimistic: weights, operating points and settings were chosen on these cases.",
)


def mutes_of(folder: RunFolder, opened: OpenStudy) -> dict[str, str]:
    """Codes that were muted when the run began, or are in study.yaml now, with the reasons."""
    begun = read_record(folder).get("muted")
    return {**(begun if isinstance(begun, dict) else {}), **opened.settings.mute}


def finding_lines(found: Sequence[Outcome], mute: Mapping[str, str]) -> tuple[FindingLine, ...]:
    return tuple(
        FindingLine(one.code, one.severity, one.sentence, one.way_out, one.subject, mute.get(one.code))
        for one in findings_of(found)
    )


def accepted(findings: Sequence[FindingLine]) -> tuple[str, ...]:
    """Errors that the network was trained in spite of, muted or not: whoever uses it must know of them."""
    return tuple(f"{one.code} makes a result wrong{_by_whom(one)}: {one.sentence}." for one in findings if one.is_error)


def _by_whom(found: FindingLine) -> str:
    return "" if found.muted is None else f" and was muted ({found.muted or 'no reason was given'})"


def epoch_rows(folder: RunFolder) -> tuple[EpochRow, ...]:
    return tuple(
        EpochRow(
            e.network + 1, e.epoch, e.seconds, e.learning_rate, e.fit_loss, e.tuning_loss, e.tuning_figure, e.fit_figure
        )
        for e in read_history(folder)
    )
