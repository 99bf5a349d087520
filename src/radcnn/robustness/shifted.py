"""What shifts of acquisition came to on one side of a study: figures against severity, limits, and groups of cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from radcnn.core.case import Side
from radcnn.core.estimate import Estimate
from radcnn.core.settings import fields_to_plain, from_plain
from radcnn.robustness.answers import Answered, balanced_error_lost, figures, relative_balanced_error
from radcnn.robustness.limits import Broken, Limit, first_broken
from radcnn.robustness.tabled import figures_csv


@dataclass(frozen=True)
class AtSeverity:
    """One severity of a shift.

    severity  0 to 5; 0 is the images as they are
    amount    in words, with its unit
    figures   by name, see `robustness.answers.FIGURES`
    lost      balanced accuracy that the same cases lost
    relative  their balanced error over that without the shift
    distance  root mean square of the change, in the unit of the images; the mean over them
    """

    severity: int
    amount: str
    figures: Mapping[str, Estimate]
    lost: Estimate
    relative: Estimate
    distance: Estimate


@dataclass(frozen=True)
class ShiftCurve:
    """One shift over its severities, the first of which is 0; no points where it does not apply, with `because`."""

    shift: str
    title: str
    what: str
    points: tuple[AtSeverity, ...] = ()
    broken: tuple[Broken, ...] = ()
    because: str = ""


@dataclass(frozen=True)
class GroupFigures:
    """The figures of the cases of one group as they are: `column` names what they are grouped by."""

    column: str
    group: str
    figures: Mapping[str, Estimate]


@dataclass(frozen=True)
class ShiftPicture:
    """One case under a shift: its number in the study, and for each severity a PNG beside the result and its words."""

    case: int
    shift: str
    files: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Shifted:
    """Everything shifts came to.

    side, n, patients  of the cases
    units              of the images
    threshold          what answers a binary target
    limits             in words
    """

    side: Side
    n: int
    patients: int
    units: str
    threshold: str
    limits: tuple[str, ...]
    curves: tuple[ShiftCurve, ...]
    groups: tuple[GroupFigures, ...] = ()
    pictures: tuple[ShiftPicture, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def applied(self) -> tuple[ShiftCurve, ...]:
        """The shifts that apply to these images."""
        return tuple(curve for curve in self.curves if not curve.because)

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        plain: dict[str, Any] = fields_to_plain(self)
        return plain

    @classmethod
    def from_json(cls, value: Any) -> Shifted:
        """The inverse of as_json; raises SettingsError for anything else."""
        return from_plain(cls, value, "the result of shifts")

    def lines(self) -> tuple[str, ...]:
        """What the terminal prints."""
        said = [f"shifts of acquisition on {self.n} {self.side} cases, answers at {self.threshold}"]
        for curve in self.curves:
            said.append(f"  {curve.title}" + (f": not applicable, because {curve.because}" if curve.because else ""))
            said += [f"    {p.severity} {p.amount}: {_told(p.figures)}" for p in curve.points]
            said += [f"    {sentence(one, curve)}" for one in curve.broken]
        said += [f"  {one.column} {one.group}: {_told(one.figures)}" for one in self.groups]
        return (*said, *(f"  note: {note}" for note in self.notes))

    def tables(self) -> dict[str, str]:
        """The curves as CSV, by the end of the file's name."""
        rows = [
            ((curve.shift, str(point.severity), point.amount), name, figure)
            for curve in self.applied
            for point in curve.points
            for name, figure in (
                *point.figures.items(),
                *(("lost", point.lost), ("relative_error", point.relative), ("distance", point.distance)),
            )
        ]
        return {"curves": figures_csv(("shift", "severity", "amount"), rows)}


def _told(every: Mapping[str, Estimate]) -> str:
    known = [(name, one) for name, one in every.items() if not one.undefined]
    return "; ".join(f"{name.replace('_', ' ')} {one}" for name, one in known)


def sentence(broken: Broken, curve: ShiftCurve) -> str:
    """What a shift does to a limit, in words."""
    if broken.severity is None and not broken.told:
        return f"{broken.limit}: cannot be told, the figure is undefined"
    if broken.severity is None:
        last = curve.points[-1]
        return f"{broken.limit}: holds up to severity {last.severity} ({last.amount}), at worst {broken.figure}"
    if broken.severity == 0:
        return f"{broken.limit}: does not hold even without the shift, {broken.figure}"
    point = next(one for one in curve.points if one.severity == broken.severity)
    sure = "its whole interval lies beyond" if broken.surely else "its interval reaches back to what is allowed"
    return f"{broken.limit}: broken from severity {broken.severity} on ({point.amount}), {broken.figure}; {sure}"


def curve_of(
    name: str, title: str, what: str, levels: Sequence[tuple[int, str, Answered, Estimate]], limits: Sequence[Limit]
) -> ShiftCurve:
    """The curve of one shift from (severity, amount, answers, distance), severity 0 first."""
    clean = levels[0][2]
    points = tuple(
        AtSeverity(
            severity, amount, figures(answered), balanced_error_lost(clean, answered),
            relative_balanced_error(clean, answered), distance,
        )
        for severity, amount, answered, distance in levels
    )  # fmt: skip
    falls = [point.lost for point in points]
    broken = tuple(
        first_broken(
            one,
            [(p.severity, p.figures[one.figure]) for p in points],
            falls if one.figure == "balanced_accuracy" else None,
        )
        for one in limits
    )
    return ShiftCurve(name, title, what, points, broken)
