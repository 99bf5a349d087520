"""The cost model counts: more of anything costs more, and the counts are those of the network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from radcnn.plan.cost import Cost, cost_of
from radcnn.plan.settings import NetworkPlan
from radcnn.transforms.preparation import Preparation

SMALL = Preparation(dims=2, size=(28, 28))


def cost(width: int = 16, side: int = 28, dims: int = 2, channels: int = 1, outputs: int = 1) -> Cost:
    prepared = Preparation(dims=dims, size=(side,) * dims, channels=channels)
    return cost_of(NetworkPlan("resnet18", {"stem": "small", "base_width": width}), prepared, outputs)


def test_multiply_accumulates_by_hand() -> None:
    # a 3 x 3 convolution of 1 channel to 4 kernels on 8 x 8 pixels, and a dense layer of 4 to 2
    plan = NetworkPlan("chain", {"kernels": [4], "dense": []})
    assert cost_of(plan, replace(SMALL, size=(8, 8)), 2).macs == 8 * 8 * 9 * 4 + 4 * 2
    volume = Preparation(dims=3, size=(8, 8, 8))
    assert cost_of(plan, volume, 2).macs == 8 * 8 * 8 * 27 * 4 + 4 * 2


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (cost(), cost(width=24)),
        (cost(), cost(side=32)),
        (cost(), cost(channels=3)),
        (cost(side=12), cost(side=12, dims=3)),
        (cost(), cost(outputs=50)),
    ],
)
def test_more_of_anything_costs_more(less: Cost, more: Cost) -> None:
    assert less.macs < more.macs
    assert less.activations <= more.activations
    assert less.training_seconds(100, 2) < more.training_seconds(100, 2)
    assert less.prediction_seconds(100, 2) < more.prediction_seconds(100, 2)
    assert less.training_bytes(8) <= more.training_bytes(8)


def test_time_is_shared_by_cores_and_grows_with_cases() -> None:
    one = cost()
    assert one.training_seconds(200, 2) == pytest.approx(2 * one.training_seconds(100, 2))
    assert one.training_seconds(100, 4) == pytest.approx(one.training_seconds(100, 2) / 2)
    assert one.training_seconds(0, 2) == 0
    assert one.prediction_seconds(100, 2) < one.training_seconds(100, 2) / 2
    assert one.training_bytes(16) == 2 * one.training_bytes(8)


def test_counting_computes_nothing_and_is_the_same_twice() -> None:
    assert cost(width=64, side=224) == cost(width=64, side=224)
