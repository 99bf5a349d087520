"""Optimizers and learning-rate schedules, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import nn
from torch.optim import Optimizer

from radcnn.core.catalogue import look_up

MOMENTUM = 0.9  # Qian 1999; the value of most papers the review cites

MakeOptimizer = Callable[[list[dict[str, object]], float], Optimizer]

OPTIMIZERS: Mapping[str, MakeOptimizer] = MappingProxyType(
    {
        "sgd": lambda groups, rate: torch.optim.SGD(groups, lr=rate),
        "momentum": lambda groups, rate: torch.optim.SGD(groups, lr=rate, momentum=MOMENTUM, nesterov=True),
        "rmsprop": lambda groups, rate: torch.optim.RMSprop(groups, lr=rate),
        "adam": lambda groups, rate: torch.optim.Adam(groups, lr=rate),
        "adamw": lambda groups, rate: torch.optim.AdamW(groups, lr=rate),
    }
)


def make_optimizer(name: str, network: nn.Module, *, learning_rate: float, weight_decay: float) -> Optimizer:
    """The optimizer called `name` for a network.

    Weight decay acts on kernels and dense weights only: biases and normalisation parameters have one axis and are
    left alone (He et al. 2019, "Bag of tricks"). It is decoupled for adamw and an L2 term otherwise.
    """
    decayed = [p for p in network.parameters() if p.requires_grad and p.ndim > 1]
    free = [p for p in network.parameters() if p.requires_grad and p.ndim <= 1]
    groups: list[dict[str, object]] = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    return look_up(OPTIMIZERS, name, "optimizer")(groups, learning_rate)


def constant(_progress: float) -> float:
    """The peak rate throughout."""
    return 1.0


def step(progress: float) -> float:
    """Times 0.1 at half and at three quarters of the steps (MedMNIST's protocol)."""
    return 0.1 ** ((progress >= 0.5) + (progress >= 0.75))


def cosine(progress: float) -> float:
    """Half a cosine down to zero (Loshchilov and Hutter 2017)."""
    return 0.5 * (1 + math.cos(math.pi * progress))


SCHEDULES: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {"constant": constant, "step": step, "cosine": cosine}
)


def rate_at(schedule: str, *, step_index: int, steps: int, warmup: float) -> float:
    """The factor on the peak learning rate at a step: a linear warm-up, then the schedule on the rest.

    >>> rate_at("cosine", step_index=0, steps=100, warmup=0.0)
    1.0
    """
    shape = look_up(SCHEDULES, schedule, "schedule")
    warm = round(warmup * steps)
    if step_index < warm:
        return (step_index + 1) / warm
    return shape((step_index - warm) / max(1, steps - warm))
