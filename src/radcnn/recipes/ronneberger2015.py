"""U-Net (H3): cells of neural tissue parted by its network, its map of weights, and bent patches (Ronneberger 2015).

All networks have as many minutes and the same sections. What the paper adds is left out in turn; beside it stand the
classifier of patches that it beat (Ciresan et al. 2012) and a U-Net as they are built now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from radcnn.core.estimate import Estimate
from radcnn.core.volume import Volume
from radcnn.data.findings import counted
from radcnn.evaluation.segmentation import CELLS
from radcnn.physics.phantoms.neuropil import CELL, SIZE, sections
from radcnn.plan.segmentation import FIRST_WEIGHT, SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from radcnn.recipes.outlining import EPOCHS, Masked, checked, judge, split, teach_outliner, within
from radcnn.recipes.recipe import Reproduced, keep, new_folder
from radcnn.recipes.taught import telling
from radcnn.study.listener import SILENCE, Listener
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.elastic import Elastic
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.noise import Noise
from radcnn.transforms.spatial import Flip, Rotate
from radcnn.transforms.tones import Brightness, Contrast

TITLE = "U-Net: cells parted with a map of weights and bent patches, and what each of them gives"
SECTIONS = 60
KERNELS = (16, 32, 64, 128, 256)  # 64 to 1,024 in the paper
PATCH, PADDED = (196, 196), (192, 192)  # what a network without padding labels at once, and what others look at
SHOWN = (*CELLS, "Dice")
TISSUE = Structure("cell", (CELL,))
PAPER = (
    "ISBI 2012, 7 rotated looks: warping error 0.000353, Rand error 0.0382, pixel error 0.0611",
    "sliding window: 0.000420, 0.0504, 0.0613; other images, longer training: compare the order",
)


def ronneberger2015(
    out: Path | str, *, minutes: float = 40.0, images: int = SECTIONS, size: int = SIZE, seed: int = 0,
    listener: Listener = SILENCE,
) -> Reproduced:  # fmt: skip
    """Part cells by the U-Net of 2015 with and without its map of weights, bent patches and turned looks.

    out      a new folder
    minutes  for all trainings together
    images   sections that are simulated, each of tissue of its own
    size     pixels a side of them

    Raises SettingsError for numbers that do not fit.
    """
    checked(images, minutes)
    made_of = partial(sections, images, seed=seed, size=size)
    folder = new_folder(Path(out))
    listener.say(f"simulating {counted(images, 'section')}")
    cases = [
        Masked(f"SIM{k:04d}", Volume(one.levels[None], None), one.mask)
        for k, one in enumerate(made_of(told=telling(listener, "simulating")), start=1)
    ]
    training, tuning, tested = split(cases)
    plans = arms(seed)
    table: dict[str, dict[str, Estimate]] = {}
    for name, plan in plans.items():
        chosen = within(plan, minutes / len(plans), listener)
        listener.say(f"training the {name}: {counted(chosen.steps * EPOCHS, 'step')}")
        outliner = teach_outliner(name.replace(" ", "-"), chosen, training, tuning, folder, listener)
        for turned in (False, True):
            looked = replace(chosen, training=replace(chosen.training, views="rotations" if turned else "identity"))
            found = judge(partial(outliner.outline, training=looked.training), tested, looked)
            row = {figure: found.table[TISSUE.name][figure] for figure in SHOWN}
            table[f"{name}, 8 looks" if turned else name] = row
    result = Reproduced(
        "ronneberger2015", TITLE, _protocol(images, len(tested), size), table, paper=PAPER,
        notes=("Errors are 1 - F of V_Rand and V_Info, and shares of pixels; 0 is equal.",),
    )  # fmt: skip
    keep(result, folder)
    return result


def arms(seed: int) -> Mapping[str, SegmentationPlan]:
    """The plans that are compared, by name."""
    turned = (Flip(laterality="free", axes=(-1, -2)), Rotate(degrees=180.0))
    tones = (Brightness(shift=0.1), Contrast(factor=(0.8, 1.25)), Noise(sd=0.04, p=0.3))
    bent = Augmentation((*turned, Elastic(points=3, sd=0.03), *tones), "border")
    paper = SegmentationPlan(
        NetworkPlan("unet2015", {"kernels": list(KERNELS)}), TrainingPlan(epochs=EPOCHS, batch=2), (TISSUE,), PATCH,
        intensity=Intensity("range", 0.0, 255.0), augmentation=bent, foreground=0.0, loss="ce", border=FIRST_WEIGHT,
        units="arbitrary", cells=(TISSUE.name,), seed=seed,
    )  # fmt: skip
    straight = replace(bent, transforms=(*turned, *tones))
    padded = replace(paper, patch=PADDED, border=0.0, training=replace(paper.training, batch=4))
    window = NetworkPlan("lu2017", {"kernels": [24, 48, 48], "dense": 128, "last": 5})
    modern = NetworkPlan("modern_unet", {"kernels": [16, 32, 64, 128, 160]})
    return MappingProxyType(
        {
            "U-Net of 2015": paper,
            "without the map of weights": replace(paper, border=0.0),
            "without bent patches": replace(paper, augmentation=straight),
            "classifier of patches": replace(padded, network=window, patch=(64, 64)),
            "U-Net of today": replace(padded, network=modern, loss="dice+ce"),
        }
    )


def _protocol(images: int, test: int, size: int) -> tuple[str, ...]:
    kernels = " to ".join(map(str, (KERNELS[0], KERNELS[-1])))
    return (
        f"{images} simulated sections of {size} x {size} pixels, each of tissue of its own (paper: 30 to learn from)",
        f"{test} are tested",
        f"U-Net of 2015 with {kernels} kernels (paper: 64 to 1,024), convolutions without padding, mirrored tiles",
        "w0 10, sigma 5 pixels; AdamW (paper: momentum 0.99)",
    )
