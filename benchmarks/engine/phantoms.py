"""Volumes of two nested balls in noise, and a U-Net that has just learned to label them.

Labels of random weights are ties, on which no two precisions agree; a benchmark that asks for equal masks needs a
network that has made up its mind.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

STEPS, SIDE = 60, 32


def balls(side: int, generator: torch.Generator, *, noise: float = 0.3) -> tuple[Tensor, Tensor]:
    """An image (1, 1, side, side, side) and its labels (1, side, side, side): 0 outside, 1 shell, 2 core."""
    axis = torch.arange(side) / side - 0.5
    centre = 0.3 * (torch.rand(3, generator=generator) - 0.5)
    squares = [(axis - c) ** 2 for c in centre]
    distance = (squares[0][:, None, None] + squares[1][:, None] + squares[2]).sqrt()
    labels = (distance < 0.35).long() + (distance < 0.2).long()
    image = labels.float() + noise * torch.randn(labels.shape, generator=generator)
    return image[None, None], labels[None]


def taught(network: nn.Module) -> nn.Module:
    """The network after a few steps on small volumes, in evaluation mode."""
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(STEPS):
        image, labels = balls(SIDE, generator)
        loss = nn.functional.cross_entropy(network(image), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()
