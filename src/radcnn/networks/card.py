"""The card of a network: every parameter and hyperparameter of the review's Table 1, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from torch import nn

from radcnn.core.errors import SettingsError
from radcnn.networks.build import bare
from radcnn.networks.card_form import Card, Layer
from radcnn.networks.layers import ACTIVATIONS, Add, Concatenate, Dims
from radcnn.networks.trace import (
    ADAPTIVE,
    AVERAGE_POOLS,
    CONVOLUTIONS,
    MAX_POOLS,
    TRANSPOSED,
    Step,
    per_axis,
    smallest_size,
    trace,
)

ACTIVATION_NAMES = {type(make()): name for name, make in ACTIVATIONS.items() if name != "identity"}
NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm)
KINDS: tuple[tuple[Any, str], ...] = (
    (CONVOLUTIONS, "convolution"),
    (TRANSPOSED, "transposed convolution"),
    (MAX_POOLS + AVERAGE_POOLS + ADAPTIVE, "pooling"),
    (nn.Linear, "dense"),
    (NORMS, "normalisation"),
    (tuple(ACTIVATION_NAMES), "activation"),
    (nn.Dropout, "dropout"),
    (Add, "addition"),
    (Concatenate, "concatenation"),
    (nn.Identity, "identity"),
)


def card(
    network: str,
    *,
    size: int | tuple[int, ...] = 224,
    channels: int = 1,
    outputs: int = 1,
    dims: Dims = 2,
    options: Mapping[str, object] | None = None,
) -> Card:
    """The card of a network of NETWORKS for images of `size`: (rows, columns), (slices, rows, columns), or one side.

    Raises SettingsError when the name, an option or the size does not fit; a size too small is told the smallest.
    """
    sides = (size,) * dims if isinstance(size, int) else tuple(size)
    if len(sides) != dims:
        raise SettingsError(f"size of a {dims}D image must be {dims} numbers, got {sides}")
    built, settings, paper = bare(network, channels=channels, outputs=outputs, dims=dims, options=options)
    try:
        steps = trace(built, sides, channels)
    except SettingsError as cause:
        points = "pixels" if dims == 2 else "voxels"
        least = smallest_size(built, dims=dims, channels=channels)
        raise SettingsError(f"{network} needs images of at least {least} {points} a side, got {sides}") from cause
    maps = [step for step in steps if len(step.output) == dims + 1 and not isinstance(step.layer, ADAPTIVE)]
    return Card(
        name=network,
        channels=channels,
        outputs=outputs,
        size=sides,
        options=asdict(settings),
        layers=tuple(_row(step) for step in steps),
        parameters=sum(p.numel() for p in built.parameters()),
        multiply_accumulates=sum(step.multiply_accumulates for step in steps),
        activation_elements=_elements(steps),
        receptive_field=_sizes(maps[-1]) if maps else None,
        paper=paper,
    )


def multiply_accumulates(network: nn.Module, size: tuple[int, ...], channels: int) -> int:
    """Multiply-accumulates of one image's forward pass: convolutions and dense layers, without their biases.

    Works for any network made of torch's layers. Raises SettingsError when the image does not fit.
    """
    return sum(step.multiply_accumulates for step in trace(network, size, channels))


def activation_elements(network: nn.Module, size: tuple[int, ...], channels: int) -> int:
    """Numbers that all layers put out for one image: an upper bound of what training keeps for the backward pass.

    Layers that work in place count too. Raises SettingsError when the image does not fit.
    """
    return _elements(trace(network, size, channels))


def _elements(steps: list[Step]) -> int:
    total = 0
    for step in steps:
        count = 1
        for length in step.output:
            count *= length
        total += count
    return total


def _row(step: Step) -> Layer:
    layer: Any = step.layer
    windowed = isinstance(layer, CONVOLUTIONS + TRANSPOSED + MAX_POOLS + AVERAGE_POOLS)
    rank = len(step.output) - 1
    kernel, stride, padding = (
        (per_axis(layer.kernel_size, rank), per_axis(layer.stride, rank), per_axis(layer.padding, rank))
        if windowed
        else (None, None, None)
    )
    return Layer(
        name=step.name,
        kind=next((kind for types, kind in KINDS if isinstance(layer, types)), type(layer).__name__),
        output=step.output,
        parameters=sum(p.numel() for p in layer.parameters()) if step.first else 0,
        kernel=kernel,
        stride=stride,
        padding=padding,
        number=_number(layer),
        setting=_setting(layer),
        receptive_field=_sizes(step),
        jump=None if step.fields is None else tuple(field.jump for field in step.fields),
        multiply_accumulates=step.multiply_accumulates,
    )


def _sizes(step: Step) -> tuple[int, ...] | None:
    return None if step.fields is None else tuple(field.size for field in step.fields)


def _number(layer: nn.Module) -> int | None:
    if isinstance(layer, CONVOLUTIONS + TRANSPOSED):
        return int(layer.out_channels)
    return layer.out_features if isinstance(layer, nn.Linear) else None


def _setting(layer: nn.Module) -> str | None:
    if isinstance(layer, tuple(ACTIVATION_NAMES)):
        return ACTIVATION_NAMES[type(layer)]
    if isinstance(layer, MAX_POOLS):
        return "max"
    if isinstance(layer, AVERAGE_POOLS + ADAPTIVE):
        return "average"
    if isinstance(layer, nn.Dropout):
        return f"p {layer.p:g}"
    if isinstance(layer, NORMS):
        return "group" if isinstance(layer, nn.GroupNorm) else _norm_name(layer)
    return None


def _norm_name(layer: nn.Module) -> str:
    return "instance" if isinstance(layer, nn.modules.instancenorm._InstanceNorm) else "batch"
