"""V-Net (H4): Dice against logistic loss on prostates that fill a small part of their volumes (Milletari et al. 2016).

Both networks have the same first weights, the same patches and as many steps; only the loss differs. The paper reports
a Dice of 0.869 with its own loss and 0.739 with the logistic one, on PROMISE12.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radcnn.core.estimate import Estimate
from radcnn.core.volume import Volume
from radcnn.data.findings import counted
from radcnn.metrics.clustered import clustered_mean
from radcnn.physics.phantoms.pelvis import GRID, pelvis_images
from radcnn.plan.segmentation import SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from radcnn.recipes.outlining import EPOCHS, PATIENTS, Masked, checked, judge, row_of, split, teach_outliner, within
from radcnn.recipes.recipe import Reproduced, keep, new_folder
from radcnn.recipes.taught import telling
from radcnn.study.listener import SILENCE, Listener
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.elastic import Elastic
from radcnn.transforms.spatial import Rotate, Scale

TITLE = "V-Net: Dice against logistic loss on volumes that are mostly background"
GRID_MM = (3.6, 1.6, 1.6)
PATCH = (16, 64, 64)
KERNELS = 8  # of the first stage; 16 in the paper
LOSSES = {"Dice loss": "vdice", "logistic loss": "ce"}
PAPER = ("Dice loss 0.869, logistic loss 0.739 on PROMISE12: other images, other networks; compare the order",)
PROSTATE = Structure("prostate", (1,))


def milletari2016(
    out: Path | str, *, minutes: float = 30.0, images: int = PATIENTS, seed: int = 0, listener: Listener = SILENCE
) -> Reproduced:
    """Train V-Net twice, by the Dice loss of its paper and by cross-entropy, on simulated pelves.

    out      a new folder
    minutes  for both trainings together
    images   patients that are simulated

    Raises SettingsError for numbers that do not fit.
    """
    checked(images, minutes)
    folder = new_folder(Path(out))
    listener.say(f"simulating {counted(images, 'patient')}")
    cases = masked_pelves(images, seed, listener)
    training, tuned, tested = split(cases)
    first = plan_of(seed)
    plan = within(first, minutes / len(LOSSES), listener)
    table: dict[str, dict[str, Estimate]] = {}
    dice: dict[str, list[float]] = {}
    for name, loss in LOSSES.items():
        chosen = SegmentationPlan(**{**vars(plan), "loss": loss})
        listener.say(f"training by the {name}: {counted(plan.steps * EPOCHS, 'step')}")
        outliner = teach_outliner(name.replace(" ", "-"), chosen, training, tuned, folder, listener)
        found = judge(outliner.outline, tested, outliner.plan)
        table[name] = row_of(found, PROSTATE.name)
        dice[name] = [case.figures[PROSTATE.name]["Dice"] for case in found.cases]
    first_loss, other = LOSSES
    apart = np.array(dice[first_loss]) - np.array(dice[other])
    gained = clustered_mean(apart, [one.patient for one in tested])
    share = float(np.mean([one.labels.mean() for one in cases]))
    made = Reproduced(
        "milletari2016", TITLE, _protocol(plan, images, len(tested), share), table, paper=PAPER,
        notes=(f"{first_loss} over {other}, patient by patient: Dice {gained}",),
    )  # fmt: skip
    keep(made, folder)
    return made


def masked_pelves(count: int, seed: int, listener: Listener) -> list[Masked]:
    """Simulated pelves, each with the outline of its prostate."""
    made = []
    for k, one in enumerate(pelvis_images(count, seed=seed, told=telling(listener, "simulating")), start=1):
        volume = Volume.from_spacing(one.values[None], GRID.spacing_mm)
        made.append(Masked(f"SIM{k:04d}", volume, one.mask))
    return made


def plan_of(seed: int) -> SegmentationPlan:
    """V-Net with half of the paper's kernels and one stage less, bent patches, both losses to be tried."""
    bent = Augmentation((Rotate(degrees=10.0), Scale(factor=(0.85, 1.18)), Elastic(sd=0.05, p=0.5)), "border", GRID_MM)
    network = NetworkPlan("vnet", {"kernels": KERNELS, "down": [1, 2, 3, 3], "up": [3, 2, 1]})
    return SegmentationPlan(
        network, TrainingPlan(epochs=EPOCHS, batch=2, learning_rate=1e-3, gradient_clip=1.0), (PROSTATE,), PATCH, 3,
        spacing_mm=GRID_MM, augmentation=bent, foreground=0.0, units="arbitrary", seed=seed,
    )  # fmt: skip


def _protocol(plan: SegmentationPlan, images: int, test: int, share: float) -> tuple[str, ...]:
    volumes = (
        f"{images} simulated pelves of three sites, 26 slices of 160 x 160 pixels, 0.8 x 0.8 x 3.6 mm (paper: 50 of "
        f"PROMISE12); {test} patients are tested; prostates fill {100 * share:.1f} % of the voxels"
    )
    training = (
        f"V-Net with {KERNELS} kernels at first and four stages (paper: 16, five), patches of "
        f"{' x '.join(map(str, PATCH))} voxels of {' x '.join(f'{mm:g}' for mm in GRID_MM)} mm anywhere in a volume, "
        f"{plan.steps * EPOCHS} steps of 2 by AdamW (paper: whole volumes, momentum)"
    )
    return volumes, training, "the same first weights, patches and steps for both losses"
