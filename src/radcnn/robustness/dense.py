"""What attacks came to on networks that make images: figures against budget, of outlines or of restored images.

Every figure is a mean over cases with its interval by patient; what is lost and gained is of the same cases with and
without attack, paired. Cases that had failed without attack count, and are told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from radcnn.core.case import Side, Unit
from radcnn.core.estimate import Estimate
from radcnn.core.settings import fields_to_plain, from_plain
from radcnn.metrics.bootstrap import Resampling, bootstrap
from radcnn.metrics.clustered import Floats, Scale, clustered_mean
from radcnn.robustness.tabled import figures_csv

DenseKind = Literal["outlines", "restored"]
NOISE = "noise of the same size"
SSIM, RATIO = "SSIM of the image", "change / noise"
LOST, GAINED = "{} lost", "{} gained"
GROWTH = "growth of the change"
STOOD = "{}, of cases that had not failed"

CaseFigures = Mapping[str, float]


@dataclass(frozen=True)
class DensePoint:
    """One budget: its figures by name."""

    budget: float
    figures: Mapping[str, Estimate]


@dataclass(frozen=True)
class DenseCurve:
    """An attack over growing budgets, the first of which is 0.

    crossing  the budget at which the main figure is half of that without attack (Dice), or twice (an error)
    """

    attack: str
    points: tuple[DensePoint, ...]
    crossing: Estimate
    seconds: float


@dataclass(frozen=True)
class DensePicture:
    """One case before and after: names of PNG files beside the result, with the words under each."""

    case: int
    heading: str
    files: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class DenseAttacked:
    """Everything attacks came to on a network that makes images.

    kind      "outlines" or "restored"
    side, n, patients, unit  of the cases; "patient" or "image" is what intervals are by
    failed    cases that had failed without attack
    budgets, budget_unit, intensity_unit, per_noise  as in `robustness.attacked`
    main      the figure whose curve is drawn
    axis      its name with its unit
    curves    of each attack, and of noise of the same size
    hidden    the same of attacks that hide a planted lesion; empty of outlines
    lesion    what was planted, in words
    pictures, notes  of the report; what a reader must know
    """

    kind: DenseKind
    side: Side
    n: int
    patients: int
    unit: Unit
    failed: int
    budgets: tuple[float, ...]
    budget_unit: str
    intensity_unit: str
    per_noise: float | None
    main: str
    axis: str
    curves: tuple[DenseCurve, ...]
    hidden: tuple[DenseCurve, ...] = ()
    lesion: str = ""
    pictures: tuple[DensePicture, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def crossing_words(self) -> str:
        """What happens at the crossing."""
        return "is halved" if self.kind == "outlines" else "is doubled"

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        plain: dict[str, Any] = fields_to_plain(self)
        return plain

    @classmethod
    def from_json(cls, value: Any) -> DenseAttacked:
        """The inverse of as_json; raises SettingsError for anything else."""
        return from_plain(cls, value, "the result of attacks on images")

    def lines(self) -> tuple[str, ...]:
        """What the terminal prints."""
        said = [f"attacks on {self.n} {self.side} cases, budgets in {self.budget_unit}"]
        for one in self.curves:
            said.append(f"  {one.attack} ({one.seconds:.1f} s)")
            said += [f"    {p.budget:g}: {self.main} {p.figures[self.main]}" for p in one.points]
            said.append(f"    {self.main} {self.crossing_words} at {one.crossing}")
        for one in self.hidden:
            said.append(f"  {one.attack} ({one.seconds:.1f} s): {self.lesion}")
            said += [f"    {p.budget:g}: {name} {f}" for p in one.points for name, f in p.figures.items()]
        return (*said, *(f"  note: {note}" for note in self.notes))

    def tables(self) -> dict[str, str]:
        """The curves as CSV, by the end of the file's name."""
        rows = [
            ((c.attack, f"{p.budget:g}", self.budget_unit), name, figure)
            for c in (*self.curves, *self.hidden)
            for p in c.points
            for name, figure in p.figures.items()
        ]
        return {"curves": figures_csv(("attack", "budget", "unit"), rows)}


