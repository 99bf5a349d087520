"""Livers in abdominal CT: a patch classifier with a graph cut (H1, H2), and a cascade with a dense field (H5).

Lu et al. 2017 (ref 46) let a network say for every voxel how likely it is liver, and a graph cut draw the border.
Christ et al. 2016 (ref 9) find the liver first, and lesions in it with a second network; a dense random field tidies
both. All distances are in mm; settings of refinements are drawn by chance and judged on tuning patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.estimate import Estimate
from radcnn.core.volume import Volume
from radcnn.data.findings import counted
from radcnn.physics.phantoms.abdomen import abdomen_images
from radcnn.plan.segmentation import Refinement, SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from radcnn.recipes.outlining import (
    EPOCHS,
    PATIENTS,
    Masked,
    Outliner,
    checked,
    judge,
    row_of,
    split,
    teach_outliner,
    within,
)
from radcnn.recipes.recipe import Reproduced, keep, new_folder
from radcnn.recipes.taught import telling
from radcnn.study.listener import SILENCE, Listener
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.noise import Noise
from radcnn.transforms.spatial import Rotate, Scale

LU_TITLE = "liver by a classifier of patches and a graph cut"
CHRIST_TITLE = "lesions in the liver: two networks in a row, and a dense random field"
WINDOW = Intensity("window", -100.0, 400.0)  # HU, Christ et al.
LU_GRID_MM, LU_PATCH = (5.0, 4.0, 4.0), (8, 24, 24)
CHRIST_PATCH = (160, 160)
LIVER, LESION = Structure("liver", (1, 2)), Structure("lesion", (2,))
OUTSIDE = 9  # a label for what lies beyond the liver, which the second network is not asked about
LU_PAPER = (
    "SLIVER07: volumetric overlap error 5.9 %, average distance 0.91 mm; other images, and a network trained for long",
)
CHRIST_PAPER = ("3DIRCADb: liver Dice over 94 % with the dense field, lesions about 56 %; compare the order",)

SHARES = {"single": 1 / 2, "liver": 1 / 4, "lesion": 1 / 4}  # of the minutes: as many for one network as for a cascade
REFINEMENTS: tuple[tuple[str, Refinement], ...] = (("graph cut", "graphcut"), ("dense field", "crf"))

Row = dict[str, Estimate]


def lu2017(
    out: Path | str, *, minutes: float = 20.0, images: int = PATIENTS, seed: int = 0, listener: Listener = SILENCE
) -> Reproduced:
    """Outline livers by a classifier of patches, with and without a graph cut, beside a U-Net in as many minutes.

    Raises SettingsError for numbers that do not fit.
    """
    training, tuning, tested, folder = _begun(out, images, minutes, seed, listener)
    bent = Augmentation((Rotate(degrees=10.0), Scale(factor=(0.85, 1.18)), Noise(sd=0.03, p=0.5)), "border", LU_GRID_MM)
    common = SegmentationPlan(
        NetworkPlan("lu2017", {"kernels": [16, 32], "dense": 64, "last": 3}), TrainingPlan(epochs=EPOCHS, batch=4),
        (LIVER,), LU_PATCH, 3, spacing_mm=LU_GRID_MM, intensity=WINDOW, augmentation=bent, loss="ce", seed=seed,
    )  # fmt: skip
    unet = NetworkPlan("modern_unet", {"kernels": [16, 32, 64]})
    plans = {"patch classifier": common, "3D U-Net": replace(common, network=unet, loss="dice+ce")}
    table: dict[str, Row] = {}
    for name, plan in plans.items():
        chosen = within(plan, minutes / len(plans), listener)
        listener.say(f"training the {name}: {counted(chosen.steps * EPOCHS, 'step')}")
        outliner = teach_outliner(name.replace(" ", "-"), chosen, training, tuning, folder, listener)
        table[name] = row_of(judge(outliner.outline, tested, chosen), LIVER.name)
        for called, refine in REFINEMENTS:
            settings = outliner.refinement(refine, tuning, listener)
            refined = partial(outliner.outline, refine=refine, refined=settings)
            table[f"{name}, {called}"] = row_of(judge(refined, tested, chosen), LIVER.name)
    made = Reproduced(
        "lu2017", LU_TITLE, _protocol(images, len(tested), f"grid of {_mm(LU_GRID_MM)}"), table, paper=LU_PAPER
    )
    keep(made, folder)
    return made


def christ2016(
    out: Path | str, *, minutes: float = 30.0, images: int = PATIENTS, seed: int = 0, listener: Listener = SILENCE
) -> Reproduced:
    """Outline lesions by one network, and by a second one that looks within the first one's liver, slice by slice.

    Half of the minutes go to the one network, and half to the two of the cascade together. Raises SettingsError for
    numbers that do not fit.
    """
    training, tuning, tested, folder = _begun(out, images, minutes, seed, listener)
    bent = Augmentation((Rotate(degrees=10.0), Scale(factor=(0.85, 1.18)), Noise(sd=0.03, p=0.5)))
    unet = NetworkPlan("modern_unet", {"kernels": [16, 32, 64, 128, 160]})
    common = SegmentationPlan(
        unet, TrainingPlan(epochs=EPOCHS, batch=8), (LIVER,), CHRIST_PATCH, 2, intensity=WINDOW, augmentation=bent,
        seed=seed,
    )  # fmt: skip
    apart = replace(common, structures=(Structure("liver", (1,)), LESION))
    whole = replace(common, structures=(LIVER, LESION))
    plans = {
        "single": (apart, training, tuning),
        "liver": (common, training, tuning),
        "lesion": (
            replace(common, structures=(LESION,), unlabelled=OUTSIDE, foreground=0.6),
            [within_liver(one) for one in training], [within_liver(one) for one in tuning],
        ),
    }  # fmt: skip
    made: dict[str, Outliner] = {}
    for name, (plan, learned, tuned) in plans.items():
        chosen = within(plan, minutes * SHARES[name], listener)
        listener.say(f"training the {name} network: {counted(chosen.steps * EPOCHS, 'step')}")
        made[name] = teach_outliner(name, chosen, learned, tuned, folder, listener)
    table: dict[str, Row] = {}
    lesions: dict[str, Row] = {}
    crf = {
        name: {"refine": "crf", "refined": one.refinement("crf", plans[name][2], listener)}
        for name, one in made.items()
    }
    for said, changes in (("", {name: {} for name in made}), (", dense field", crf)):
        single = partial(_single, made["single"], changes["single"])
        cascade = partial(_cascade, made["liver"], made["lesion"], changes["liver"], changes["lesion"])
        for name, outline in (("one network", single), ("cascade", cascade)):
            found = judge(outline, tested, whole)
            table[f"{name}{said}"] = row_of(found, LIVER.name)
            lesions[f"{name}{said}"] = {
                **row_of(found, LESION.name), "lesion F1": found.table[LESION.name]["lesion F1"],
                "lesion sensitivity": found.table[LESION.name]["lesion sensitivity"],
            }  # fmt: skip
    result = Reproduced(
        "christ2016", CHRIST_TITLE, _protocol(images, len(tested), "slices; one network has a cascade's time"), lesions,
        paper=CHRIST_PAPER, more={"the liver": table},
    )  # fmt: skip
    keep(result, folder)
    return result


def within_liver(one: Masked) -> Masked:
    """The same patient, all that lies beyond the liver being nobody's to label."""
    return replace(one, labels=np.array([OUTSIDE, 0, LESION.labels[0]], np.uint8)[one.labels])


