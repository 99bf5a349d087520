"""Ways to restore images that recipes compare: networks that are taught, filters whose strength is tuned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.estimate import Estimate
from radcnn.data.findings import counted
from radcnn.data.store import StoredCase
from radcnn.evaluation.restoration import INPUT, JudgedCase, figures_of, tables_of
from radcnn.inference.classical import FILTERS, STRENGTHS, best_strength, filtered
from radcnn.metrics.clustered import clustered_mean
from radcnn.plan.restoration import LUNG, SOFT_TISSUE, RestorationPlan
from radcnn.recipes.taught import Taught, paired, teach
from radcnn.study.listener import Listener

SHOWN = ("RMSE", "PSNR, soft tissue", "SSIM, soft tissue", "PSNR, lung", "SSIM, lung", "noise frequency")


@dataclass(frozen=True, eq=False)
class Bench:
    """Networks that are taught and compared, the share of the full dose that they restore, and where they are kept."""

    plans: Mapping[str, RestorationPlan]
    dose: float
    seed: int
    folder: Path
    listener: Listener

    def taught(
        self, name: str, called: str, pairs: Sequence[StoredCase], tuned_on: Sequence[StoredCase], *,
        synthetic: bool = True,
    ) -> Taught:  # fmt: skip
        """The network of this name, trained on pairs and kept as `called`."""
        plan = self.plans[name]
        self.listener.say(f"training {called}: {counted(plan.steps * plan.training.epochs, 'step')}")
        return teach(called, plan, pairs, tuned_on, self.folder, self.listener, synthetic=synthetic)


def pair_of(low: NDArray[np.float32], full: NDArray[np.float32]) -> StoredCase:
    """Slices (n, rows, columns) at two doses as one pair."""
    return paired(low[None], full[None])[0]


@dataclass(frozen=True, eq=False)
class Way:
    """A way to restore slices (n, rows, columns): a network, or a filter of some strength."""

    taught: Taught | None = None
    by: str = ""
    strength: float = 0.0

    def restore(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """The images, restored."""
        if self.taught is not None:
            return self.taught.restore(images)
        return filtered(images, FILTERS[self.by], self.strength)


def tuned(
    images: NDArray[np.float32], references: NDArray[np.float32], listener: Listener, names: Sequence[str] = ()
) -> dict[str, float]:
    """The best strength of filters (all, where none is named), in HU, for images (n, rows, columns)."""
    noise = float(np.std(images - references))
    found = {}
    for name in names or tuple(FILTERS):
        listener.say(f"choosing the strength of {name} on tuning images")
        found[name] = best_strength(images, references, FILTERS[name], [share * noise for share in STRENGTHS])
    return found


def judged(
    patient: str, low: NDArray[np.float32], full: NDArray[np.float32], ways: Mapping[str, Way], pixel_mm: float
) -> JudgedCase:
    """A patient's slices (n, rows, columns) at a low dose, as they are and restored by each way, beside the full."""
    made = {INPUT: low, **{name: way.restore(low) for name, way in ways.items()}}
    windows = (SOFT_TISSUE, LUNG)
    figures = {name: figures_of(image, full, windows, pixel_mm=pixel_mm) for name, image in made.items()}
    return JudgedCase(patient, patient, figures)


def shown(cases: Sequence[JudgedCase]) -> dict[str, dict[str, Estimate]]:
    """The table, with what each way gains in PSNR over the input, patient by patient."""
    table, gains = tables_of(cases)
    named = "PSNR, soft tissue"
    return {
        way: {
            **{name: row[name] for name in SHOWN},
            **({f"gained: {named}": gains[way][named]} if way in gains else {}),
        }
        for way, row in table.items()
    }


def led(cases: Sequence[JudgedCase], first: str, other: str) -> str:
    """How much one way leads another one, patient by patient, in words."""
    said = []
    for name in SHOWN[1:3]:
        apart = [case.figures[first][name] - case.figures[other][name] for case in cases]
        said.append(f"{name} {clustered_mean(apart, [case.patient for case in cases])}")
    return f"{first} over {other}, patient by patient: {'; '.join(said)}"


def percent(share: float) -> str:
    """A share of the dose in words.

    >>> percent(1 / 30)
    '3.33 %'
    """
    return f"{100 * share:.3g} %"