def dense_curve(
    attack: str,
    budgets: Sequence[float],
    found: Sequence[Sequence[CaseFigures]],
    patients: Sequence[str],
    *,
    main: str,
    share: float,
    failed: Sequence[bool] = (),
    seconds: float = 0.0,
    resamples: int = 2000,
    seed: int = 0,
) -> DenseCurve:
    """The figures of an attack.

    found   of each case its figures at each budget, the first of which is 0; NaN where one has no meaning
    main    the figure whose crossing is looked for; what is lost of it is told, too
    share   of its value without attack, at which it crosses: 0.5 for one that falls, 2 for one that rises
    failed  which cases had failed without attack; where some had, the main figure of the others is told, too
    """
    names, some = np.asarray(patients), np.asarray(failed or [False] * len(found))
    points = []
    for k, budget in enumerate(budgets):
        table = {name: np.array([case[k][name] for case in found]) for name in found[0][k]}
        figures = {name: _mean(name, values, names) for name, values in table.items()}
        clean = np.array([case[0][main] for case in found])
        if k and share < 1:
            figures[LOST.format(main)] = _mean(LOST, clean - table[main], names)
        elif k:
            figures[GAINED.format(main)] = _mean(GAINED, table[main] - clean, names)
        if some.any():
            figures[STOOD.format(main)] = _mean(main, table[main][~some], names[~some])
        points.append(DensePoint(float(budget), figures))
    values = np.array([[case[k][main] for case in found] for k in range(len(budgets))])
    crossing = crossing_budget(
        np.asarray(budgets, np.float64), values, patients, share=share, what=main, resamples=resamples, seed=seed
    )
    return DenseCurve(attack, tuple(points), crossing, seconds)


def _mean(name: str, values: Floats, patients: np.ndarray) -> Estimate:
    known = np.isfinite(values)
    if not known.any():
        return Estimate.missing(_why(name), len(values), len(set(patients.tolist())))
    return clustered_mean(values[known], patients[known], scale=_scale(name))


def _why(name: str) -> str:
    if name == SSIM:
        return "no image was changed, or images are smaller than SSIM's window"
    if name == RATIO:
        return "no noise was seen in the images that were changed"
    return "no case has this figure"


def _scale(name: str) -> Scale:
    if name.startswith(("Dice", "SSIM")) and not name.endswith("lost"):
        return "logit"
    return "log" if name.startswith(("RMSE", GROWTH, RATIO)) else "identity"


def crossing_budget(
    budgets: Floats,
    values: Floats,
    patients: Sequence[str],
    *,
    share: float,
    what: str = "the figure",
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """The smallest budget at which the mean of values is `share` times that at the first, on straight lines between.

    budgets  (K,) growing, the first of them 0
    values   (K, n) of cases; below 1, `share` is fallen to, above it is risen to

    A bootstrap by patient; resamples that do not cross are left out and counted in the method. Undefined where the mean
    itself does not cross.

    >>> values = np.array([[0.9, 0.8], [0.6, 0.5], [0.2, 0.1]])
    >>> round(crossing_budget(np.array([0.0, 1.0, 2.0]), values, ("a", "b"), share=0.5, resamples=200).value, 4)
    1.3125
    """

    def statistic(weights: Floats) -> Floats:
        means = weights @ values.T / weights.sum(axis=1, keepdims=True)
        return np.array([_crossing(budgets, row, share) for row in means])

    found = bootstrap(statistic, Resampling.by_patient(tuple(patients), resamples=resamples, seed=seed)).estimate()
    if not found.undefined:
        return found
    if not values[0].mean() > 0:
        return Estimate.missing(f"{what} is 0 without attack", found.n, found.patients)
    stays = "stays above half of" if share < 1 else f"stays below {share:g} times"
    most = f"{budgets[-1]:g}"
    return Estimate.missing(f"{what} {stays} its value up to a budget of {most}", found.n, found.patients)


def _crossing(budgets: Floats, means: Floats, share: float) -> float:
    wanted = share * means[0]
    if not wanted > 0:
        return np.nan
    beyond = np.flatnonzero(means <= wanted if share < 1 else means >= wanted)
    if not beyond.size:
        return np.nan
    k = int(beyond[0])
    before, after = means[k - 1], means[k]
    return float(budgets[k - 1] + (before - wanted) / (before - after) * (budgets[k] - budgets[k - 1]))
