"""Convolutions of a single small volume, kept on the fast path.

For a batch of one whose channels x slices x rows are at most 20,480, and a kernel of at most 3, torch computes conv3d
in float32 with a matrix product it calls slow_conv3d, which took 4 to 30 times as long as oneDNN: the first layer of
every one-channel volume of up to 143 slices, and the deep layers of most. oneDNN gives the same sums to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


@contextmanager
def fast_small_volumes(images: Tensor) -> Iterator[None]:
    """Within it, conv3d of a single volume in float32 on the CPU is computed by oneDNN, forward and backward.

    images  the batch (B, C, *size) that is about to be computed; nothing changes for batches of two or more, for images
            of 2D, elsewhere than on the CPU, under autocast, and where torch has no oneDNN
    """
    alone = images.ndim == 5 and len(images) == 1 and images.device.type == "cpu" and images.dtype == torch.float32
    if not alone or torch.is_autocast_enabled("cpu") or not torch.backends.mkldnn.is_available():
        yield
        return
    with _ByOneDNN():
        yield


class _ByOneDNN(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.conv3d:
            made = _convolved(*args, **(kwargs or {}))
            if made is not None:
                return made
        return func(*args, **(kwargs or {}))


def _convolved(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor | None:  # fmt: skip
    """The convolution by oneDNN; None where its settings are not plain numbers or the input is empty."""
    if isinstance(padding, str) or input.dtype != torch.float32 or input.numel() == 0 or input.ndim != 5:
        return None
    steps = [tuple(v) if isinstance(v, tuple | list) else (v,) * 3 for v in (padding, stride, dilation)]
    found: Tensor = torch.ops.aten.mkldnn_convolution(input, weight, bias, *steps, groups)
    return found
