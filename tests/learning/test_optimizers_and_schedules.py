"""Optimizers against trajectories by hand on a quadratic; learning rates against their published shapes."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, sqrt

import pytest
import torch
from torch import nn

from radcnn.core.errors import SettingsError
from radcnn.learning.optimizers import MOMENTUM, make_optimizer, rate_at

RATE, DECAY, START, CURVE = 0.1, 0.3, 2.0, 1.5  # f(w) = CURVE / 2 * w^2, so the gradient is CURVE * w


def trajectory(name: str, steps: int, *, decay: float = 0.0) -> list[float]:
    """w after each step of the optimizer."""
    network = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        network.weight.fill_(START)
    optimizer = make_optimizer(name, network, learning_rate=RATE, weight_decay=decay)
    path = []
    for _ in range(steps):
        optimizer.zero_grad()
        (CURVE / 2 * network.weight.square().sum()).backward()
        optimizer.step()
        path.append(network.weight.item())
    return path


def by_hand(step: Callable[[float, int], float], steps: int) -> list[float]:
    w, path = START, []
    for t in range(1, steps + 1):
        w = step(w, t)
        path.append(w)
    return path


def test_gradient_descent_shrinks_by_the_same_factor_each_step() -> None:
    assert trajectory("sgd", 5) == pytest.approx([START * (1 - RATE * CURVE) ** t for t in range(1, 6)], rel=1e-12)


def test_decay_of_plain_descent_is_the_same_as_a_gradient_and_decoupled() -> None:
    factor = 1 - RATE * (CURVE + DECAY)
    assert trajectory("sgd", 5, decay=DECAY) == pytest.approx([START * factor**t for t in range(1, 6)], rel=1e-12)


def test_momentum_looks_ahead() -> None:
    speed = 0.0

    def step(w: float, t: int) -> float:
        nonlocal speed
        gradient = CURVE * w
        speed = gradient if t == 1 else MOMENTUM * speed + gradient
        return w - RATE * (gradient + MOMENTUM * speed)  # Nesterov

    assert trajectory("momentum", 6) == pytest.approx(by_hand(step, 6), rel=1e-12)


def test_rmsprop_divides_by_the_running_size_of_gradients() -> None:
    square = 0.0

    def step(w: float, t: int) -> float:
        nonlocal square
        gradient = CURVE * w
        square = 0.99 * square + 0.01 * gradient**2
        return w - RATE * gradient / (sqrt(square) + 1e-8)

    assert trajectory("rmsprop", 6) == pytest.approx(by_hand(step, 6), rel=1e-12)


def adam(decay_in_gradient: float, decoupled: float) -> list[float]:
    mean = square = 0.0

    def step(w: float, t: int) -> float:
        nonlocal mean, square
        gradient = CURVE * w + decay_in_gradient * w
        w = w * (1 - RATE * decoupled)
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        return w - RATE * (mean / (1 - 0.9**t)) / (sqrt(square / (1 - 0.999**t)) + 1e-8)

    return by_hand(step, 6)


def test_adam_corrects_the_bias_of_its_first_steps() -> None:
    assert trajectory("adam", 6) == pytest.approx(adam(0.0, 0.0), rel=1e-10)
    assert START - trajectory("adam", 1)[0] == pytest.approx(RATE, rel=1e-6)  # a first step of the rate, at any slope


def test_decay_is_a_gradient_in_adam_and_decoupled_in_adamw() -> None:
    l2, decoupled = trajectory("adam", 6, decay=DECAY), trajectory("adamw", 6, decay=DECAY)
    assert l2 == pytest.approx(adam(DECAY, 0.0), rel=1e-10)
    assert decoupled == pytest.approx(adam(0.0, DECAY), rel=1e-10)
    assert abs(l2[-1] - decoupled[-1]) > 0.01
    assert trajectory("adam", 6) == trajectory("adamw", 6)


def test_decay_leaves_biases_and_normalisation_alone() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 1))
    optimizer = make_optimizer("adamw", network, learning_rate=RATE, weight_decay=DECAY)
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    found = {name: decays[id(p)] for name, p in network.named_parameters()}
    assert found == {
        "0.weight": DECAY, "0.bias": 0, "1.weight": 0, "1.bias": 0, "3.weight": DECAY, "3.bias": 0,
    }  # fmt: skip


def test_frozen_weights_are_not_the_optimizers() -> None:
    network = nn.Linear(2, 1)
    network.bias.requires_grad_(False)
    optimizer = make_optimizer("sgd", network, learning_rate=RATE, weight_decay=0)
    assert [p is network.weight for group in optimizer.param_groups for p in group["params"]] == [True]


def test_wrong_names_are_answered() -> None:
    with pytest.raises(SettingsError, match="optimizer 'adma' is unknown: did you mean adam"):
        make_optimizer("adma", nn.Linear(1, 1), learning_rate=RATE, weight_decay=0)
    with pytest.raises(SettingsError, match="schedule 'cosin' is unknown: did you mean cosine"):
        rate_at("cosin", step_index=0, steps=1, warmup=0)


def shape(schedule: str, steps: int = 100, warmup: float = 0.0) -> list[float]:
    return [rate_at(schedule, step_index=i, steps=steps, warmup=warmup) for i in range(steps)]


def test_the_rate_is_constant_steps_down_twice_or_follows_half_a_cosine() -> None:
    assert set(shape("constant")) == {1.0}
    assert shape("step") == pytest.approx([1.0] * 50 + [0.1] * 25 + [0.01] * 25)
    assert shape("cosine") == pytest.approx([0.5 * (1 + cos(pi * i / 100)) for i in range(100)])


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine"])
def test_a_warm_up_is_a_straight_line_and_the_schedule_fills_the_rest(schedule: str) -> None:
    warmed = shape(schedule, 120, warmup=1 / 6)
    assert warmed[:20] == pytest.approx([(i + 1) / 20 for i in range(20)])
    assert warmed[20:] == pytest.approx(shape(schedule, 100))
    assert max(warmed) == 1.0


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine"])
@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.9])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_short_trainings_have_a_rate_at_every_step(schedule: str, warmup: float, steps: int) -> None:
    assert all(0 < rate <= 1 for rate in shape(schedule, steps, warmup))
