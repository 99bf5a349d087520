"""Other ways back through a rectifier: networks are differentiated as they are, but for what ReLU lets through.

gradient   of its input above 0: g * (x > 0)
guided     and of what speaks for the answer: relu(g) * (x > 0)   Springenberg et al. 2015, arXiv:1412.6806
deconvnet  of what speaks for it alone: relu(g)                   Zeiler & Fergus 2014, arXiv:1311.2901
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

WayBack = Literal["guided", "deconvnet"]
RECTIFIERS: set[Callable[..., Tensor]] = {
    functional.relu,
    functional.relu_,
    torch.relu,
    torch.relu_,
    Tensor.relu,
    Tensor.relu_,
}


class Rectified(TorchFunctionMode):
    """Within it every rectifier passes gradients back as `way` says, module or function; `met` counts them.

    A rectifier that writes into its input gives a new tensor here instead, so that what is differentiated is kept.

    >>> x = torch.tensor([-1.0, 2.0], requires_grad=True)
    >>> with Rectified("deconvnet"):
    ...     torch.relu(x).sum().backward()
    >>> x.grad.tolist()
    [1.0, 1.0]
    """

    def __init__(self, way: WayBack) -> None:
        super().__init__()
        self.way = way
        self.met = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func not in RECTIFIERS:
            return func(*args, **(kwargs or {}))
        self.met += 1
        return _Rectifier.apply(args[0] if args else kwargs["input"], self.way)


class _Rectifier(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, given: Tensor, way: WayBack) -> Tensor:
        ctx.way = way
        ctx.save_for_backward(given > 0)
        return given.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (above,) = ctx.saved_tensors
        speaking = gradient.clamp(min=0)
        return speaking * above if ctx.way == "guided" else speaking, None
