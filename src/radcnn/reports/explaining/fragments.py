"""What the report says of maps: what they are worth on this study, their figures, and pictures of cases."""

from __future__ import annotations

from pathlib import Path

from radcnn.core.case import SIDE_NAMES
from radcnn.reports.explaining.features import feature_fragments
from radcnn.reports.explaining.found import Explained, ExplainedCase, Outcome
from radcnn.reports.explaining.groups import group_fragments
from radcnn.reports.explaining.overlay import scale_of_colours
from radcnn.reports.explaining.tabled import tables_of
from radcnn.reports.fragment import Fragment, PictureRow, RowPicture
from radcnn.reports.numbers import of_patients, several

HEADINGS: tuple[tuple[str, str, tuple[Outcome, ...], int], ...] = (
    ("right", "Right answers", ("true positive", "right", "true negative"), 4),
    ("false-positives", "False positives", ("false positive",), 4),
    ("misses", "Misses", ("miss",), 4),
    ("wrong", "Wrong answers", ("wrong",), 6),
    ("values", "Cases", ("value",), 4),
)  # and how many of each are pictured


def explained_fragments(found: Explained, folder: Path) -> tuple[Fragment, ...]:
    """The figures, then pictures of right answers, false positives and misses; pictures are read from `folder`."""
    first = Fragment(
        key="maps",
        heading="What the maps are worth",
        sentences=(_what(found), *found.sentences),
        tables=tables_of(found.ways, found.unit),
        drawings=(scale_of_colours("maps-scale"),),
        notes=(*(f"{name}: not applicable, because {why}." for name, why in found.not_applicable), *found.notes),
        corner="Way of making maps",
    )
    over_cases = group_fragments(found.grouped, folder, found.unit)
    return (first, *_pictures(found, folder), *over_cases, *feature_fragments(found.features, folder, found.unit))


def _what(found: Explained) -> str:
    people = of_patients(found.patients, found.unit)
    of = "what was answered" if found.of == "called" else found.of
    return (
        f"Maps of {several(found.n, 'case')}{people} of the {SIDE_NAMES[found.side]} set ({found.rule}): which places "
        f"of an image speak for {of}. Answers are those at {found.threshold}. Each map on the voxels "
        "of its own image lies in the folder explain beside this report. "
        f"Localisation: {found.marked}."
    )


def _pictures(found: Explained, folder: Path) -> tuple[Fragment, ...]:
    made = []
    for key, heading, outcomes, most in HEADINGS:
        cases = sorted((c for c in found.cases if c.outcome in outcomes), key=lambda c: outcomes.index(c.outcome))
        if cases:
            said = f"{len(cases)} of the cases that were looked into; {min(most, len(cases))} are pictured."
            rows = tuple(_row(one, folder) for one in cases[:most])
            made.append(Fragment(key=f"maps-{key}", heading=heading, sentences=(said,), rows=rows))
    return tuple(made)


def _row(one: ExplainedCase, folder: Path) -> PictureRow:
    pictures = [RowPicture((folder / one.image).read_bytes(), "the image")]
    for files in one.files:
        words = f"{files.way}, for {one.of}" + (f" ({files.where})" if files.where else "")
        pictures.append(RowPicture((folder / files.overlay).read_bytes(), words))
    return PictureRow(one.case, f"Case {one.case}: {one.truth}; answered {one.answer}", tuple(pictures))
