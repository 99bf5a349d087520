"""A uterus in sagittal MR by a 2D U-Net, in women with disorders and without (H6, Kurata et al. 2018 and 2019).

Women are dealt to three parts; each part is outlined by a network that saw none of it, so that every woman is tested
once. The papers give distances in pixels; here they are in mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radcnn.core.estimate import Estimate
from radcnn.core.volume import Volume
from radcnn.data.findings import counted
from radcnn.evaluation.segmentation import OutlinedCase, judged
from radcnn.physics.phantoms.uterus import GRID, NONE, sagittal_affine, uterus_images
from radcnn.plan.segmentation import SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from radcnn.recipes.outlining import EPOCHS, TUNING, Masked, checked, judge, row_of, teach_outliner, within
from radcnn.recipes.recipe import Reproduced, keep, new_folder
from radcnn.recipes.taught import telling
from radcnn.study.listener import SILENCE, Listener
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.noise import Noise
from radcnn.transforms.spatial import Rotate, Scale, Translate
from radcnn.transforms.tones import Brightness, Contrast, Gamma

TITLE = "uterus in sagittal MR by a U-Net, with disorders and without"
PATIENTS, FOLDS = 122, 3
KERNELS = (16, 32, 64, 128, 160)
PATCH = (160, 160)
UTERUS = Structure("uterus", (1,))
PAPER = (
    "122 women, 3 folds: Dice 0.82 (0.84 with a disorder, 0.78 without, p = 0.19); mean distance 18.5 pixels",
    "other images, longer training: compare the order",
)


@dataclass(frozen=True, eq=False)
class _Woman(Masked):
    """A patient with what is wrong with her uterus."""

    disorder: str = NONE


def kurata2018(
    out: Path | str, *, minutes: float = 30.0, images: int = PATIENTS, seed: int = 0, listener: Listener = SILENCE
) -> Reproduced:
    """Outline uteri by three networks, each tested on the women that it did not see.

    out      a new folder
    minutes  for all three trainings together
    images   women that are simulated

    Raises SettingsError for numbers that do not fit.
    """
    checked(images, minutes)
    folder = new_folder(Path(out))
    listener.say(f"simulating {counted(images, 'patient')}")
    women = [
        _Woman(f"SIM{k:04d}", Volume(one.values[None], sagittal_affine(), frame="patient"), one.mask, one.disorder)
        for k, one in enumerate(uterus_images(images, seed=seed, told=telling(listener, "simulating")), start=1)
    ]
    plan, cases = plan_of(seed), list[OutlinedCase]()
    for fold in range(FOLDS):  # they are drawn alike, so that every third is chance
        tested, others = women[fold::FOLDS], [one for k, one in enumerate(women) if k % FOLDS != fold]
        first = max(2, round(TUNING * len(others)))
        chosen = within(plan, minutes / FOLDS, listener)
        listener.say(f"training network {fold + 1} of {FOLDS}: {counted(chosen.steps * EPOCHS, 'step')}")
        outliner = teach_outliner(f"fold-{fold + 1}", chosen, others[first:], others[:first], folder, listener)
        cases += judge(outliner.outline, tested, plan).cases
    disorder = {one.patient: one.disorder for one in women}
    groups = {
        "all": cases,
        "with a disorder": [case for case in cases if disorder[case.patient] != NONE],
        "without": [case for case in cases if disorder[case.patient] == NONE],
    }
    table = {f"{name} ({len(some)})": _row(some) for name, some in groups.items() if len(some) > 1}
    notes = _apart(groups["with a disorder"], groups["without"])
    result = Reproduced("kurata2018", TITLE, _protocol(images), table, paper=PAPER, notes=notes)
    keep(result, folder)
    return result


def plan_of(seed: int) -> SegmentationPlan:
    """A 2D U-Net on sagittal slices."""
    moved = (Rotate(degrees=10.0), Scale(factor=(0.85, 1.18)), Translate(fraction=0.05))
    tones = (Brightness(shift=0.1), Contrast(factor=(0.75, 1.33)), Gamma(), Noise(sd=0.05, p=0.3))
    return SegmentationPlan(
        NetworkPlan("modern_unet", {"kernels": list(KERNELS)}), TrainingPlan(epochs=EPOCHS, batch=8), (UTERUS,), PATCH,
        augmentation=Augmentation((*moved, *tones), "border"), units="arbitrary", plane="sagittal", seed=seed,
    )  # fmt: skip


def _row(cases: Sequence[OutlinedCase]) -> dict[str, Estimate]:
    return row_of(judged(cases, side="test", synthetic=True), UTERUS.name)


def _apart(sick: Sequence[OutlinedCase], healthy: Sequence[OutlinedCase]) -> tuple[str, ...]:
    """How far apart the Dice of both groups is: means of different women, so that their variances add."""
    if min(len(sick), len(healthy)) < 2:
        return ()
    a, b = (np.array([case.figures[UTERUS.name]["Dice"] for case in group]) for group in (sick, healthy))
    apart = float(a.mean() - b.mean())
    half = 1.96 * float(np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)))
    return (f"Dice with a disorder over Dice without: {apart:.3f} ({apart - half:.3f} to {apart + half:.3f})",)


def _protocol(images: int) -> tuple[str, ...]:
    size = f"{GRID.size} x {GRID.size} pixels of {GRID.pixel_mm:g} mm"
    return (
        f"{images} simulated women of three sites, {GRID.slices} sagittal slices of {size}, {GRID.slice_mm:g} mm apart",
        f"{FOLDS} folds by patient; U-Net of {KERNELS[0]} to {KERNELS[-1]} kernels, slice by slice",
    )
