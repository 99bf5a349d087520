"""What the report says of a detector of attacks: what it finds, its false alarms, and that it can be fooled, too."""

from __future__ import annotations

from pathlib import Path

from radcnn.core.case import SIDE_NAMES
from radcnn.reports.figure_table import FigureGroup, FigureRow, FigureTable, Head
from radcnn.reports.fragment import Fragment
from radcnn.reports.numbers import shown
from radcnn.robustness.detected import KNOWING, SENSITIVITY, Detected, DetectedAt

COLUMNS = ("AUC", "AUC of feature distance alone", "Found", "False alarms", "Turned", "Turned unseen")
HARMLESS = 0.05  # of right answers turned unseen, below which an attacker came to nothing


def detected_fragment(found: Detected, folder: Path) -> Fragment:  # noqa: ARG001 - it has no pictures
    """The fragment about the detector."""
    sentences = (f"No detector was made: {found.because}.",) if found.because else (_what(found), *_verdict(found))
    return Fragment(
        key="detector",
        heading="Detector of attacks",
        sentences=sentences,
        tables=(_table(found),) if found.rows else (),
        notes=found.notes,
        corner=f"Budget in {found.budget_unit}",
    )


def _what(found: Detected) -> str:
    return (
        f"A logistic regression of five statistics (distance and nearest neighbour of the network's features, sureness "
        f"of the answer, finest details and steps of the image) was trained on {found.trained} images of one half of "
        f"the patients, as they are and attacked, and judged on {found.n} images of the other half of the "
        f"{SIDE_NAMES[found.side]} set. False alarms are counted from the score on at which {SENSITIVITY:g} of the "
        "attacked images of the first half are found."
    )


def _verdict(found: Detected) -> tuple[str, ...]:
    """The budget at which most is turned, by one who does not know the detector and by one who does."""
    plain = {one.budget: one for one in found.rows if one.attack == "pgd"}
    knowing = max((one for one in found.rows if one.attack == KNOWING), key=lambda one: one.turned.value, default=None)
    if knowing is None:
        return ()
    first = plain[knowing.budget]
    at = f"{knowing.budget:g} {found.budget_unit}"
    said = (
        f"PGD at {at} turns {shown(first.turned)} of right answers; the detector tells its images with an AUC of "
        f"{shown(first.auc)} and leaves {shown(first.unseen)} turned unseen. An attacker who knows the detector, with "
        f"its score in the loss, brings the AUC to {shown(knowing.auc)} and turns {shown(knowing.unseen)} unseen."
    )
    return said, _safety(knowing)


def _safety(knowing: DetectedAt) -> str:
    if knowing.unseen.value > HARMLESS:
        return "The detector is no protection: it finds attacks of those who do not know it, and no others."
    return "This attacker did not get past the detector; a more patient one may, so it proves no safety."


def _table(found: Detected) -> FigureTable:
    groups = []
    for name in dict.fromkeys(one.attack for one in found.rows):
        mine = [one for one in found.rows if one.attack == name]
        rows = tuple(
            FigureRow(
                f"{p.budget:g}",
                "",
                tuple(shown(e, found.unit) for e in (p.auc, p.distance, p.found, p.alarms, p.turned, p.unseen)),
            )
            for p in mine
        )
        groups.append(FigureGroup("PGD that knows the detector" if name == KNOWING else name.upper(), rows))
    aim = f", towards {found.towards}" if found.towards else ""
    caption = f"Attacked images told from the same as they are{aim}, on patients that the detector has not seen"
    return FigureTable(caption, (Head(COLUMNS),), tuple(groups), "columns")
