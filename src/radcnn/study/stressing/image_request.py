"""What is asked of attacks on networks that make images: which run, which cases of which side; and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Side
from radcnn.core.catalogue import did_you_mean
from radcnn.core.chance import generator
from radcnn.core.errors import InputError, SettingsError
from radcnn.data import ledger
from radcnn.robustness.dense import DenseAttacked, DenseCurve, DenseKind
from radcnn.study.folder import RunFolder
from radcnn.study.listener import Listener
from radcnn.study.open_study import OpenStudy
from radcnn.study.stressing.asked import Asked
from radcnn.study.stressing.dense import DENSE_ATTACKS, Trial
from radcnn.study.stressing.tested import TUNING, UNKNOWN_PATIENTS

MOST_IMAGES = 20  # cases that are tried where nobody says how many: each step looks at whole images
NAMES = {"HU": "HU", "grey": "grey levels", "rgb": "grey levels", "PET": "units of the images (PET)"}


@dataclass(frozen=True, eq=False)
class Request:
    """Which run is attacked, how, and on which cases of which side.

    cases  numbers in the study of the cases that are wanted; empty for all
    most   that are tried; None for the usual number
    place  the folder that pictures are written to
    """

    folder: RunFolder
    opened: OpenStudy
    asked: Asked
    cases: Sequence[int]
    most: int | None
    open_test: bool
    reason: str
    place: Path
    listener: Listener

    @property
    def side(self) -> Side:
        """Of the cases."""
        return "test" if self.open_test else "tuning"

    def chosen(self, rows: NDArray[np.intp]) -> Chosen:
        """Which of a side's rows are tried."""
        return chosen_cases(rows, self.side, self.cases, most=self.most, seed=self.asked.seed)

    def record(self, model: str) -> None:
        """Put the opening of a test set into the ledger; nothing for a tuning set."""
        if not self.open_test:
            return
        place, split = self.opened.folder.ledger, self.opened.split
        count = ledger.open_test(place, split, model=model, run=self.folder.name, reason=self.reason)
        self.listener.say(f"the test set was opened (time {count} for this split); this is in the ledger")

    def largest(self, unit: str) -> str:
        """The largest budget in words."""
        return f"{self.asked.budgets[-1]:g} {'noise sd' if self.asked.in_noise else unit}"

    def notes(self) -> tuple[str, ...]:
        """Whose the cases are, and what was chosen on them."""
        unknown = (UNKNOWN_PATIENTS,) if self.opened.cohort.unit == "image" else ()
        return unknown if self.open_test else (*unknown, TUNING)

    def result(
        self, kind: DenseKind, tries: Sequence[Trial], curves: Sequence[DenseCurve], *, units: str, **more: Any
    ) -> DenseAttacked:
        """What attacks came to, in the images' units; `more` are the other fields of the result."""
        unit = unit_words(units)
        patients = {one.patient for one in tries}
        noise = [one.noise / one.per_unit for one in tries if one.per_unit > 0 and np.isfinite(one.noise)]
        return DenseAttacked(
            kind=kind, side=self.side, n=len(tries), patients=len(patients), unit=self.opened.cohort.unit,
            budgets=(0.0, *self.asked.budgets), budget_unit="noise sd" if self.asked.in_noise else unit,
            intensity_unit=unit, per_noise=float(np.median(noise)) if noise else None, curves=tuple(curves), **more,
        )  # fmt: skip


def unit_words(units: str) -> str:
    """The images' units in words."""
    return NAMES.get(units, "units of the images")


@dataclass(frozen=True)
class Chosen:
    """Which cases of a side are tried.

    rows   of the cohort
    found  cases that there were before some were drawn
    """

    side: Side
    rows: NDArray[np.intp]
    found: int

    @property
    def notes(self) -> tuple[str, ...]:
        """Whether cases were drawn."""
        if self.found == len(self.rows):
            return ()
        return (f"{len(self.rows)} of {self.found} cases were drawn by chance; --most takes more.",)


def chosen_cases(
    rows: NDArray[np.intp], side: Side, cases: Sequence[int], *, most: int | None, seed: int
) -> Chosen:  # fmt: skip
    """Some rows of a side: the cases that were named, at most so many, drawn by chance.

    Raises InputError where the side is empty, or a case is none of it.
    """
    if not len(rows):
        raise InputError(f"no {side} case is there, so there is nothing to attack")
    known = {int(row) + 1: int(row) for row in rows}
    if strange := [number for number in cases if number not in known]:
        raise InputError(f"case {strange[0]} is no {side} case; radcnn names tells which image a number means")
    wanted = np.array([known[number] for number in dict.fromkeys(cases)], np.intp) if cases else rows
    many = MOST_IMAGES if most is None else most
    if len(wanted) <= many:
        return Chosen(side, wanted, len(wanted))
    kept = np.sort(generator(seed, "cases under stress").permutation(len(wanted))[:many])
    return Chosen(side, wanted[kept], len(wanted))


def refuse_of_labels(asked: Asked, parts_asked: bool) -> None:
    """Raise SettingsError for what only networks of labels can be asked."""
    if parts_asked and asked.parts != ("attacks",):
        strange = next(one for one in asked.parts if one != "attacks")
        raise SettingsError(f"--parts {strange} is for networks that answer with labels; of images there is attacks")
    for name in asked.attacks:
        if name not in DENSE_ATTACKS:
            raise SettingsError(
                f"--attack {name} turns answers, and this network makes images: {did_you_mean(name, DENSE_ATTACKS)}"
            )
    of_labels = {
        "--towards": asked.towards, "--surrogate": asked.surrogate, "--border": asked.borders,
        "--shift": asked.shifting.names, "--limit": asked.shifting.limits, "--foreign": asked.shifting.foreign,
    }  # fmt: skip
    for option, value in of_labels.items():
        if value:
            raise SettingsError(f"{option} is for networks that answer with labels; leave it out")
