"""What a random transform draws: plain tensors with one row per sample, so that a draw can be saved, cut and replayed.

A draw depends on the state of the generator and on the shape of the batch (B, C, *spatial), never on its voxels. Rows
are drawn in order from the one generator; a larger batch is another draw. Once drawn, rows are independent: row i of a
draw applied to sample i alone gives what it gives in the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from radcnn.core.errors import SettingsError

Drawn = Mapping[str, Tensor]  # every tensor has the batch as its first axis; safe to write as safetensors
Shape = tuple[int, ...]


@runtime_checkable
class Transform(Protocol):
    """A random change of a batch (B, C, *spatial): draw once, apply as often as you like."""

    def sample(self, generator: torch.Generator, shape: Shape) -> Drawn: ...

    def apply(self, batch: Tensor, drawn: Drawn) -> Tensor: ...


def acts(generator: torch.Generator, count: int, p: float) -> Tensor:
    """Which samples a transform acts on, (count,) bool, each with probability p."""
    return torch.rand(count, generator=generator) < p


def uniform(generator: torch.Generator, shape: Shape, low: float, high: float) -> Tensor:
    """Uniform numbers in low..high, float64."""
    return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)


def log_uniform(generator: torch.Generator, shape: Shape, low: float, high: float) -> Tensor:
    """Numbers whose logarithm is uniform in log(low)..log(high): as often halved as doubled."""
    return torch.exp(uniform(generator, shape, math.log(low), math.log(high)))


def per_sample(values: Tensor, batch: Tensor) -> Tensor:
    """(B,) values shaped and typed to broadcast over a batch (B, C, *spatial), on its device."""
    return values.to(batch.device, batch.dtype).reshape(-1, *([1] * (batch.ndim - 1)))


def where_acting(batch: Tensor, acting: Tensor, change: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """`change(samples, rows)` on the samples where `acting`; the others are passed on bit for bit."""
    if not bool(acting.any()):
        return batch
    if bool(acting.all()):
        return change(batch, torch.arange(len(batch)))
    rows = torch.nonzero(acting.cpu()).flatten()
    result = batch.clone()
    result[rows.to(batch.device)] = change(batch[rows.to(batch.device)], rows).to(batch.dtype)
    return result


def check_probability(p: float, whose: str) -> None:
    if not 0 <= p <= 1:
        raise SettingsError(f"p of {whose} must lie within 0..1, got {p:g}")


def check_range(limits: tuple[float, float], whose: str, *, above: float = 0.0) -> None:
    low, high = limits
    if not above < low <= high:
        raise SettingsError(f"{whose} must be a low and a high number above {above:g}, got {low:g} and {high:g}")


def check_not_negative(value: float, whose: str) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise SettingsError(f"{whose} must not be negative, got {value:g}")


def random_rows(generator: torch.Generator, acting: Tensor, shape: Shape) -> Tensor:
    """Random voxels (B, C, *spatial) uniform in 0..1, float32; rows that do not act are 0 and cost nothing."""
    count = int(acting.sum())
    if count == shape[0]:
        return torch.rand(tuple(shape), generator=generator)
    field = torch.zeros(tuple(shape))
    if count:
        field[acting] = torch.rand((count, *shape[1:]), generator=generator)
    return field
