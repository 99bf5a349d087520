"""Class activation maps as Zhou et al. 2016 drew them: the last maps, weighted as the dense layer weighs their means.

Learning Deep Features for Discriminative Localization, CVPR 2016 (arXiv:1512.04150). They exist only where global
average pooling and one dense layer stand at the end of a network; every other network is refused.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from radcnn.core.errors import SettingsError
from radcnn.explanation.asked import BothSides, Classes, asked_of, logits_asked
from radcnn.metrics.components import components
from radcnn.networks import Network

NEARLY = 1e-3  # of the logits' size, by which they may differ from those of pooled maps: float32 in another order
NEEDED = "cam needs global average pooling and one dense layer at the end"
WAY_OUT = "take Grad-CAM (gradcam), which any network has"


def cam(network: nn.Module, images: Tensor, classes: Classes) -> Tensor:
    """Zhou's map of one class per image, (B, *size of the last maps); with its sign, which Grad-CAM rectifies away.

        M_c(x) = sum_k w_k^c f_k(x)        logit_c = mean over x of M_c(x) + bias

    Raises SettingsError with the reason where the network has no such end.
    """
    if reason := why_not(network, images[:1]):
        raise SettingsError(reason)
    maps, weights = _maps_and_weights(network, images)
    return torch.einsum("bk...,bk->b...", maps, weights[asked_of(classes, len(images))])


def why_not(network: nn.Module, image: Tensor) -> str:
    """Why a network has no class activation maps in Zhou's sense, as a sentence; empty where it has.

    It is put to the proof: the dense layer on the means of the last maps must give the logits themselves.

    image  (1, C, *size)
    """
    inner = network.network if isinstance(network, BothSides) else network
    if not isinstance(inner, Network):
        kind = type(inner).__name__
        return f"cam needs to know the network's last maps and dense layer, which {kind} does not tell; {WAY_OUT}"
    with torch.inference_mode():
        maps, logits = inner.features(image), inner(image)
        if maps.ndim != image.ndim:
            return f"cam needs maps before the dense layer, and this network's end has none; {WAY_OUT}"
        if maps.shape[1] != inner.head.in_features:
            return (
                f"{NEEDED}, but the last of this network's dense layers takes {inner.head.in_features} values and its "
                f"last maps are {maps.shape[1]}; {WAY_OUT}"
            )
        pooled = inner.head(maps.flatten(2).mean(2))
    apart = float((pooled - logits).abs().max()) / max(float(logits.abs().max()), 1.0)
    if apart > NEARLY:
        return (
            f"{NEEDED}, but this network's logits are no weighted means of its last maps (they differ by {apart:.2g}); "
            f"{WAY_OUT}"
        )
    return ""


def _maps_and_weights(network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """The last maps (B, K, *cells), and the dense layer's weights (classes, K)."""
    inner = network.network if isinstance(network, BothSides) else network
    assert isinstance(inner, Network), "asked before"
    with torch.inference_mode():
        maps = inner.features(images)
    weights = inner.head.weight.detach()
    return maps.clone(), torch.cat([-weights / 2, weights / 2]) if isinstance(network, BothSides) else weights


def box_of_map(map_2d: Tensor, share: float = 0.2) -> tuple[int, int, int, int]:
    """The box (x0, y0, x1, y1) about the largest connected part above a share of the maximum, as in the paper.

    >>> box_of_map(nn.functional.pad(torch.ones(2, 3), (1, 1, 2, 2)))
    (1, 2, 4, 4)
    """
    found = components((map_2d > share * float(map_2d.max())).numpy(), connectivity=4)
    if not (len(found.sizes) and float(map_2d.max()) > 0):
        raise SettingsError("a map without a positive value has no box")
    largest = torch.from_numpy(found.labels == 1 + int(found.sizes.argmax()))
    rows, columns = (torch.nonzero(largest.any(dim=axis))[:, 0].tolist() for axis in (1, 0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def logit_of_map(maps: Tensor, bias: Tensor, classes: Classes) -> Tensor:
    """The logit that a map stands for, (B,): its mean and the bias of its class."""
    return maps.flatten(1).mean(1) + logits_asked(bias.expand(len(maps), -1), classes)
