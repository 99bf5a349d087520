"""Tiny things to learn from: 8-pixel cases with a planted signal, a chain of two layers, and whole plans of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from radcnn.core.chance import derived_seed, generator
from radcnn.core.target import Target
from radcnn.learning.batches import Cases
from radcnn.learning.case_lesson import CaseLesson
from radcnn.learning.execution import Execution
from radcnn.networks import Network, build
from radcnn.plan.settings import NetworkPlan, Plan, TaskPlan, TrainingPlan
from radcnn.tasks import make_task
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.pipeline import Pipeline
from radcnn.transforms.preparation import Preparation
from radcnn.transforms.spatial import Translate

BINARY = Target("binary", ("malignant",), ("benign", "malignant"))
SIDE = 8
CHAIN = {"kernels": [4, 6], "dense": [], "norm": "batch"}
PLAIN = Execution(workers=0, channels_last=False)
MOTION = Augmentation((Translate(fraction=0.1),))


def planted(n: int = 32, *, seed: int = 0, missing: int = 0, strength: float = 1.5) -> Cases:
    """Noise images; the malignant ones hold a bright square. The last `missing` cases are not labelled."""
    chance = generator(seed, "planted")
    images = chance.normal(size=(n, 1, SIDE, SIDE)).astype(np.float32) / 2
    truth = (np.arange(n) % 2).astype(np.float64)[:, None]
    images[truth[:, 0] == 1, :, 2:5, 3:6] += strength
    truth[n - missing :] = np.nan
    return Cases(images, truth)


def training_plan(**changes: Any) -> TrainingPlan:
    return replace(TrainingPlan(epochs=3, batch=8, learning_rate=3e-3, channels_last=False), **changes)


def lesson(cases: Cases | None = None, *, seed: int = 0, index: int = 0, **changes: Any) -> CaseLesson:
    """Two thirds of the cases to train on, the rest to tune on."""
    cases = cases or planted()
    rows = np.arange(len(cases))
    tuning = rows % 3 == 0
    task, plan = make_task(BINARY), training_plan(**changes)
    return CaseLesson(index, cases, rows[~tuning], rows[tuning], task, Pipeline(MOTION), plan, seed)


def tiny_network(seed: int = 0, *, dropout: float = 0.2, outputs: int = 1, channels: int = 1) -> Network:
    options = {**CHAIN, "dropout": dropout}
    return build("chain", channels=channels, outputs=outputs, options=options, seed=derived_seed(seed, "weights", 0))


def tiny_plan(**changes: Any) -> Plan:
    """A whole plan for the planted cases."""
    return Plan(
        target=BINARY,
        task=TaskPlan("sigmoid", "binary cross-entropy"),
        preparation=Preparation(dims=2, size=(SIDE, SIDE), intensity=Intensity("keep")),
        augmentation=MOTION,
        network=NetworkPlan("chain", {**CHAIN, "dropout": 0.2}),
        training=training_plan(**changes),
    )