def _single(outliner: Outliner, changes: Mapping[str, object], volume: Volume) -> NDArray[np.bool_]:
    """Liver (with its lesions) and lesions, by one network."""
    liver, lesion = outliner.outline(volume, **changes)
    return np.stack([liver | lesion, lesion])


def _cascade(
    first: Outliner, second: Outliner, of_liver: Mapping[str, object], of_lesion: Mapping[str, object], volume: Volume
) -> NDArray[np.bool_]:
    """Liver by the first network, lesions by the second one within it."""
    (liver,) = first.outline(volume, largest=(LIVER.name,), **of_liver)
    (lesion,) = second.outline(volume, **of_lesion)
    return np.stack([liver, lesion & liver])


def _begun(
    out: Path | str, images: int, minutes: float, seed: int, listener: Listener
) -> tuple[list[Masked], list[Masked], list[Masked], Path]:
    """Training, tuning and test patients, and the folder to write to."""
    checked(images, minutes)
    folder = new_folder(Path(out))
    listener.say(f"simulating {counted(images, 'patient')}")
    cases = []
    for k, one in enumerate(abdomen_images(images, seed=seed, told=telling(listener, "simulating")), start=1):
        volume = Volume.from_spacing(one.hu[None], one.spacing_mm, "HU")
        cases.append(Masked(f"SIM{k:04d}", volume, one.mask))
    return *split(cases), folder


def _protocol(images: int, test: int, grid: str) -> tuple[str, ...]:
    return (
        f"{images} simulated abdomens of three sites: projections with noise, 160 x 160 pixels of 2 mm, 4 or 5 mm",
        f"{test} patients are tested; {grid}; settings of refinements are chosen on tuning patients",
    )


def _mm(spacing: Sequence[float]) -> str:
    return " x ".join(f"{mm:g}" for mm in spacing) + " mm"
