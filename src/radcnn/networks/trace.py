"""One image's way through a network, layer by layer: an empty batch has every shape and costs milliseconds.

The batch has 0 images and the weights are one number each, expanded: torch's own kernels check every shape and compute
nothing. (On the meta device the first pass would import torch's compiler, 1.5 to 2.4 s measured.)

Each layer's forward hook notes what came out. Receptive fields travel with the tensors: a hook reads the fields of its
inputs and leaves the field of its output on the output, so branches need no graph. A map that a function outside any
layer made carries no field, and the fields after it are None (unknown) rather than wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from radcnn.core.errors import SettingsError
from radcnn.networks.receptive_field import Field, Window

Fields = tuple[Field, ...]
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
MAX_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
AVERAGE_POOLS = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
ADAPTIVE = (nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)
LARGEST_SEARCHED = 1024  # voxels per side; a network that needs more is not for images


@dataclass(frozen=True)
class Step:
    """One layer at work on one image.

    name    as in the state dict; a layer used twice is two steps
    output  (channels, ...) without the batch
    fields  receptive field per spatial axis; None where it is unknown
    first   False when the layer was used before in this pass
    """

    name: str
    layer: nn.Module
    inputs: tuple[int, ...]
    output: tuple[int, ...]
    fields: Fields | None
    first: bool

    @property
    def multiply_accumulates(self) -> int:
        """Multiply-accumulates of convolutions and dense layers; 0 for everything else."""
        layer = self.layer
        if isinstance(layer, CONVOLUTIONS):
            return math.prod(self.output) * math.prod(layer.weight.shape[1:])
        if isinstance(layer, TRANSPOSED):
            return math.prod(self.inputs) * math.prod(layer.weight.shape[1:])
        return math.prod(self.output) * layer.in_features if isinstance(layer, nn.Linear) else 0


def trace(network: nn.Module, size: tuple[int, ...], channels: int) -> list[Step]:
    """The layers one image (channels, *size) passes, in order, as in evaluation; the network is left as it was.

    Raises SettingsError when the image is too small, or does not fit the network.
    """
    steps: list[Step] = []
    image = _nothing(network, size, channels)
    _leave(image, tuple(Field() for _ in size))
    with _hooked(network, size, steps):
        _pass_through(network, _weightless(network), image)
    return steps


def smallest_size(network: nn.Module, *, dims: int, channels: int) -> int:
    """The smallest side of a square (cubic) image that passes through the network.

    Raises SettingsError when none up to 1024 does.
    """

    weights = _weightless(network)

    def passes(side: int) -> bool:
        try:
            _pass_through(network, weights, _nothing(network, (side,) * dims, channels))
        except SettingsError:
            return False
        return True

    low, high = 0, 1
    while not passes(high):
        if high >= LARGEST_SEARCHED:
            raise SettingsError(f"no image of up to {LARGEST_SEARCHED} voxels a side passes through this network")
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high


class _InstanceNormOfNothing(TorchFunctionMode):
    """torch's instance normalisation is the one layer that fails on an empty batch; it keeps the shape."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not functional.instance_norm:
            return func(*args, **(kwargs or {}))
        if math.prod(args[0].shape[2:]) == 1:
            raise ValueError("instance normalisation needs more than 1 voxel per map")
        return args[0]


def _pass_through(network: nn.Module, weights: dict[str, Tensor], image: Tensor) -> None:
    with _evaluating(network), _InstanceNormOfNothing(), torch.no_grad():
        try:
            functional_call(network, weights, (image,))
        except (RuntimeError, ValueError) as cause:
            _, channels, *size = image.shape
            raise SettingsError(
                f"an image of {' x '.join(map(str, size))} with {channels} channels does not pass through this network "
                f"({cause}); resize to a larger image, or take another network or stem"
            ) from cause


def _nothing(network: nn.Module, size: tuple[int, ...], channels: int) -> Tensor:
    kinds = [p.dtype for p in network.parameters() if p.is_floating_point()]
    return torch.empty(0, channels, *size, device="cpu", dtype=kinds[0] if kinds else torch.float32)


