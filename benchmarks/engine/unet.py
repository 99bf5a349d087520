"""The 3D U-Net that the engine's benchmarks run: plain torch layers, instance normalisation, leaky ReLU.

The form of Isensee et al. 2021, nnU-Net, figure 2; with 16 maps in its first stage one window of 96^3 takes 101 GFLOP.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


def stage(before: int, after: int, stride: int = 1) -> nn.Sequential:
    """Two convolutions, each with its normalisation and activation."""
    layers: list[nn.Module] = []
    for channels, step in ((before, stride), (after, 1)):
        layers += [nn.Conv3d(channels, after, 3, stride=step, padding=1), nn.InstanceNorm3d(after, affine=True)]
        layers.append(nn.LeakyReLU(0.01, inplace=True))
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Logits (B, outputs, D, H, W) of volumes (B, 1, D, H, W) whose sides are multiples of 2^(stages - 1)."""

    def __init__(self, width: int = 16, outputs: int = 3, stages: int = 5) -> None:
        super().__init__()
        maps = [width << i for i in range(stages)]
        self.down = nn.ModuleList([stage(1, width), *(stage(a, b, stride=2) for a, b in pairwise(maps))])
        self.up = nn.ModuleList(nn.ConvTranspose3d(b, a, 2, stride=2) for a, b in pairwise(maps))
        self.join = nn.ModuleList(stage(2 * a, a) for a in maps[:-1])
        self.head = nn.Conv3d(width, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        for i in reversed(range(len(self.up))):
            x = self.join[i](torch.cat([self.up[i](x), skips[i]], dim=1))
        return self.head(x)


def gigaflops(network: nn.Module, image: Tensor) -> float:
    """Twice the multiply-adds of its convolutions on one image, in 10^9."""
    total = 0

    def count(layer: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        nonlocal total
        places = made.numel() if isinstance(layer, nn.Conv3d) else given[0].numel()
        total += 2 * places * layer.weight[0].numel()

    kinds = (nn.Conv3d, nn.ConvTranspose3d)
    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, kinds)]
    with torch.inference_mode():
        network(image)
    for hook in hooks:
        hook.remove()
    return total / 1e9
