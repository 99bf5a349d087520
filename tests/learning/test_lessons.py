"""The networks of a run: each starts from weights of its own and sees its own cases only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from radcnn.learning.batches import Cases
from radcnn.learning.events import EpochEnded
from radcnn.learning.lessons import Development, first_network, train_networks
from radcnn.plan.settings import Plan
from radcnn.tasks import make_task
from written_lessons import BINARY, PLAIN, planted, tiny_plan

TASK = make_task(BINARY)
ROWS = np.arange(32)
FOLDS = tuple((ROWS[k != ROWS % 4], ROWS[k == ROWS % 4]) for k in range(4))


def run(plan: Plan, development: Development, folder: Path) -> tuple[list[nn.Module], list[EpochEnded]]:
    items = list(train_networks(plan, TASK, development, folder, PLAIN))
    return [i for i in items if isinstance(i, nn.Module)], [i for i in items if isinstance(i, EpochEnded)]


def kernels(network: nn.Module) -> list[torch.Tensor]:
    return [value for value in network.state_dict().values() if value.ndim > 1]


def test_every_network_starts_from_weights_of_its_own() -> None:
    first = [first_network(tiny_plan(), TASK, index) for index in range(4)]
    for one in range(4):
        for two in range(one):
            pairs = zip(kernels(first[one]), kernels(first[two]), strict=True)
            assert not any(torch.equal(a, b) for a, b in pairs)
    again = first_network(tiny_plan(), TASK, 2)
    assert all(torch.equal(a, b) for a, b in zip(kernels(again), kernels(first[2]), strict=True))
    other = first_network(replace(tiny_plan(), seed=1), TASK, 2)
    assert not any(torch.equal(a, b) for a, b in zip(kernels(other), kernels(first[2]), strict=True))


def test_folds_share_no_weights_and_no_checkpoint(tmp_path: Path) -> None:
    networks, events = run(tiny_plan(epochs=2), Development(planted(), FOLDS), tmp_path)
    assert [event.network for event in events] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"network-{k}" for k in range(4)]
    pointers = [p.data_ptr() for network in networks for p in network.parameters()]
    assert len(set(pointers)) == len(pointers)


def test_a_fold_never_sees_the_labels_or_images_it_is_tuned_on(tmp_path: Path) -> None:
    cases = planted()
    spoiled = Cases(cases.images.copy(), cases.targets.copy())
    training, tuning = FOLDS[0]
    spoiled.images[tuning] = 7.0
    spoiled.targets[tuning] = 1 - spoiled.targets[tuning]
    plan = tiny_plan(epochs=2, averaging=0.5)
    (one,), _ = run(plan, Development(cases, ((training, tuning),)), tmp_path / "a")
    (two,), _ = run(plan, Development(spoiled, ((training, tuning),)), tmp_path / "b")
    assert all(torch.equal(v, two.state_dict()[k]) for k, v in one.state_dict().items())


def test_an_interrupted_run_goes_on_with_the_network_it_was_at(tmp_path: Path) -> None:
    plan, development = tiny_plan(epochs=2), Development(planted(), FOLDS)
    whole, _ = run(plan, development, tmp_path / "whole")
    items = train_networks(plan, TASK, development, tmp_path / "parts", PLAIN)
    for item in items:
        if isinstance(item, EpochEnded) and (item.network, item.epoch) == (2, 1):
            items.close()
            break
    again, events = run(plan, development, tmp_path / "parts")
    assert [(event.network, event.epoch) for event in events] == [(2, 2), (3, 1), (3, 2)]
    for one, two in zip(whole, again, strict=True):
        assert all(torch.equal(v, two.state_dict()[k]) for k, v in one.state_dict().items())
