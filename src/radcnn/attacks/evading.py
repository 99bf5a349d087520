"""An attack by somebody who knows a detector of attacks: the answer is turned, and then the detector's score lowered.

Bryniarski et al. 2022, Evading Adversarial Example Detection Defenses with Orthogonal Projected Gradient Descent, ICLR:
each step follows one slope alone, the answer's until it is turned and the detector's from then on, so that no weight
between the two has to be found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from radcnn.attacks.answers import Aim, bounds, per_image
from radcnn.attacks.pgd import step_share

STEPS = 40
Detector = Callable[[Tensor], Tensor]


def evading(
    network: nn.Module,
    detector: Detector,
    images: Tensor,
    aim: Aim,
    *,
    start: Tensor,
    epsilon: Tensor,
    low: Tensor,
    high: Tensor,
    steps: int = STEPS,
) -> Tensor:
    """Images (B, C, *size) within `epsilon`: of the points that turn the answer the one that the detector sees least.

    detector  gives scores (B,), high for images that look attacked; it can be differentiated
    start     (B, C, *size) where to begin, such as what PGD found: what it turned stays turned, and is seen no better

    Other arguments as of `fgsm`.
    """
    least, most = bounds(images, epsilon, low, high)
    place = start.clamp(least, most)
    best = _Least(place.clone(), torch.full((len(images),), torch.inf), torch.full((len(images),), torch.inf))
    for step in range(steps):
        slope = _looked(network, detector, place, aim, best)
        place = torch.clamp(place - per_image(epsilon * step_share(step, steps), images) * slope.sign(), least, most)
    _looked(network, detector, place, aim, best)
    return best.images


@dataclass(eq=False)
class _Least:
    """The best point of each image: its score where the answer is turned (else infinite), and what is left to turn."""

    images: Tensor
    score: Tensor
    left: Tensor

    def keep(self, place: Tensor, score: Tensor, left: Tensor, fooled: Tensor) -> None:
        """Keep what is better than before."""
        seen = torch.where(fooled, score.to(self.score.dtype), torch.inf)
        better = (seen < self.score) | (seen.isinf() & self.score.isinf() & (left < self.left))
        self.images[better], self.score[better], self.left[better] = place[better], seen[better], left[better]


def _looked(network: nn.Module, detector: Detector, place: Tensor, aim: Aim, best: _Least) -> Tensor:
    """The slope of what each image is at: its answer, or once it is turned the detector's score."""
    with torch.inference_mode(False), torch.enable_grad():
        held = place.detach().clone().requires_grad_()
        logits, score = network(held), detector(held)
        fooled, left = aim.fooled(logits.detach()), aim.left(logits)
        cost = torch.where(fooled, score.to(left.dtype), left.nan_to_num(posinf=0.0))
        (slope,) = torch.autograd.grad(cost.sum(), held)
    best.keep(place, score.detach(), left.detach(), fooled)
    return slope
