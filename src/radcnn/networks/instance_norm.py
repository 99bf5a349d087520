"""Instance normalisation of channels-last batches on a CPU, without copying them to another order and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.overrides import TorchFunctionMode

KINDS = (torch.float32, torch.bfloat16)
LEAST = 1 << 15  # values of a batch, below which loading the compiled loops is not worth it: by size alone, so that the
# same batch always gives the same numbers


@contextmanager
def channels_side_by_side(network: nn.Module, images: Tensor) -> Iterator[None]:
    """Within it, instance normalisation takes channels-last maps as they lie; the sums are torch's to rounding.

    images  the batch that is about to be computed; nothing changes elsewhere than on the CPU
    """
    norms = any(isinstance(layer, nn.InstanceNorm2d | nn.InstanceNorm3d) for layer in network.modules())
    if images.device.type != "cpu" or not norms:
        yield
        return
    with _ByOurLoops():
        yield


class _ByOurLoops(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is functional.instance_norm:
            made = _normalised(*args, **(kwargs or {}))
            if made is not None:
                return made
        return func(*args, **(kwargs or {}))


def _normalised(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None, weight: Tensor | None = None,
    bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor | None:  # fmt: skip
    """By our loops; None where the maps lie otherwise, or are normalised by other statistics than their own."""
    assert momentum is not None
    plain = use_input_stats and running_mean is None and running_var is None
    if not plain or weight is None or bias is None or input.dtype not in KINDS or input.numel() == 0:
        return None
    layout = {4: torch.channels_last, 5: torch.channels_last_3d}.get(input.ndim)
    if layout is None or not input.is_contiguous(memory_format=layout) or input.is_contiguous():
        return None
    if input[0, 0].numel() == 1 or input.numel() < LEAST:
        return None
    made: Tensor = _InstanceNorm.apply(input, weight, bias, eps)
    return made


class _InstanceNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        """Maps x (B, C, *size), channels-last, each brought to mean 0 and variance 1, then times weight plus bias (C,).

        Ulyanov et al. 2016, arXiv:1607.08022.
        """
        from radcnn.kernels.instance_norm import moments, scale_into

        values = _side_by_side(x)
        mean, variance = moments(values)
        share = 1 / np.sqrt(variance + np.float32(eps))
        factor = share * _numbers(weight)
        ctx.save_for_backward(x, weight)
        ctx.mean, ctx.share = mean, share
        made = torch.empty_like(x)
        scale_into(_side_by_side(made), values, factor, _numbers(bias) - mean * factor)
        return made

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Gradients of x, weight and bias for that of the result (B, C, *size)."""
        from radcnn.kernels.instance_norm import gradient_sums, mix_into

        x, weight = ctx.saved_tensors
        layout = torch.channels_last if x.ndim == 4 else torch.channels_last_3d
        values = _side_by_side(x)
        grows = _side_by_side(gradient.to(x.dtype).contiguous(memory_format=layout))
        total, along = gradient_sums(grows, values, ctx.mean)
        share, places = ctx.share.astype(np.float64), values.shape[1]
        factor = share * _numbers(weight)
        of_x = -factor * share * share * along / places
        offset = -factor * total / places - of_x * ctx.mean
        found = torch.empty_like(x)
        mix_into(_side_by_side(found), grows, values, *(part.astype(np.float32) for part in (factor, of_x, offset)))
        of_weight, of_bias = torch.from_numpy((share * along).sum(0)), torch.from_numpy(total.sum(0))
        return found, of_weight.to(weight), of_bias.to(weight), None


def _numbers(weights: Tensor) -> NDArray[np.float32]:
    return weights.detach().float().numpy()


def _side_by_side(x: Tensor) -> NDArray[Any]:
    """Channels-last maps (B, C, *size) as (B, places, C), without a copy; bfloat16 as its bits."""
    flat = x.detach().movedim(1, -1).flatten(1, -2)
    return flat.view(torch.int16).numpy().view(np.uint16) if x.dtype == torch.bfloat16 else flat.numpy()
