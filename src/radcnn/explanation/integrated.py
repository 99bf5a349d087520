"""Integrated gradients: what each voxel adds to the asked logit on the way from an empty image to this one.

Sundararajan et al. 2017, Axiomatic Attribution for Deep Networks, ICML (arXiv:1703.01365).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from radcnn.core.errors import SettingsError
from radcnn.explanation.asked import Classes, logits_asked
from radcnn.explanation.fills import Fill, filling


def integrated_gradients(
    network: nn.Module, images: Tensor, classes: Classes, *, steps: int = 32, baseline: Fill = "darkest"
) -> Tensor:
    """The share of each voxel in the asked logit, with its sign, channels added: (B, *size).

        (x - x0) * mean over steps of d logit / d x at x0 + (k + 1/2) / steps (x - x0)

    images    (B, C, *size)
    baseline  the constant image x0 from which the way begins: each image's darkest value, or its mean

    The map adds up to logit(x) - logit(x0), the closer the more steps (completeness): `missing_share` says how close.
    Voxels that have the baseline's value get nothing. Raises SettingsError for fewer than one step.
    """
    if steps < 1:
        raise SettingsError(f"steps of integrated gradients must be at least 1, got {steps}")
    with torch.inference_mode(False), torch.enable_grad():
        shown = images.detach().clone()
        empty = filling(shown, baseline).expand_as(shown)
        total = torch.zeros_like(shown)
        for k in range(steps):
            at = (empty + (k + 0.5) / steps * (shown - empty)).requires_grad_()
            (slope,) = torch.autograd.grad(logits_asked(network(at), classes).sum(), at)
            total += slope
    return ((shown - empty) * total / steps).sum(1)


def missing_share(
    network: nn.Module, images: Tensor, classes: Classes, maps: Tensor, *, baseline: Fill = "darkest"
) -> Tensor:
    """How far maps are from adding up to the difference of logits, as a share of the sum of their |values|: (B,).

    Not of the difference itself, which may be small where much speaks for a class and as much against it.
    """
    with torch.inference_mode():
        empty = filling(images, baseline).expand_as(images)
        change = logits_asked(network(images), classes) - logits_asked(network(empty), classes)
    held = maps.flatten(1).abs().sum(1)
    return (maps.flatten(1).sum(1) - change).abs() / held.clamp(min=torch.finfo(held.dtype).tiny)
