"""What a detector of attacks came to on one side of a study, beside an attacker who knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from radcnn.core.case import Side, Unit
from radcnn.core.estimate import Estimate
from radcnn.core.settings import fields_to_plain, from_plain
from radcnn.robustness.tabled import figures_csv

SENSITIVITY = 0.9  # at which false alarms are counted
KNOWING = "knowing"


@dataclass(frozen=True)
class DetectedAt:
    """An attack at a budget, as the detector sees it on patients that it was not trained on.

    attack    its name; "knowing" for PGD that has the detector's score in its loss, too
    turned    share of the right answers that it turns
    auc       of the detector's score: attacked images against the same as they are
    distance  the same of the feature distance alone
    alarms    share of images as they are that are called attacked, from the score on at which .9 of the attacked
              images of the other half of patients are found; with "knowing", from the same score on as with PGD
    found     share of attacked images that are called so
    unseen    share of the right answers that are turned and not called attacked
    """

    attack: str
    budget: float
    turned: Estimate
    auc: Estimate
    distance: Estimate
    alarms: Estimate
    found: Estimate
    unseen: Estimate


@dataclass(frozen=True)
class Detected:
    """Everything the detector came to.

    side, n, patients, unit  of the images it is judged by, which are right without attack
    trained      images of other patients on which it was trained, each as it is and attacked
    budget_unit  of budgets
    towards      the answer that attacks want; "" for any wrong one
    rows         by attack and budget
    because      why there is no detector; then there are no rows
    """

    side: Side
    n: int
    patients: int
    unit: Unit
    trained: int
    budget_unit: str
    towards: str = ""
    rows: tuple[DetectedAt, ...] = ()
    because: str = ""
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        plain: dict[str, Any] = fields_to_plain(self)
        return plain

    @classmethod
    def from_json(cls, value: Any) -> Detected:
        """The inverse of as_json; raises SettingsError for anything else."""
        return from_plain(cls, value, "the result of a detector of attacks")

    def lines(self) -> tuple[str, ...]:
        """What the terminal prints."""
        if self.because:
            return (f"detector of attacks: none, {self.because}",)
        said = [f"detector of attacks on {self.n} {self.side} cases, budgets in {self.budget_unit}"]
        for one in self.rows:
            name = "pgd that knows the detector" if one.attack == KNOWING else one.attack
            said.append(f"  {name}, {one.budget:g}: AUC {one.auc}, turned {one.turned}, turned unseen {one.unseen}")
            said.append(f"    false alarms {one.alarms} where it finds {one.found}")
        return (*said, *(f"  note: {note}" for note in self.notes))

    def tables(self) -> dict[str, str]:
        """The figures as CSV, by the end of the file's name."""
        names = ("turned", "auc", "distance", "alarms", "found", "unseen")
        rows = [
            ((one.attack, self.towards, f"{one.budget:g}", self.budget_unit), name, getattr(one, name))
            for one in self.rows
            for name in names
        ]
        return {"figures": figures_csv(("attack", "towards", "budget", "unit"), rows)} if rows else {}