def _weightless(network: nn.Module) -> dict[str, Tensor]:
    """Stand-ins for all parameters and buffers: one number each, seen as the whole tensor."""
    every = [*network.named_parameters(), *network.named_buffers()]
    return {name: torch.zeros((), dtype=value.dtype, device="cpu").expand(value.shape) for name, value in every}


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def _hooked(network: nn.Module, size: tuple[int, ...], steps: list[Step]) -> Iterator[None]:
    leaves = [(name, module) for name, module in network.named_modules() if not any(module.children())]
    hooks = [module.register_forward_hook(partial(_note, name, size, steps, [])) for name, module in leaves]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _note(
    name: str, size: tuple[int, ...], steps: list[Step], calls: list[None], layer: nn.Module, given: Any, made: Any
) -> None:
    inputs, output = list(_tensors(given)), next(_tensors(made), None)
    if not inputs or output is None:
        return  # a layer of somebody else's that takes or gives no tensor has no size to tell
    fields = _fields(layer, inputs, output, size)
    _leave(output, fields)
    steps.append(Step(name, layer, tuple(inputs[0].shape[1:]), tuple(output.shape[1:]), fields, first=not calls))
    calls.append(None)


def _tensors(given: Any) -> Iterator[Tensor]:
    if isinstance(given, Tensor):
        yield given
    elif isinstance(given, list | tuple):
        for item in given:
            yield from _tensors(item)


def _leave(tensor: Tensor, fields: Fields | None) -> None:
    tensor._radcnn_fields = fields  # type: ignore[attr-defined]


def _fields(layer: nn.Module, inputs: list[Tensor], output: Tensor, size: tuple[int, ...]) -> Fields | None:
    if output.ndim != 2 + len(size):
        return tuple(Field.whole(length) for length in size)  # a vector has no place: it may depend on every voxel
    carried = [getattr(tensor, "_radcnn_fields", None) for tensor in inputs]
    known = [fields for fields in carried if fields is not None]
    if not known or len(known) < len(carried):
        return None
    joined = known[0]
    for fields in known[1:]:
        joined = tuple(a.joined(b) for a, b in zip(joined, fields, strict=True))
    if output.shape[2:] != inputs[0].shape[2:] and math.prod(output.shape[2:]) == 1 and isinstance(layer, ADAPTIVE):
        return tuple(Field.whole(length) for length in size)
    windows = windows_of(layer, inputs[0].shape[2:], output.shape[2:])
    if windows is None:
        return joined if output.shape[2:] == inputs[0].shape[2:] else None
    return tuple(field.through(window) for field, window in zip(joined, windows, strict=True))


def windows_of(layer: nn.Module, before: tuple[int, ...], after: tuple[int, ...]) -> tuple[Window, ...] | None:
    """What a layer slides along each axis; None for layers that work voxel by voxel.

    Normalisations count as voxel by voxel: their statistics are not a spatial window.
    """
    rank = len(before)
    if isinstance(layer, CONVOLUTIONS):
        paddings = _paddings(layer)
        settings = zip(layer.kernel_size, layer.stride, paddings, layer.dilation, strict=True)
        return tuple(Window(k, s, p, d) for k, s, p, d in settings)
    if isinstance(layer, TRANSPOSED):
        settings = zip(layer.kernel_size, layer.stride, _paddings(layer), layer.dilation, strict=True)
        return tuple(Window(k, s, p, d, transposed=True) for k, s, p, d in settings)
    if isinstance(layer, MAX_POOLS + AVERAGE_POOLS):
        sides = (per_axis(layer.kernel_size, rank), per_axis(layer.stride, rank), per_axis(layer.padding, rank))
        dilations = per_axis(getattr(layer, "dilation", 1), rank)
        return tuple(Window(k, s, p, d) for k, s, p, d in zip(*sides, dilations, strict=True))
    if isinstance(layer, ADAPTIVE):
        return tuple(_adaptive(n, parts) for n, parts in zip(before, after, strict=True))
    return None


def _paddings(layer: Any) -> tuple[float, ...]:
    if layer.padding == "same":
        return tuple((k - 1) * d / 2 for k, d in zip(layer.kernel_size, layer.dilation, strict=True))
    return (0,) * len(layer.kernel_size) if layer.padding == "valid" else tuple(layer.padding)


def per_axis(value: Any, rank: int) -> tuple[int, ...]:
    """One number for all axes, or one per axis, as one per axis."""
    return tuple(value) if isinstance(value, tuple | list) else (value,) * rank


def _adaptive(length: int, parts: int) -> Window:
    """The window of an adaptive pooling: part i covers floor(i n / parts) to ceil((i + 1) n / parts)."""
    largest = max(-(-(i + 1) * length // parts) - i * length // parts for i in range(parts))
    return Window(largest, length / parts)
