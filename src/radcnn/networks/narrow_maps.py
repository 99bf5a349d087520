"""Convolutions wider than their maps, kept in float32 within bfloat16 autocast on a CPU.

oneDNN 3.12 takes part of the weights' gradient of such a convolution (kernel 3 on maps of 1 and 2 voxels) in bfloat16
from memory that nobody wrote: docs/decisions/0004. These are the smallest maps of a network, and cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

CONVOLUTIONS = (torch.conv1d, torch.conv2d, torch.conv3d)


@contextmanager
def full_where_narrow(images: Tensor) -> Iterator[None]:
    """Within it and autocast, a convolution whose kernel exceeds its map on some axis is computed in float32.

    images  the batch (B, C, *size) that is about to be computed; nothing changes elsewhere than on the CPU
    """
    if images.device.type != "cpu":
        yield
        return
    with _InFloat32():
        yield


class _InFloat32(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in CONVOLUTIONS:
            given, weight = args[:2]
            if any(kernel > side for kernel, side in zip(weight.shape[2:], given.shape[2:], strict=True)):
                with torch.autocast("cpu", enabled=False):
                    return func(given.float(), *args[1:], **(kwargs or {}))
        return func(*args, **(kwargs or {}))
