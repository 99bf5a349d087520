"""Training on images against the number of cases: preparing them, starting again, an epoch, memory.

    python benchmarks/curves/training_2d.py [--json FILE]

Images of noise of 28 x 28 in an npz file, prepared as a study prepares them; a narrow ResNet-18 with its usual stem, so
that loading weighs as much as computing; the whole training loop with its judging of 500 tuning cases.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from measuring import MIB, drawn, watched

from radcnn.core.case import Case, Source
from radcnn.core.cores import available_cores
from radcnn.core.target import Target
from radcnn.data.prepared.building import prepare_cases
from radcnn.learning.batches import Cases
from radcnn.learning.case_lesson import CaseLesson
from radcnn.learning.execution import Execution, keep_memory
from radcnn.learning.loop import fit
from radcnn.networks import build
from radcnn.plan.settings import TrainingPlan
from radcnn.tasks import make_task
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.noise import Noise
from radcnn.transforms.pipeline import Pipeline
from radcnn.transforms.preparation import Preparation
from radcnn.transforms.spatial import Rotate

CASES = (100, 1_000, 10_000, 100_000)
TUNING = 500
SMALL = {"stem": "imagenet", "base_width": 16}  # so that loading weighs as much as computing


def point(count: int) -> tuple[object, ...]:
    """One epoch."""
    keep_memory()
    torch.set_num_threads(available_cores())
    chance = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        file, cache = Path(folder) / "images.npz", Path(folder) / "cache"
        np.savez(file, images=chance.integers(0, 256, (count, 28, 28), np.uint8))
        cases = [Case(str(i), str(i), Source(file, "images", i), (i % 2,)) for i in range(count)]
        preparation = Preparation(dims=2, size=(28, 28))
        started = time.perf_counter()
        prepare_cases(cases, preparation, cache, workers=available_cores())
        prepared = time.perf_counter()
        with watched() as grown:
            again = time.perf_counter()
            images = prepare_cases(cases, preparation, cache, workers=available_cores())
            targets = np.arange(count)[:, None] % 2.0
            rows = np.arange(count)
            task = make_task(Target("binary", ("label",), ("0", "1")))
            lesson = CaseLesson(
                0, Cases(images, targets), rows, rows[:TUNING], task,
                Pipeline(Augmentation((Rotate(degrees=10), Noise(sd=0.02)))),
                TrainingPlan(epochs=1, batch=128, learning_rate=1e-3, warmup=0, gradient_clip=1.0), seed=0,
            )  # fmt: skip
            lesson.identity()
            ready = time.perf_counter()
            network = build("resnet18", channels=1, outputs=1, options=SMALL, seed=0)
            for _ in fit(lesson, network, Path(folder) / "network", Execution()):
                pass
            ended = time.perf_counter()
            size = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
            return (
                count, round(prepared - started, 1), round(size / MIB, 1), round(ready - again, 2),
                round(ended - ready, 1), round(1000 * (ended - ready) / (count + TUNING), 2), round(grown()),
            )  # fmt: skip


if __name__ == "__main__":
    drawn(
        "Training against the number of 2D cases",
        (
            "cases", "preparing, s", "on the disk, MiB", "starting again, s", "seconds an epoch", "ms a case",
            "peak memory, MiB",
        ),
        CASES,
        point,
        "images of 28 x 28 with 8 bits, ResNet-18 of 16 kernels at first, batch 128, float32; every epoch also judges "
        f"{TUNING} tuning cases and as many training cases, which is most of it for few cases",
    )  # fmt: skip
