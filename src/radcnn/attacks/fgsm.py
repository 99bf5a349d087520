"""The fast gradient sign method: one step, as far as the budget allows, against the slope of the loss.

Goodfellow, Shlens and Szegedy 2015, Explaining and Harnessing Adversarial Examples, ICLR.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from radcnn.attacks.answers import Aim, bounds, per_image, sloped


def fgsm(
    network: nn.Module,
    images: Tensor,
    aim: Aim,
    *,
    epsilon: Tensor,
    low: Tensor,
    high: Tensor,
) -> Tensor:
    """Images (B, C, *size) one step of `epsilon` away, in each voxel's worst direction.

        x + epsilon sign(d loss / d x)        towards a wanted answer: x - epsilon sign(d loss(wanted) / d x)

    aim      on these images: any wrong answer, or one that is wanted
    epsilon  (B,) in the images' values; each image has its own scale
    low, high (B,) what values each image can have

    A voxel without slope stays as it is.

    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 1, bias=False))
    >>> _ = nn.init.ones_(network[1].weight)
    >>> one = torch.ones(1)
    >>> from radcnn.attacks.answers import Answers
    >>> aim = Aim(Answers("binary"), one)
    >>> fgsm(network, torch.zeros(1, 1, 2, 2), aim, epsilon=0.1 * one, low=-one, high=one)
    tensor([[[[-0.1000, -0.1000],
              [-0.1000, -0.1000]]]])
    """
    _, slope = sloped(network, images, aim, "cross-entropy")
    least, most = bounds(images, epsilon, low, high)
    return torch.clamp(images - per_image(epsilon, images) * slope.sign(), least, most)
