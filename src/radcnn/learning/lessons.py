"""The networks of one run, members and folds, trained one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.chance import derived_seed
from radcnn.learning.batches import Cases
from radcnn.learning.case_lesson import CaseLesson
from radcnn.learning.events import Event
from radcnn.learning.execution import Execution
from radcnn.learning.loop import fit
from radcnn.networks import Network, build
from radcnn.plan.settings import Plan
from radcnn.tasks import Task
from radcnn.transforms.pipeline import Pipeline

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Development:
    """The cases that training may see: prepared images and targets, and the (training, tuning) rows of each network.

    Without folds all members share one pair; with k folds each network has its own. `epsilon` (N,) is how far attacks
    may change each case, in its prepared values, where they are trained against.
    """

    cases: Cases
    pairs: tuple[tuple[Rows, Rows], ...]
    epsilon: NDArray[np.float32] | None = None


def train_networks(
    plan: Plan, task: Task, development: Development, checkpoints: Path, execution: Execution
) -> Iterator[Event | Network]:
    """Train every network of the plan; yields its events, and each network when it is done.

    Every network starts from weights of its own, drawn from the seed and its index: folds never share any.
    """
    for index, (training, tuning) in enumerate(development.pairs):
        lesson = CaseLesson(
            index, development.cases, training, tuning, task, Pipeline(plan.augmentation), plan.training, plan.seed,
            development.epsilon,
        )  # fmt: skip
        network = first_network(plan, task, index)
        yield from fit(lesson, network, checkpoints / f"network-{index}", execution)
        yield network


def first_network(plan: Plan, task: Task, index: int) -> Network:
    """Network number `index` of the plan with its first weights."""
    preparation = plan.preparation
    return build(
        plan.network.name,
        channels=preparation.channels,
        outputs=task.outputs,
        dims=preparation.dims,
        options=plan.network.options,
        seed=derived_seed(plan.seed, "weights", index),
    )
