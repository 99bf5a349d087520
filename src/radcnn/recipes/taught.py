"""Networks that a recipe trains: on pairs in memory, kept in its folder, applied to images."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.cores import available_cores
from radcnn.core.files import sha256_of_json
from radcnn.data.store import StoredCase
from radcnn.inference.restored import restored
from radcnn.inference.restorer import Restorer, save_restorer
from radcnn.learning.events import EpochEnded, StepEnded, StoppedEarly
from radcnn.learning.execution import Execution, available_device, logits_of
from radcnn.learning.pairs import train_image_networks
from radcnn.learning.precision import bfloat16_trial
from radcnn.networks.image_network import ImageNetwork
from radcnn.plan.restoration import RestorationPlan
from radcnn.plan.rules_restoration import peak_rate, step_seconds
from radcnn.plan.rules_training import averaging_rule
from radcnn.plan.settings import TrainingPlan
from radcnn.study.listener import Listener

EPOCHS = 20  # times that the tuning patches are looked at
MOST_STEPS = 100_000
WORTH_A_TRIAL = 1.0  # minutes of training from which on bfloat16 is tried


@dataclass(frozen=True, eq=False)
class Taught:
    """A trained network, ready to restore."""

    network: ImageNetwork
    plan: RestorationPlan
    execution: Execution

    def restore(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Images (rows, columns) or slices (n, rows, columns), restored."""
        return restored([self.network], images, self.plan, outputs_of=lambda n, x: logits_of(n, x, self.execution))


def within(plan: RestorationPlan, minutes: float) -> RestorationPlan:
    """The plan with as many steps of its batch as the minutes suffice for, by AdamW and a rate that falls to 0."""
    batch, precision = plan.training.batch, plan.training.precision
    steps = max(EPOCHS, min(MOST_STEPS, int(60 * minutes / step_seconds(plan, batch, available_cores()))))
    averaging, _ = averaging_rule(steps)
    training = TrainingPlan(
        epochs=EPOCHS, batch=batch, optimizer="adamw", learning_rate=peak_rate(plan.network.name), weight_decay=0.0,
        averaging=averaging, precision=precision,
    )  # fmt: skip
    return replace(plan, training=training, steps=steps // EPOCHS)


def in_trusted_precision(plan: RestorationPlan, minutes: float, listener: Listener) -> RestorationPlan:
    """The plan in bfloat16, with the more steps, where that agrees and is faster on this machine.

    A training of less than a minute is not worth a trial.
    """
    if minutes < WORTH_A_TRIAL:
        return plan
    agreed, sentence = bfloat16_trial(plan, available_device())
    listener.say(sentence)
    return within(replace(plan, training=replace(plan.training, precision="bfloat16")), minutes) if agreed else plan


def teach(
    name: str,
    plan: RestorationPlan,
    training: Sequence[StoredCase],
    tuning: Sequence[StoredCase],
    folder: Path,
    listener: Listener,
    *,
    synthetic: bool = True,
) -> Taught:
    """Train the plan's network on pairs and keep it in folder/NAME as a bundle; `radcnn predict` knows it.

    synthetic  whether the pairs were simulated, which the bundle says of itself
    """
    execution = Execution(device=available_device())
    low = replace(execution, bfloat16=plan.training.precision == "bfloat16")
    whole = hashlib.sha256()
    for pair in (*training, *tuning):
        whole.update(np.ascontiguousarray(pair.image).tobytes())
    digest = sha256_of_json([name, whole.hexdigest()])
    listener.watch("PSNR")
    networks: list[ImageNetwork] = []
    for item in train_image_networks(plan, training, tuning, digest, folder / name / "checkpoints", low):
        if isinstance(item, StepEnded | EpochEnded | StoppedEarly):
            listener.event(item)
        else:
            networks.append(item)
    save_restorer(folder / name / "bundle", Restorer(plan, 1, synthetic=synthetic), networks)
    return Taught(networks[0], plan, execution)


def paired(images: NDArray[np.float32], references: NDArray[np.float32]) -> list[StoredCase]:
    """Pairs of images (n, rows, columns), or of volumes (n, slices, rows, columns), and their references."""
    return [StoredCase(np.stack([a, b])) for a, b in zip(images, references, strict=True)]


def timed(make: Callable[[], NDArray[np.float32]]) -> tuple[NDArray[np.float32], float]:
    """What a way makes of n images, and its seconds for each."""
    began = time.perf_counter()
    made = make()
    return made, (time.perf_counter() - began) / len(made)


def telling(listener: Listener, what: str) -> Callable[[int, int], None]:
    """Hears how many are done of some."""
    return lambda done, of: listener.progress(what, done, of)
