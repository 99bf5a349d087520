"""Activation maximisation: an image made from noise so that a network calls a class, or a map of a layer, most loudly.

Erhan et al. 2009, Visualizing higher-layer features of a deep network, report 1341 of the University of Montreal;
smoothness as in Mahendran & Vedaldi 2015 (arXiv:1412.0035), shifts as in Mordvintsev et al. 2015. What it shows is what
the network likes, which need not look like anything that a patient has.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from radcnn.core.chance import generator, torch_generator
from radcnn.core.errors import SettingsError

STEPS = 128
RATE = 0.05  # of the range of values at each step
SMOOTH = 0.1  # weight of the mean difference between neighbours, as a share of the range
SHIFT = 2  # voxels, at most: what is liked at one place alone is noise


@dataclass(frozen=True, eq=False)
class Maximised:
    """An image (C, *size) within its range, and what was maximised: at the beginning in noise, and at the end."""

    image: Tensor
    begun: float
    reached: float


def maximise(
    network: nn.Module,
    index: int,
    *,
    shape: tuple[int, ...],
    layer: str = "",
    low: float = 0.0,
    high: float = 1.0,
    steps: int = STEPS,
    smooth: float = SMOOTH,
    seed: int = 0,
) -> Maximised:
    """The image that makes a logit, or the mean of a layer's map, as high as gradient ascent from noise makes it.

    index      of the logit; with `layer`, of its map
    shape      (C, *size) of the image
    low, high  what prepared values can be
    smooth     how much neighbours that differ count against it; 0 for not at all

    Raises SettingsError where there is no such output, map or range.
    """
    if not low < high or steps < 1 or smooth < 0:
        raise SettingsError(
            f"maximising needs low below high, steps of at least 1 and smooth of at least 0, got {low} to {high}, "
            f"{steps} and {smooth}"
        )
    noise = torch.rand(shape, generator=torch_generator(seed, "maximise", index, layer, "noise"))
    shifts = generator(seed, "maximise", index, layer, "shifts").integers(-SHIFT, SHIFT + 1, (steps, len(shape) - 1))
    axes = tuple(range(2, len(shape) + 1))
    with torch.inference_mode(False), torch.enable_grad():
        # between 0 and 1, about the middle, so that rate and smoothness mean the same whatever the range is
        share = (0.5 + 0.1 * (noise - 0.5))[None].requires_grad_()
        ascent = torch.optim.Adam([share], lr=RATE)
        begun = float(_liked(network, layer, index, low + (high - low) * share.detach()).detach())
        for shift in shifts:
            moved = share.roll(tuple(shift.tolist()), axes)
            loss = smooth * _roughness(share) - _liked(network, layer, index, low + (high - low) * moved)
            (share.grad,) = torch.autograd.grad(loss, share)
            ascent.step()
            with torch.no_grad():
                share.clamp_(0, 1)
        image = low + (high - low) * share.detach()
        reached = float(_liked(network, layer, index, image).detach())
    return Maximised(image[0], begun, reached)


def _liked(network: nn.Module, layer: str, index: int, image: Tensor) -> Tensor:
    """The logit, or the mean of the layer's map, of one image (1, C, *size)."""
    made: list[Tensor] = []
    if layer:
        if layer not in dict(network.named_modules()):
            raise SettingsError(f"layer {layer!r} is not one of this network; radcnn explain lists them")
        handle = network.get_submodule(layer).register_forward_hook(lambda _, __, given: made.append(given.clone()))
        try:
            network(image)
        finally:
            handle.remove()
    given = made[-1] if layer else network(image)
    if not 0 <= index < given.shape[1]:
        raise SettingsError(f"index must be 0 to {given.shape[1] - 1}, got {index}")
    liked: Tensor = given[0, index].mean()
    return liked


def _roughness(share: Tensor) -> Tensor:
    """The mean absolute difference of neighbours along each axis, added."""
    return torch.stack([share.diff(dim=axis).abs().mean() for axis in range(2, share.ndim)]).sum()
