"""Mean Dice of hearts after as many minutes, and seconds of prediction: radcnn beside MONAI (Apache-2.0).

    pip install --no-deps monai
    python benchmarks/segmentation_monai.py ACDC_FOLDER [--minutes 10] [--seed 0]

Both get the same split, the same minutes and a U-Net of nearly as many weights. MONAI's side is what its tutorials do:
its own transforms (normalised intensity, crops about labels, rotation, zoom, noise, intensity), its U-Net with residual
units, its Dice and cross-entropy loss, AdamW with a cosine schedule, its sliding window; the last weights are taken.
Dice of both is counted by one function, over all test cases, with an interval by patient.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from monai.inferers import SlidingWindowInferer
from monai.losses import DiceCELoss
from monai.networks.nets import UNet
from monai.transforms import (
    Compose,
    NormalizeIntensityd,
    RandAdjustContrastd,
    RandCropByPosNegLabeld,
    RandGaussianNoised,
    RandRotated,
    RandScaleIntensityd,
    RandZoomd,
    SpatialPadd,
)
from numpy.typing import NDArray

import radcnn
from radcnn.core.cores import available_cores
from radcnn.core.volume import Volume
from radcnn.inference.segmented import segmented
from radcnn.inference.segmenter import load_segmenter
from radcnn.learning.execution import logits_of
from radcnn.metrics.clustered import clustered_mean
from radcnn.metrics.overlap import counts_of
from radcnn.study.folder import find_study
from radcnn.study.open_study import open_study
from radcnn.study.segmenting.cases import segmenting_execution

LABELS = (1, 2, 3)
PATCH, BATCH, CROPS = (192, 192), 4, 2
GROWS = (1, 2, 4, 8, 16)  # channels of each level, as in MONAI's tutorials
SIDES = ("training", "test")
Case = tuple[NDArray, NDArray, str]  # image and labels (slices, rows, columns), patient


def main() -> None:
    """Train and judge both, and print a table."""
    asked = argparse.ArgumentParser()
    asked.add_argument("data", type=Path)
    asked.add_argument("--minutes", type=float, default=10.0)
    asked.add_argument("--seed", type=int, default=0)
    said = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="radcnn-monai-") as name:
        study, began = Path(name, "study"), time.perf_counter()
        run = radcnn.run(
            said.data, out=study, patient_from=r"patient\d+", keep_sealed=True, minutes=said.minutes, seed=said.seed,
            fractions=(0.65, 0.15, 0.2),
        )  # fmt: skip
        took = (time.perf_counter() - began) / 60
        opened = open_study(find_study(study))
        training, test = ([_read(case) for case in opened.cases(opened.rows(side))] for side in SIDES)
        ours, ours_seconds, weights = _ours(run, test)
    network, steps = _train(training, _channels(weights), said.minutes, said.seed)
    theirs, theirs_seconds = _theirs(network, test)
    print(f"weights: radcnn {weights:,}, MONAI {sum(p.numel() for p in network.parameters()):,}; MONAI {steps} steps")
    print(f"minutes: {said.minutes:g} asked; radcnn with looking, choosing and judging {took:.1f}")
    for called, dice, seconds in (("radcnn", ours, ours_seconds), ("MONAI", theirs, theirs_seconds)):
        mean = clustered_mean(dice.mean(axis=1), [patient for _, _, patient in test], scale="logit")
        each = ", ".join(f"{value:.3f}" for value in dice.mean(axis=0))
        print(f"{called}: mean Dice {mean} (RV, myocardium, LV {each}); {seconds:.2f} s a case")


def _read(case: object) -> Case:
    stored = np.load(case.source.place)  # type: ignore[attr-defined]
    return stored["image"].astype(np.float32), stored["label"].astype(np.int64), case.patient  # type: ignore[attr-defined]


def _dice(truth: NDArray, made: NDArray) -> list[float]:
    return [counts_of(truth == label, made == label).dice for label in LABELS]


def _ours(run: Path, cases: Sequence[Case]) -> tuple[NDArray, float, int]:
    """Dice (cases, labels) of the run's networks, seconds a case, and how many weights they have."""
    segmenter, networks = load_segmenter(run / "bundle")
    plan = segmenter.segmentation
    execution = segmenting_execution(plan)
    for network in networks:
        execution.place(network)

    def outline(image: NDArray) -> NDArray:
        masks = segmented(networks, Volume(image[None], None), plan, logits_of=lambda n, x: logits_of(n, x, execution))
        made: NDArray = sum(label * mask for label, mask in zip(LABELS, masks, strict=True))
        return made

    weights = sum(p.numel() for network in networks for p in network.parameters())
    return *_outlined(cases, outline), weights


