"""What attacks came to on one side of a study: curves, the cases behind them, and what was attacked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from radcnn.attacks.masking import Sign
from radcnn.core.case import Side, Unit
from radcnn.core.settings import fields_to_plain, from_plain
from radcnn.robustness.counted import FewPixels, Patched, Smallest
from radcnn.robustness.curves import Curve
from radcnn.robustness.raw_found import RawFound
from radcnn.robustness.tabled import figures_csv


@dataclass(frozen=True)
class AttackedPicture:
    """One case before and after: names of PNG files beside the result, and what is said under each.

    case, budget  its number in the study, and the budget at which its answer was turned
    attack, truth by what, and its label
    files         clean, change, attacked
    factor        by how much the change is magnified
    before, after the answer and its score, without and with the attack
    """

    case: int
    attack: str
    budget: float
    truth: str
    files: tuple[str, str, str]
    factor: float
    before: str
    after: str


@dataclass(frozen=True)
class Attacked:
    """Everything attacks came to.

    side, n, patients, unit  of the cases that were attacked; "patient" or "image" is what intervals are by
    budgets, budget_unit     what was allowed, and in which unit: "HU", "grey levels", "noise sd" ...
    per_noise                the median noise sd of the images, in the intensity unit; None where none was seen
    intensity_unit           of the images
    threshold                what answers a binary target: "probability 0.5", or an operating point
    curves                   of attacks with a budget for each voxel
    pixels, patches, smallest  of the others; with a wanted class, of any wrong answer first and then of that class
    place                    what few of are changed: "pixel", in volumes "voxel"
    raw                      of the attack on raw data; None where it was not asked for
    masking, masking_budget  checks of whether slopes only look away, and at which budget they were made
    pictures, notes          of the report; what a reader must know
    """

    side: Side
    n: int
    patients: int
    unit: Unit
    budgets: tuple[float, ...]
    budget_unit: str
    intensity_unit: str
    per_noise: float | None
    threshold: str
    curves: tuple[Curve, ...] = ()
    place: str = "pixel"
    pixels: tuple[FewPixels, ...] = ()
    patches: tuple[Patched, ...] = ()
    smallest: tuple[Smallest, ...] = ()
    raw: RawFound | None = None
    masking: tuple[Sign, ...] = ()
    masking_budget: float | None = None
    pictures: tuple[AttackedPicture, ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        plain: dict[str, Any] = fields_to_plain(self)
        return plain

    @classmethod
    def from_json(cls, value: Any) -> Attacked:
        """The inverse of as_json; raises SettingsError for anything else."""
        return from_plain(cls, value, "the result of attacks")

    def lines(self) -> tuple[str, ...]:
        """What the terminal prints."""
        said = [f"attacks on {self.n} {self.side} cases, budgets in {self.budget_unit}, answers at {self.threshold}"]
        for one in self.curves:
            said.append(f"  {one.attack}{_aim(one.towards)} ({one.seconds:.1f} s)")
            said += [f"    {p.budget:g}: accuracy {p.accuracy}, turned {p.success}" for p in one.points]
            said.append(f"    accuracy is halved at {one.halving}")
        said += [
            f"  {p.pixels} {self.place}s{_aim(p.towards)} ({p.seconds:.1f} s): turned {p.turned}" for p in self.pixels
        ]
        said += [
            f"  a patch of {100 * p.area:g} % ({p.pixels} {self.place}s a side){_aim(p.towards)} ({p.seconds:.1f} s): "
            f"turned {p.turned}, noise of that size {p.plain}"
            for p in self.patches
        ]
        said += [
            f"  smallest change{_aim(s.towards)} ({s.seconds:.1f} s): median {s.size} {self.intensity_unit}, "
            f"{s.in_noise} noise sd; found of {s.found}"
            for s in self.smallest
        ]
        said += self.raw.lines() if self.raw is not None else ()
        said += [f"  masking, {s.check}: {'A SIGN' if s.found else 'no sign'}: {s.sentence}" for s in self.masking]
        return (*said, *(f"  note: {note}" for note in self.notes))

    def tables(self) -> dict[str, str]:
        """The curves as CSV, by the end of the file's name."""
        rows = [
            ((c.attack, c.towards, f"{p.budget:g}", self.budget_unit), name, figure)
            for c in self.curves
            for p in c.points
            for name, figure in (
                *(("accuracy", p.accuracy), ("balanced_accuracy", p.balanced), ("success", p.success)),
                *(("ssim", p.ssim), ("noise_ratio", p.noise_ratio)),
            )
        ]
        made = {"curves": figures_csv(("attack", "towards", "budget", "unit"), rows)}
        if self.pixels or self.patches:
            made["places"] = self._places()
        if self.raw is not None:
            made["sinogram"] = figures_csv(("attack", "towards", "budget", "unit"), self.raw.rows())
        return made

    def _places(self) -> str:
        """Success of few places by their number, and of patches by their share of the image."""
        rows = [((f"few {self.place}s", p.towards, str(p.pixels)), "success", p.turned) for p in self.pixels]
        for one in self.patches:
            of = f"{one.area:g}"
            rows.append((("patch", one.towards, of), "success", one.turned))
            rows.append((("noise patch", one.towards, of), "success", one.plain))
        return figures_csv(("attack", "towards", "size"), rows)


def _aim(towards: str) -> str:
    return f" towards {towards}" if towards else ""
