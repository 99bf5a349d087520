"""What every optimizer and every schedule must do."""

from __future__ import annotations

import copy
import itertools
from typing import get_args, get_type_hints

import pytest
import torch
from torch import nn

from radcnn.core.chance import torch_generator
from radcnn.learning.optimizers import OPTIMIZERS, SCHEDULES, make_optimizer, rate_at
from radcnn.plan.settings import TrainingPlan


def network() -> nn.Module:
    made = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    stream = torch_generator(0, "contract")
    for parameter in made.parameters():
        with torch.no_grad():
            parameter.copy_(torch.randn(parameter.shape, generator=stream, dtype=torch.float64) / 2)
    return made


def steps(made: nn.Module, optimizer: torch.optim.Optimizer, count: int) -> float:
    """The loss after so many steps on fixed data."""
    x = torch.randn(16, 4, generator=torch_generator(1, "data"), dtype=torch.float64)
    y = x[:, :1] * 2 - x[:, 1:2]
    for _ in range(count):
        optimizer.zero_grad()
        (made(x) - y).square().mean().backward()
        optimizer.step()
    return (made(x) - y).square().mean().item()


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_it_goes_down(name: str, decay: float) -> None:
    made = network()
    optimizer = make_optimizer(name, made, learning_rate=0.01, weight_decay=decay)
    first = steps(made, optimizer, 0)
    assert steps(made, optimizer, 100) < 0.7 * first


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_goes_on_from_its_state_as_if_nothing_had_happened(name: str) -> None:
    made = network()
    optimizer = make_optimizer(name, made, learning_rate=0.01, weight_decay=0.1)
    steps(made, optimizer, 3)
    twin = copy.deepcopy(made)
    other = make_optimizer(name, twin, learning_rate=0.01, weight_decay=0.1)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert steps(twin, other, 3) == steps(made, optimizer, 3)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_its_rate_is_the_one_that_is_set(name: str) -> None:
    made = network()
    optimizer = make_optimizer(name, made, learning_rate=0.5, weight_decay=0.0)
    before = copy.deepcopy(made.state_dict())
    for group in optimizer.param_groups:
        assert group["lr"] == 0.5
        group["lr"] = 0.0
    steps(made, optimizer, 2)
    assert all(torch.equal(value, before[key]) for key, value in made.state_dict().items())


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_begins_at_the_peak_and_never_rises(name: str) -> None:
    rates = [rate_at(name, step_index=i, steps=50, warmup=0.0) for i in range(50)]
    assert rates[0] == 1.0
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates))
    assert min(rates) >= 0


def test_a_plan_knows_exactly_these_names() -> None:
    hints = get_type_hints(TrainingPlan)
    assert set(get_args(hints["optimizer"])) == set(OPTIMIZERS)
    assert set(get_args(hints["schedule"])) == set(SCHEDULES)
