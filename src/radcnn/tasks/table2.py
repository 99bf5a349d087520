"""Table 2 of the review as code: which last-layer activation and loss belong to which task, and refusal of any other.

Yamashita et al. 2018, Table 2. Its "multiclass multiclass classification" is multi-label classification.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import SettingsError
from radcnn.core.target import Kind, Target
from radcnn.plan.settings import TaskPlan
from radcnn.tasks.classification import OneOfSeveral, YesNo
from radcnn.tasks.contract import Task
from radcnn.tasks.regression import Values

LastLayer = Literal["sigmoid", "softmax", "identity"]


@dataclass(frozen=True)
class Pair:
    """A last-layer activation with its loss, and why they belong to the task."""

    last_layer: LastLayer
    loss: str
    reason: str


TABLE_2: Mapping[Kind, Pair] = MappingProxyType(
    {
        "binary": Pair("sigmoid", "binary cross-entropy", "one yes/no question"),
        "multiclass": Pair(
            "softmax", "cross-entropy", "the classes exclude each other and their probabilities add to 1"
        ),
        "multilabel": Pair(
            "sigmoid", "binary cross-entropy", "labels may occur together, so each has its own probability"
        ),
        "regression": Pair("identity", "mean squared error", "the value is continuous and has no bounds"),
    }
)


def make_task(
    target: Target,
    *,
    scale: Sequence[tuple[float, float]] = (),
    last_layer: str | None = None,
    loss: str | None = None,
) -> Task:
    """The task for a target; `scale` holds (mean, sd) of each regression target on the training set.

    Raises SettingsError when `last_layer` or `loss` is asked for that does not belong to the task, or when a scale is
    missing.
    """
    pair = TABLE_2[target.kind]
    asked = (last_layer or pair.last_layer, loss or pair.loss)
    if asked != (pair.last_layer, pair.loss):
        raise SettingsError(
            f"{asked[0]} with {asked[1]} does not fit a {target.kind} target: {pair.reason}; "
            f"use {pair.last_layer} with {pair.loss}"
        )
    if target.kind == "multiclass":
        return OneOfSeveral(target)
    if target.kind == "regression":
        if len(scale) != len(target.names):
            names = ", ".join(target.names)
            raise SettingsError(f"a regression needs one mean and sd for each of {names}, got {len(scale)} of them")
        return Values(target, tuple(mean for mean, _ in scale), tuple(sd for _, sd in scale))
    return YesNo(target)


def planned_task(target: Target, plan: TaskPlan) -> Task:
    """The task of a plan, with the plan's own last layer and loss; raises SettingsError where they do not belong."""
    return make_task(target, scale=plan.scale, last_layer=plan.last_layer, loss=plan.loss)


def task_plan(
    target: Target, training_targets: NDArray[np.float64], *, last_layer: str | None = None, loss: str | None = None
) -> tuple[TaskPlan, str]:
    """What a plan keeps of the task (last layer, loss, mean and sd of a regression's training targets), and why.

    Raises SettingsError when `last_layer` or `loss` does not belong to the target, or no training case has a value.
    """
    scale: tuple[tuple[float, float], ...] = ()
    if target.kind == "regression":
        columns = [column[~np.isnan(column)] for column in training_targets.T]
        for name, column in zip(target.names, columns, strict=True):
            if not len(column):
                raise SettingsError(f"{name} has no value on the training side; leave it out or label some cases")
        scale = tuple((float(c.mean()), float(c.std()) or 1.0) for c in columns)
    make_task(target, scale=scale, last_layer=last_layer, loss=loss)
    pair = TABLE_2[target.kind]
    return TaskPlan(pair.last_layer, pair.loss, scale), pair.reason
