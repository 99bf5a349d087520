"""Training a 3D U-Net on patches against the number of cases: building the store, an epoch, memory.

    python benchmarks/curves/training_3d.py [--json FILE]

An epoch is a patch of 64^3 for every case, augmented, image and mask.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from measuring import drawn, watched
from torch.nn.functional import cross_entropy

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))
from unet import UNet

from radcnn.core.cores import available_cores
from radcnn.data.store import CaseStore
from radcnn.learning.execution import Execution, keep_memory, training_logits
from radcnn.learning.patches import patch_batches
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.noise import Noise
from radcnn.transforms.pipeline import Pipeline
from radcnn.transforms.spatial import Flip, Rotate, Scale

CASES = (10, 30, 100, 300)
WHOLE, PATCH, BATCH = (96, 160, 160), (64, 64, 64), 2


def fill(store: CaseStore, cases: int) -> None:
    """Volumes of noise in whole numbers about a brighter block that the mask shows."""
    chance = np.random.default_rng(0)
    for case in range(cases):
        mask = np.zeros(WHOLE, np.uint8)
        z, y, x = (int(chance.integers(10, n - 40)) for n in WHOLE)
        mask[z : z + 30, y : y + 30, x : x + 30] = 1
        image = np.round(60.0 * mask + chance.normal(0, 12, WHOLE)).astype(np.float32)
        store.add(str(case), image[None], mask=mask)


def point(cases: int) -> tuple[object, ...]:
    """One epoch."""
    keep_memory()
    torch.manual_seed(0)
    torch.set_num_threads(available_cores())
    network, execution = UNet(width=8, outputs=2, stages=4), Execution(channels_last=False)
    optimizer = torch.optim.SGD(execution.place(network).parameters(), lr=0.01)
    pipeline = Pipeline(Augmentation((Rotate(degrees=15), Scale(), Flip(laterality="free"), Noise()), padding="zeros"))
    with tempfile.TemporaryDirectory() as folder:
        fill(CaseStore(Path(folder)), cases)
        with watched() as grown:
            started = time.perf_counter()
            store = CaseStore(Path(folder))
            stored = [store[key] for key in store]
            opened = time.perf_counter()
            steps = cases // BATCH
            for images, masks in patch_batches(stored, pipeline, size=PATCH, batch=BATCH, steps=steps, seed=0):
                loss = cross_entropy(training_logits(network, images, execution)[0], masks.long())
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
            seconds = time.perf_counter() - opened
            size = sum(path.stat().st_size for path in Path(folder).iterdir())
            return (
                cases, round(size / 2**20), round(1000 * (opened - started)), round(seconds, 1),
                round(1000 * seconds / cases), round(grown()),
            )  # fmt: skip


if __name__ == "__main__":
    drawn(
        "Training on patches against the number of 3D cases",
        ("cases", "store, MiB", "opening it, ms", "seconds an epoch", "ms a patch", "peak memory, MiB"),
        CASES,
        point,
        "volumes of 96 x 160 x 160 with a mask; patches of 64^3, a U-Net of 8 to 64 maps, batch 2, float32",
    )
