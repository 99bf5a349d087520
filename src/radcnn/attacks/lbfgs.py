"""The smallest change that turns an answer: L-BFGS within a box, with a search for the weight of the change's size.

Szegedy et al. 2014, Intriguing Properties of Neural Networks, ICLR:

    minimise c |r|^2 + loss(x + r)        low <= x + r <= high

for the largest c that still turns the answer, found by halving on a logarithmic scale. Its size is reported as theirs
is, sqrt(mean r^2). It bounds no voxel: it tells how far an answer is from another one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor, nn

from radcnn.attacks.answers import Aim, bounds, sloped

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LbfgsSettings:
    """weights tried for the size of the change; steps of each minimisation; halvings of the way back to the image."""

    searches: int = 7
    steps: int = 40
    halvings: int = 12
    weights: tuple[float, float] = (1e-4, 1e4)


LBFGS = LbfgsSettings()


def lbfgs(
    network: nn.Module,
    images: Tensor,
    aim: Aim,
    *,
    low: Tensor,
    high: Tensor,
    settings: LbfgsSettings = LBFGS,
) -> tuple[Tensor, Tensor]:
    """Images (B, C, *size) turned by as small a change as was found, and whether they are (B,); as they were otherwise.

    low, high  (B,) what values each image can have

    The weight is that of |r / (high - low)|^2, so that it means the same at every scale. From the change that was
    found, the way back to the image is halved until the answer is only just turned.
    """
    found = images.clone()
    turned = torch.zeros(len(images), dtype=torch.bool)
    for row in range(len(images)):
        rows = torch.tensor([row])
        changed = _searched(network, images[rows], aim.of(rows), low[rows], high[rows], settings)
        if changed is not None:
            found[rows], turned[row] = changed, True
    return found, turned


def change_size(images: Tensor, clean: Tensor) -> Tensor:
    """sqrt(mean r^2) of each image (B,), Szegedy's distortion."""
    return (images - clean).flatten(1).square().mean(1).sqrt()


def _searched(
    network: nn.Module, image: Tensor, aim: Aim, low: Tensor, high: Tensor, settings: LbfgsSettings
) -> Tensor | None:
    """The smallest turning change over the weights; None where none turns."""
    wide = (high - low).clamp(min=1e-12)
    least, most = bounds(image, wide, low, high)
    ends, best = [float(np.log(weight)) for weight in settings.weights], None
    for _ in range(settings.searches):
        weight = float(np.exp(sum(ends) / 2))
        tried = _minimised(network, image, aim, least, most, weight / float(wide) ** 2, settings.steps)
        if not _fools(network, tried, aim):
            ends[1] = float(np.log(weight))  # the change costs too much to reach the other answer
            continue
        ends[0] = float(np.log(weight))
        tried = _shortened(network, image, tried, aim, settings.halvings)
        if best is None or change_size(tried, image) < change_size(best, image):
            best = tried
    return best


def _minimised(
    network: nn.Module, image: Tensor, aim: Aim, least: Tensor, most: Tensor, weight: float, steps: int
) -> Tensor:
    start = image.double().numpy().ravel()

    def cost(values: Floats) -> tuple[float, Floats]:
        place = torch.from_numpy(values.reshape(image.shape)).to(image.dtype)
        logits, slope = sloped(network, place, aim, "cross-entropy")
        change = values - start
        total = weight * float(change @ change) + float(aim.cost(logits, "cross-entropy").sum())
        return total, 2 * weight * change + slope.double().numpy().ravel()

    limits = list(zip(least.double().numpy().ravel(), most.double().numpy().ravel(), strict=True))
    made = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": steps})
    return torch.from_numpy(made.x.reshape(image.shape)).to(image.dtype)


def _shortened(network: nn.Module, image: Tensor, turned: Tensor, aim: Aim, halvings: int) -> Tensor:
    """The nearest point on the way back to the image that still turns the answer, to 2^-halvings of the way."""
    near, far = 0.0, 1.0
    for _ in range(halvings):
        middle = (near + far) / 2
        if _fools(network, image + middle * (turned - image), aim):
            far = middle
        else:
            near = middle
    return image + far * (turned - image)


@torch.no_grad()
def _fools(network: nn.Module, image: Tensor, aim: Aim) -> bool:
    return bool(aim.fooled(network(image))[0])
