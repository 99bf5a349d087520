"""An exponential moving average of the weights (Polyak and Juditsky 1992), with a warm-up of its own."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Averaged:
    """A copy of a network whose weights follow the trained ones slowly.

    After step t the decay is min(decay, (1 + t) / (10 + t)), so that early weights are forgotten. Buffers (the running
    statistics of batch normalisation) are averaged likewise; integer buffers are copied.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval()
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, steps_done: int) -> None:
        """Move the average towards the weights of `network`."""
        share = 1 - min(self.decay, (1 + steps_done) / (10 + steps_done))
        ours, theirs = self.network.state_dict(), network.state_dict()
        floating = [name for name, value in ours.items() if value.dtype.is_floating_point]
        torch._foreach_lerp_([ours[name] for name in floating], [theirs[name] for name in floating], share)
        for name in ours.keys() - set(floating):
            ours[name].copy_(theirs[name])
