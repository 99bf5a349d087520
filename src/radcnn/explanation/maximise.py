"""Activation maximisation: an image made from noise so that a network calls a class, or a map of a layer, most loudly.

Erhan et al. 2009, Visualizing higher-layer features of a deep network, report 1341 of the University of Montreal; of
waves instead of voxels, so that no salt and pepper is liked, as in Olah et al. 2017, Feature Visualization (Distill);
smoothness as in Mahendran & Vedaldi 2015 (arXiv:1412.0035), shifts as in Mordvintsev et al. 2015. What it shows is what
the network likes, which need not look like anything that a patient has.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from radcnn.core.chance import generator, torch_generator
from radcnn.core.errors import SettingsError
from radcnn.explanation.layers import given_by

STEPS = 128
RATE = 0.02  # of the range of values, at each step: what one wave across the image changes; shorter ones change less
FAINT = 0.01  # of the range: the waves of the noise from which it begins
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
    size, axes = shape[1:], tuple(range(2, len(shape) + 1))
    lengths = _lengths(size)
    noise = torch.randn((1, shape[0], *lengths.shape, 2), generator=torch_generator(seed, "maximise", index, layer))
    shifts = generator(seed, "maximise", index, layer, "shifts").integers(-SHIFT, SHIFT + 1, (steps, len(size)))
    with torch.inference_mode(False), torch.enable_grad():
        waves = (FAINT * noise).requires_grad_()
        ascent = torch.optim.Adam([waves], lr=RATE)

        def made() -> Tensor:
            # between 0 and 1, about the middle, so that rate and smoothness mean the same whatever the range is
            spectrum = torch.view_as_complex(waves) * lengths
            return (0.5 + torch.fft.irfftn(spectrum, size, axes, norm="forward")).clamp(0, 1)

        begun = float(_liked(network, layer, index, low + (high - low) * made().detach()).detach())
        for shift in shifts:
            share = made()
            moved = share.roll(tuple(shift.tolist()), axes)
            loss = smooth * _roughness(share) - _liked(network, layer, index, low + (high - low) * moved)
            (waves.grad,) = torch.autograd.grad(loss, waves)
            ascent.step()
        image = low + (high - low) * made().detach()
        reached = float(_liked(network, layer, index, image).detach())
    return Maximised(image[0], begun, reached)


def _liked(network: nn.Module, layer: str, index: int, image: Tensor) -> Tensor:
    """The logit, or the mean of the layer's map, of one image (1, C, *size)."""
    given: Tensor = given_by(network, (layer,), image)[layer] if layer else network(image)
    if not 0 <= index < given.shape[1]:
        raise SettingsError(f"index must be 0 to {given.shape[1] - 1}, got {index}")
    liked: Tensor = given[0, index].mean()
    return liked


def _lengths(size: tuple[int, ...]) -> Tensor:
    """The length of each wave of a real image as a share of the longest, in the order of `torch.fft.rfftn`; 1 for none.

    >>> _lengths((4, 4))[0].tolist()
    [1.0, 1.0, 0.5]
    """
    along = [torch.fft.fftfreq(n) for n in size[:-1]] + [torch.fft.rfftfreq(size[-1])]
    counts = torch.stack(torch.meshgrid(*along, indexing="ij")).square().sum(0).sqrt() * max(size)
    return 1 / counts.clamp(min=1)


def _roughness(share: Tensor) -> Tensor:
    """The mean absolute difference of neighbours along each axis, added."""
    return torch.stack([share.diff(dim=axis).abs().mean() for axis in range(2, share.ndim)]).sum()
