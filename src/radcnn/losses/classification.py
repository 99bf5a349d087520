"""Cross-entropies for one class of several (softmax) and for yes/no questions (sigmoid)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def binary_cross_entropy(
    logits_BL: Tensor, targets_BL: Tensor, *, class_weights: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    """Mean over the labelled entries of -[t log s(z) + (1-t) log(1-s(z))], s the logistic function.

    class_weights (2, L): weight of an absent and of a present label. Smoothing moves t to t (1-e) + e/2.

    >>> import torch
    >>> round(float(binary_cross_entropy(torch.zeros(2, 1), torch.tensor([[0.0], [float("nan")]]))), 4)
    0.6931
    """
    labelled = ~torch.isnan(targets_BL)
    truth = torch.where(labelled, targets_BL, torch.zeros_like(targets_BL))
    soft = truth * (1 - smoothing) + smoothing / 2
    each = F.binary_cross_entropy_with_logits(logits_BL, soft, reduction="none")
    weight = labelled.to(each.dtype)
    if class_weights is not None:
        weight = weight * torch.where(truth > 0.5, class_weights[1], class_weights[0])
    return (each * weight).sum() / weight.sum().clamp_min(torch.finfo(each.dtype).tiny)


def cross_entropy(
    logits_BK: Tensor, targets_B1: Tensor, *, class_weights: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    """Weighted mean over the labelled cases of -log softmax(z)[class]; class_weights is (K,).

    With smoothing e the target distribution is (1-e) on the class plus e/K on every class (Szegedy et al. 2016).
    """
    index = targets_B1[:, 0]
    labelled = ~torch.isnan(index)
    if not labelled.any():
        return logits_BK.sum() * 0
    classes = index[labelled].long()
    log_p = F.log_softmax(logits_BK[labelled], dim=1)
    each = -(1 - smoothing) * log_p.gather(1, classes[:, None])[:, 0] - smoothing * log_p.mean(dim=1)
    if class_weights is None:
        return each.mean()
    weight = class_weights[classes]
    return (each * weight).sum() / weight.sum()