def _outlined(cases: Sequence[Case], outline: Callable[[NDArray], NDArray]) -> tuple[NDArray, float]:
    """Dice (cases, labels) of what is outlined, and seconds a case; the first one is outlined twice, to warm up."""
    outline(cases[0][0])
    dice, seconds = [], 0.0
    for image, labels, _ in cases:
        began = time.perf_counter()
        made = outline(image)
        seconds += time.perf_counter() - began
        dice.append(_dice(labels, made))
    return np.array(dice), seconds / len(cases)


def _network(channels: Sequence[int]) -> UNet:
    return UNet(2, 1, len(LABELS) + 1, channels, (2,) * (len(channels) - 1), num_res_units=2)


def _channels(weights: int) -> tuple[int, ...]:
    """The channels of MONAI's U-Net whose number of weights is nearest to one."""
    found = [tuple(first * grows for grows in GROWS) for first in range(2, 65)]
    return min(found, key=lambda one: abs(sum(p.numel() for p in _network(one).parameters()) - weights))


def _train(cases: Sequence[Case], channels: Sequence[int], minutes: float, seed: int) -> tuple[UNet, int]:
    """MONAI's U-Net after so many minutes; the learning rate falls to 0 along a cosine of the time."""
    torch.manual_seed(seed)
    torch.set_num_threads(available_cores())
    slices = [
        {"image": torch.from_numpy(image[k][None]), "label": torch.from_numpy(labels[k][None])}
        for image, labels, _ in cases
        for k in range(len(image))
    ]
    keys = ["image", "label"]
    transform = Compose(
        [
            NormalizeIntensityd("image"),
            SpatialPadd(keys, PATCH),
            RandCropByPosNegLabeld(keys, "label", PATCH, pos=2, neg=1, num_samples=CROPS),
            RandRotated(keys, range_x=math.radians(15), prob=0.5, mode=("bilinear", "nearest"), padding_mode="border"),
            RandZoomd(keys, prob=0.5, min_zoom=0.8, max_zoom=1.25, mode=("bilinear", "nearest")),
            RandGaussianNoised("image", prob=0.3, std=0.1),
            RandScaleIntensityd("image", factors=0.2, prob=0.5),
            RandAdjustContrastd("image", prob=0.3, gamma=(0.7, 1.4)),
        ]
    )
    transform.set_random_state(seed)
    network = _network(channels)
    loss_of = DiceCELoss(to_onehot_y=True, softmax=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01)
    chance = np.random.default_rng(seed)
    began, steps = time.perf_counter(), 0
    while (passed := (time.perf_counter() - began) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * 0.5 * (1 + math.cos(math.pi * passed))
        drawn = [part for k in chance.integers(len(slices), size=BATCH) for part in transform(slices[int(k)])]
        images, labels = (torch.stack([part[key].as_tensor() for part in drawn]) for key in keys)
        optimizer.zero_grad(set_to_none=True)
        loss_of(network(images), labels).backward()
        optimizer.step()
        steps += 1
    return network.eval(), steps


def _theirs(network: UNet, cases: Sequence[Case]) -> tuple[NDArray, float]:
    """Dice (cases, labels) by MONAI's sliding window, and seconds a case."""
    window, normal = (
        SlidingWindowInferer(PATCH, sw_batch_size=8, overlap=0.5, mode="gaussian"),
        NormalizeIntensityd("image"),
    )

    def outline(image: NDArray) -> NDArray:
        slices = torch.stack([normal({"image": torch.from_numpy(one[None])})["image"] for one in image])
        made: NDArray = window(slices, network).argmax(1).numpy()
        return made

    with torch.inference_mode():
        return _outlined(cases, outline)


if __name__ == "__main__":
    main()
