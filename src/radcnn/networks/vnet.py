"""V-Net (Milletari et al. 2016, arXiv:1606.04797): residual stages of 5 x 5 x 5 convolutions, learned halving."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from radcnn.core.errors import SettingsError
from radcnn.networks.image_network import ImageNetwork
from radcnn.networks.layers import convolution, transposed_convolution
from radcnn.networks.network import Ends
from radcnn.networks.options import at_least

SIDE = 5


@dataclass(frozen=True, kw_only=True)
class VNetOptions:
    """Options of V-Net.

    kernels  of the first stage; they double with each of the others
    down     convolutions of the stages on the way down
    up       convolutions of the stages on the way up
    """

    kernels: int = 16
    down: tuple[int, ...] = (1, 2, 3, 3, 3)
    up: tuple[int, ...] = (3, 3, 2, 1)

    def __post_init__(self) -> None:
        at_least(1, kernels=self.kernels)
        if len(self.down) < 2 or len(self.up) != len(self.down) - 1:
            raise SettingsError(f"V-Net goes up once less than it goes down, got {self.down} and {self.up}")
        at_least(1, down=min(self.down), up=min(self.up))


class VNet(ImageNetwork):
    """`down` stages with `halve` between them, `rise` and `up` stages, `output`; what comes in is added at each stage.

    The receptive fields of the stages are those of the paper's Table 1.
    """

    def __init__(self, ends: Ends, options: VNetOptions) -> None:
        super().__init__()
        widths = [options.kernels * 2**k for k in range(len(options.down))]
        self.down, self.halve = nn.ModuleList(), nn.ModuleList()
        self.up, self.rise = nn.ModuleList(), nn.ModuleList()
        for k, (width, many) in enumerate(zip(widths, options.down, strict=True)):
            self.down.append(Stage(ends, ends.channels if k == 0 else width, width, many))
            if k + 1 < len(widths):
                self.halve.append(
                    nn.Sequential(convolution(ends.dims, width, 2 * width, 2, stride=2), nn.PReLU(2 * width))
                )
        below = widths[-1]
        for width, many in zip(reversed(widths[:-1]), options.up, strict=True):
            self.rise.append(
                nn.Sequential(transposed_convolution(ends.dims, below, width, 2, stride=2), nn.PReLU(width))
            )
            self.up.append(Stage(ends, 2 * width, 2 * width, many))
            below = 2 * width
        self.output = convolution(ends.dims, below, ends.outputs, 1)
        self.multiple = 2 ** (len(widths) - 1)
        self.halo = self._halo(options)

    def maps(self, x: Tensor) -> Tensor:
        kept, y = [], x
        for level, stage in enumerate(self.down):
            y = stage(y)
            if level < len(self.halve):
                kept.append(y)
                y = self.halve[level](y)
        for rise, stage in zip(self.rise, self.up, strict=True):
            y = stage(torch.cat([rise(y), kept.pop()], dim=1))
        made: Tensor = self.output(y)
        return made

    def _halo(self, options: VNetOptions) -> int:
        many = [sum(pair) for pair in zip(options.down, (*reversed(options.up), 0), strict=True)]
        return sum((SIDE // 2) * count * 2**level + 2**level for level, count in enumerate(many))


class Stage(nn.Module):
    """Convolutions with PReLU between them; what comes in is added before the last PReLU.

    Where fewer channels come in than go out, as of an image, they are repeated.
    """

    def __init__(self, ends: Ends, channels: int, kernels: int, many: int) -> None:
        super().__init__()
        widths = (channels, *(kernels,) * many)
        self.convolutions = nn.ModuleList(
            convolution(ends.dims, widths[k], kernels, SIDE, padding=SIDE // 2) for k in range(many)
        )
        self.activations = nn.ModuleList(nn.PReLU(kernels) for _ in range(many))
        self.kernels = kernels

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for k, (convolve, active) in enumerate(zip(self.convolutions, self.activations, strict=True)):
            y = convolve(y)
            y = active(y if k + 1 < len(self.convolutions) else y + self._repeated(x))
        return y

    def _repeated(self, x: Tensor) -> Tensor:
        if x.shape[1] == self.kernels:
            return x
        return x[:, torch.arange(self.kernels, device=x.device) % x.shape[1]]
