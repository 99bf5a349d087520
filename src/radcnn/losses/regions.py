"""Losses of segmentation: what a label for every voxel costs. Voxels that nobody labelled take no part.

All take logits (B, K, *size), the truth (B, K, *size) of zeros and ones, and `counted` (B, 1, *size), 1 where a voxel
is labelled and 0 where it is not; a weight for each voxel may stand there instead. `exclusive` says whether one class
of several holds (softmax), or any number of regions at once (sigmoid).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from radcnn.core.errors import SettingsError

SMOOTH = 1e-5  # nnU-Net's; it decides what a class costs that neither the truth nor the network has


def probabilities(logits: Tensor, *, exclusive: bool) -> Tensor:
    """Softmax over the classes, or a sigmoid for each region."""
    return torch.softmax(logits, dim=1) if exclusive else torch.sigmoid(logits)


def voxel_cross_entropy(
    logits: Tensor, truth: Tensor, counted: Tensor, *, exclusive: bool = True, class_weights: Tensor | None = None
) -> Tensor:
    """Mean of -log p(truth) over the counted voxels, weighted by them: with U-Net's border map its loss of 2015.

    class_weights  (K,) a weight for each class, or for the presence of each region

    >>> import torch
    >>> truth = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]).transpose(0, 1)
    >>> round(float(voxel_cross_entropy(torch.zeros(1, 2, 2), truth, torch.ones(1, 1, 2))), 4)
    0.6931
    """
    weights = truth.new_ones(truth.shape[1]) if class_weights is None else class_weights.to(truth)
    shaped = weights.view(1, -1, *(1,) * (truth.ndim - 2))
    if exclusive:
        each = -F.log_softmax(logits, dim=1) * truth * shaped
        weight = (truth * shaped).sum(dim=1, keepdim=True) * counted
        return (each * counted).sum() / _positive(weight.sum())
    each = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    weight = counted * (1 + truth * (shaped - 1))
    return (each * weight).sum() / _positive(weight.expand_as(each).sum())


def dice_loss(
    logits: Tensor,
    truth: Tensor,
    counted: Tensor,
    *,
    exclusive: bool = True,
    squared: bool = False,
    together: bool = True,
    background: bool = False,
) -> Tensor:
    """1 - the mean soft Dice coefficient 2 sum p g / (sum p + sum g) of the classes.

    squared     V-Net's form, 2 sum p g / (sum p^2 + sum g^2) (Milletari et al. 2016)
    together    sums go over the whole batch, so that a class need not be in every patch
    background  whether the first of exclusive classes, the background, counts too
    """
    p = probabilities(logits, exclusive=exclusive) * counted
    g = truth * counted
    if exclusive and not background:
        p, g = p[:, 1:], g[:, 1:]
    return 1 - soft_dice(p, g, squared=squared, together=together).mean()


def soft_dice(p: Tensor, g: Tensor, *, squared: bool = False, together: bool = True) -> Tensor:
    """Dice coefficients of probabilities and truth (B, K, *size): (K,), or (B, K) where cases are not put together."""
    axes = ([0] if together else []) + list(range(2, p.ndim))
    shared = (p * g).sum(axes)
    both = (p * p + g * g).sum(axes) if squared else (p + g).sum(axes)
    return (2 * shared + SMOOTH) / (both + SMOOTH)


def tversky_loss(
    logits: Tensor, truth: Tensor, counted: Tensor, *, exclusive: bool = True, alpha: float = 0.3, beta: float = 0.7
) -> Tensor:
    """1 - the mean of sum pg / (sum pg + alpha sum p(1-g) + beta sum (1-p)g): Salehi et al. 2017, arXiv:1706.05721.

    alpha, beta  what false positives and false negatives cost; both 0.5 give Dice

    Raises SettingsError where one is negative or both are 0.
    """
    if min(alpha, beta) < 0 or alpha + beta == 0:
        raise SettingsError(f"alpha and beta must be at least 0 and not both 0, got {alpha:g} and {beta:g}")
    p = probabilities(logits, exclusive=exclusive) * counted
    g = truth * counted
    if exclusive:
        p, g = p[:, 1:], g[:, 1:]
    axes = [0, *range(2, p.ndim)]
    shared = (p * g).sum(axes)
    missed = alpha * (p.sum(axes) - shared) + beta * (g.sum(axes) - shared)
    return 1 - ((shared + SMOOTH) / (shared + missed + SMOOTH)).mean()


def focal_loss(logits: Tensor, truth: Tensor, counted: Tensor, *, exclusive: bool = True, gamma: float = 2.0) -> Tensor:
    """Cross-entropy whose voxels weigh (1 - p(truth))^gamma: easy ones count little (Lin et al. 2017).

    Raises SettingsError for a negative gamma.
    """
    if gamma < 0:
        raise SettingsError(f"gamma must be at least 0, got {gamma:g}")
    if exclusive:
        log_p = (F.log_softmax(logits, dim=1) * truth).sum(dim=1, keepdim=True)
        labelled = truth.sum(dim=1, keepdim=True) * counted
    else:
        log_p = -F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        labelled = counted.expand_as(log_p)
    each = -((-torch.expm1(log_p)).clamp_min(0) ** gamma) * log_p
    return (each * labelled).sum() / _positive(labelled.sum())


def boundary_loss(
    logits: Tensor, truth: Tensor, counted: Tensor, distances: Tensor, *, exclusive: bool = True
) -> Tensor:
    """Mean of p times the signed distance to the true border, negative inside (Kervadec et al. 2019, arXiv:1812.07032).

    distances  (B, K, *size), in any unit; 0 for a class that is not there

    It is used beside another loss, since its own minimum says nothing of a class that is not there.
    """
    p = probabilities(logits, exclusive=exclusive)
    if exclusive:
        p, distances = p[:, 1:], distances[:, 1:]
    weight = counted.expand_as(p)
    return (p * distances * weight).sum() / _positive(weight.sum()) + 0 * truth.sum()


def _positive(total: Tensor) -> Tensor:
    return total.clamp_min(torch.finfo(total.dtype).tiny)
