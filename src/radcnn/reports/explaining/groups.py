"""What right answers and errors look like, over many cases: groups of cases that are alike, and mean maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from radcnn.core.case import Unit
from radcnn.core.estimate import Estimate
from radcnn.reports.figure_table import FigureGroup, FigureRow, FigureTable, Head
from radcnn.reports.fragment import Fragment, PictureRow, RowPicture
from radcnn.reports.numbers import several, shown

GroupedBy = Literal["features", "maps"]
WORDS: dict[GroupedBy, str] = {
    "features": "what the last dense layer is given (penultimate features)",
    "maps": "where their Grad-CAM lies",
}
EVIDENT = 0.05
TESTED = (
    "Two groupings are tested, each by itself. Features are those of the run's first network. That errors gather in a "
    "group says that these cases are alike to the network; what they have in common is for a reader to see."
)


@dataclass(frozen=True)
class GroupShown:
    """A group of cases: its size, how many of each outcome, its share of errors, the cases nearest to its middle."""

    cases: int
    outcomes: tuple[tuple[str, int], ...]
    errors: Estimate
    nearest: tuple[int, ...]
    pictures: tuple[str, ...]


@dataclass(frozen=True)
class Grouping:
    """Groups by one thing, the largest share of errors first; p of errors that lie as unevenly by chance."""

    by: GroupedBy
    groups: tuple[GroupShown, ...]
    p: float | None
    undefined: str = ""


@dataclass(frozen=True)
class MeanShown:
    """The mean map of the right or wrong answers to the cases of one class, and how much of it lies at the border."""

    label: str
    right: bool
    border: Estimate
    picture: str


@dataclass(frozen=True)
class Grouped:
    """What was found over all labelled cases of the side: n cases of so many patients."""

    n: int
    patients: int
    permutations: int
    groupings: tuple[Grouping, ...]
    means: tuple[MeanShown, ...]

    def lines(self) -> tuple[str, ...]:
        """What the terminal prints."""
        said = [_sentence(one, self.permutations) for one in self.groupings]
        for one in self.groupings:
            said += [f"  by {one.by}, group {k}: {_mixed(g)}; errors {g.errors}" for k, g in enumerate(one.groups, 1)]
        return tuple(said)


def group_fragments(found: Grouped | None, folder: Path, unit: Unit) -> tuple[Fragment, ...]:
    """A fragment for each way of grouping, and one for the mean maps; pictures are read from `folder`."""
    if found is None:
        return ()
    return (*(_grouping(found, one, folder, unit) for one in found.groupings), _means(found, folder, unit))


def _grouping(found: Grouped, one: Grouping, folder: Path, unit: Unit) -> Fragment:
    said = (
        f"{several(found.n, 'labelled case')} of this side, in {several(len(one.groups), 'group')} by "
        f"{WORDS[one.by]} (k-means, without labels), the group with the largest share of errors first. "
    )
    rows = tuple(
        FigureRow(f"{k}", _mixed(group), (shown(group.errors, unit),)) for k, group in enumerate(one.groups, start=1)
    )
    return Fragment(
        key=f"groups-{one.by}",
        heading=f"Groups of cases by {one.by}",
        sentences=(said + _sentence(one, found.permutations),),
        tables=(FigureTable("Share of errors", (Head(("Errors",)),), (FigureGroup("", rows),), "columns"),),
        rows=tuple(_row(k, group, folder) for k, group in enumerate(one.groups, start=1)),
        notes=(TESTED,),
        corner="Group",
    )


def _means(found: Grouped, folder: Path, unit: Unit) -> Fragment:
    rows = tuple(FigureRow(_whose(one), "", (shown(one.border, unit),)) for one in found.means)
    caption = "Share of the maps in the outer tenth of each side"
    pictures = tuple(
        RowPicture((folder / one.picture).read_bytes(), f"{_whose(one)}: {several(one.border.n, 'case')}")
        for one in found.means
    )
    return Fragment(
        key="groups-means",
        heading="Mean maps of right and of wrong answers",
        sentences=("Means, over cases, of Grad-CAM of what was answered, each map divided by its largest value.",),
        tables=(FigureTable(caption, (Head(("Border",)),), (FigureGroup("", rows),), "columns"),),
        rows=(PictureRow(1, "Mean maps over mean images", pictures),),
        notes=("Images are not registered: a mean map means something only where the same anatomy lies at one place.",),
        corner="Cases",
    )


def _sentence(one: Grouping, permutations: int) -> str:
    if one.p is None:
        return f"Whether errors gather in groups by {one.by} cannot be tested: {one.undefined}."
    tested = f"p = {one.p:.3f}, {permutations} permutations by patient"
    if one.p > EVIDENT:
        return f"Errors do not gather in groups by {one.by} more than chance has it ({tested})."
    return f"ERRORS GATHER in groups by {one.by} ({tested})."


def _mixed(group: GroupShown) -> str:
    return f"{several(group.cases, 'case')}: " + ", ".join(f"{count} {outcome}" for outcome, count in group.outcomes)


def _whose(one: MeanShown) -> str:
    return f"{one.label}, answered {'rightly' if one.right else 'wrongly'}"


def _row(k: int, group: GroupShown, folder: Path) -> PictureRow:
    pictures = tuple(
        RowPicture((folder / file).read_bytes(), f"case {case}")
        for case, file in zip(group.nearest, group.pictures, strict=True)
    )
    return PictureRow(group.nearest[0], f"Group {k}, cases nearest to its middle", pictures)
