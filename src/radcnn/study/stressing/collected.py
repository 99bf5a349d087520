"""Scores and features of shifted images, gathered case by case and told shift by shift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from radcnn.metrics.clustered import Floats
from radcnn.robustness.shifts import SHIFTS
from radcnn.study.stressing.scoring import Said

CLEAN = ""  # the name under which images are kept as they are


@dataclass(frozen=True, eq=False)
class OneShift:
    """A shift over the cases to which it applies.

    kept      (n,) the cases that could be shifted
    said      severity -> what was said of them; 0 is as they are
    distance  severity -> (m,) root mean square of the change of each, in the unit of the images
    because   why cases are left out, or why the shift does not apply at all (then nothing is said)
    """

    kept: NDArray[np.bool_]
    said: Mapping[int, Said] = field(default_factory=dict)
    distance: Mapping[int, Floats] = field(default_factory=dict)
    because: str = ""


@dataclass(frozen=True, eq=False)
class Made:
    """One shifted image, prepared; None where the shift makes no sense for the case, with why."""

    shift: str
    severity: int
    image: NDArray[np.float32] | None
    distance: float = 0.0
    because: str = ""


class Collected:
    """Scores and features as they come in, case by case."""

    def __init__(self, names: Sequence[str], severities: Sequence[int], cases: int) -> None:
        self.severities = tuple(severities)
        self.kept = {name: np.zeros(cases, bool) for name in names}
        self.because: dict[str, str] = {}
        self.parts: dict[tuple[str, int], list[Said]] = {(CLEAN, 0): []}
        self.away: dict[tuple[str, int], list[float]] = {}

    def add(self, row: int, made: Sequence[Made], said: Said) -> None:
        """What was said of one case: first of the image as it is, then of those that were made."""
        rows = np.arange(len(said.scores))
        each = iter([said.only(rows == row_of) for row_of in rows])
        self.parts[CLEAN, 0].append(next(each))
        refused = {one.shift for one in made if one.image is None}
        for one in made:
            found = next(each) if one.image is not None else None
            if one.shift in refused:
                self.because[one.shift] = self.because.get(one.shift, "") or one.because
            elif found is not None:
                self.kept[one.shift][row] = True
                self.parts.setdefault((one.shift, one.severity), []).append(found)
                self.away.setdefault((one.shift, one.severity), []).append(one.distance)

    def without_projected(self, spread: int) -> tuple[str, ...]:
        """The shifts that are quick, where the others are left out; says so."""
        slow = [name for name in self.kept if SHIFTS[name].projected]
        for name in slow:
            reason = f"every slice is projected, which takes long: {spread} cases are spread over all of them"
            self.because[name] = self.because.get(name, "") or reason
        return tuple(name for name in self.kept if name not in slow)

    def clean(self) -> Said:
        """Of all cases as they are."""
        return Said.joined(self.parts[CLEAN, 0])

    def shifts(self) -> dict[str, OneShift]:
        """Of each shift."""
        clean, made = self.clean(), {}
        for name, kept in self.kept.items():
            if not kept.any():
                made[name] = OneShift(kept, because=self.because.get(name, "no case could be shifted"))
                continue
            said = {severity: Said.joined(self.parts[name, severity]) for severity in self.severities}
            distance = {severity: np.array(self.away[name, severity]) for severity in self.severities}
            made[name] = OneShift(kept, {0: clean.only(kept), **said}, distance, self.because.get(name, ""))
        return made
