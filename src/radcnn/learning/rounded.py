"""A network as 8 bits must compute it: in float32, with kernels, maps and their gradients rounded to bfloat16.

What bfloat16 gives on a machine differs from this in the order of sums alone. A difference to float32 that is larger is
no rounding: the machine computes something else.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call


class _Rounded(torch.autograd.Function):
    """The nearest bfloat16 of values, and of their gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ARG004
        """Values of any shape, each the nearest that has 8 bits (ties to even)."""
        return values.bfloat16().to(values.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004
        """The gradient by the same rule."""
        (gradient,) = gradients
        return gradient.bfloat16().to(gradient.dtype)


def rounded_outputs(network: nn.Module, images: Tensor) -> Tensor:
    """What a network gives for images (B, C, *size), everything on the way rounded to bfloat16; differentiable.

    Biases and the parameters of normalisations stay as they are, as in autocast.

    >>> layer = nn.Conv2d(1, 1, 1, bias=False)
    >>> _ = nn.init.constant_(layer.weight, 1 + 2**-12)
    >>> rounded_outputs(layer, torch.ones(1, 1, 1, 1)).item()
    1.0
    """
    layers = [layer for layer in network.modules() if next(layer.children(), None) is None]
    hooks = [layer.register_forward_hook(lambda *given: _rounded(given[-1])) for layer in layers]
    kernels = {name: _rounded(value) for name, value in network.named_parameters() if value.ndim > 1}
    try:
        made: Tensor = functional_call(network, kernels, (_rounded(images),))
    finally:
        for hook in hooks:
            hook.remove()
    return made


def _rounded(values: Tensor) -> Tensor:
    made: Tensor = _Rounded.apply(values)
    return made
