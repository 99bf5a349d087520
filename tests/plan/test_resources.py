"""What a training needs is counted from its plan: more of anything needs more, and each part is where it belongs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from radcnn.core.target import Target
from radcnn.plan.resources import LIBRARIES, SMALL_FILES, Load, Resources, resources
from radcnn.plan.settings import NetworkPlan, Plan, TaskPlan, TrainingPlan
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.preparation import Preparation

LOAD = Load(training=100, tuning=20, test=30)
TRAINING = TrainingPlan(epochs=3, batch=8, averaging=0.9)
PLAN = Plan(
    target=Target("binary", ("malignant",), ("no", "yes")),
    task=TaskPlan("sigmoid", "binary cross-entropy"),
    preparation=Preparation(dims=2, size=(28, 28)),
    augmentation=Augmentation(),
    network=NetworkPlan("chain", {"kernels": [8], "dense": []}),
    training=TRAINING,
)


def needed(plan: Plan = PLAN, load: Load = LOAD, cores: int = 2) -> Resources:
    return resources(plan, load, outputs=1, cores=cores)


def trained(**changes: Any) -> Plan:
    return replace(PLAN, training=replace(TRAINING, **changes))


def test_disk_by_hand() -> None:
    weights = 4 * (9 * 8 + 8 + 8 + 1)  # a 3 x 3 convolution of 8 kernels, and a dense layer of their means
    found = needed()
    assert found.prepared_bytes == (4 * 28 * 28 + 192) * 150
    native = needed(load=replace(LOAD, native=True, ready=50, ready_bytes=7000))
    assert native.prepared_bytes == (28 * 28 + 1024 + 192) * 100 + 7000
    assert native.ready_bytes == 7000
    alike = replace(PLAN, preparation=replace(PLAN.preparation, intensity=Intensity("range", 0, 255)))
    assert needed(alike, replace(LOAD, native=True)).prepared_bytes == (28 * 28 + 192) * 150
    # a checkpoint: as trained, as kept, averaged, two moments; then the bundle
    assert found.kept_bytes == 5 * weights + weights + SMALL_FILES
    assert found.passing_bytes == 5 * weights, "the next checkpoint is whole before the last one goes"
    assert needed(trained(members=3)).kept_bytes - found.kept_bytes == 2 * 6 * weights
    assert needed(trained(optimizer="sgd", averaging=0.0)).kept_bytes == 3 * weights + SMALL_FILES
    assert found.disk_bytes == found.prepared_bytes + found.kept_bytes


def test_mapped_cases_are_a_part_of_memory_that_can_be_taken_back() -> None:
    found = needed()
    assert found.mapped_bytes == (4 * 28 * 28 + 192) * 120
    assert found.memory_bytes > LIBRARIES + found.mapped_bytes
    whole = 64 << 20
    assert needed(load=replace(LOAD, stored_bytes=whole)).memory_bytes - found.memory_bytes == whole


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (needed(), needed(trained(epochs=4))),
        (needed(), needed(trained(members=2))),
        (needed(trained(members=4)), needed(trained(folds=5))),
        (needed(), needed(load=replace(LOAD, training=200))),
        (needed(cores=2), needed(cores=1)),
        (needed(), needed(replace(PLAN, preparation=replace(PLAN.preparation, size=(40, 40))))),
    ],
)
def test_more_work_takes_more_minutes(less: Resources, more: Resources) -> None:
    assert less.minutes < more.minutes


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (needed(), needed(trained(batch=512))),
        (needed(), needed(load=replace(LOAD, training=200))),
        (needed(), needed(load=replace(LOAD, image_bytes=400 << 20))),
        (
            needed(),
            needed(replace(PLAN, network=NetworkPlan("alexnet", {}), preparation=Preparation(dims=2, size=(64, 64)))),
        ),
    ],
)
def test_more_at_a_time_takes_more_memory(less: Resources, more: Resources) -> None:
    assert less.memory_bytes < more.memory_bytes


def test_a_network_of_many_weights_needs_most_when_its_checkpoint_is_written() -> None:
    plan = replace(PLAN, network=NetworkPlan("alexnet", {}), preparation=Preparation(dims=2, size=(64, 64)))
    few, many = (needed(replace(plan, training=replace(TRAINING, batch=batch))) for batch in (1, 2))
    assert few.memory_bytes == many.memory_bytes
