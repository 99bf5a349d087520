"""Slopes through windows, slices and views: of what the run itself says of an image, and those of autograd."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from radcnn.core.volume import Volume
from radcnn.inference.segmented import on_network_grid
from radcnn.inference.slopes import outlining_pieces, slope_through, total
from radcnn.networks.image_network import ImageNetwork
from radcnn.networks.image_networks import build_image_network
from radcnn.plan.segmentation import SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from radcnn.transforms.intensity import Intensity

ORGAN = (Structure("organ", (1,)),)


def planned(name: str, patch: tuple[int, ...], **more: Any) -> SegmentationPlan:
    training = TrainingPlan(epochs=1, batch=1, views=more.pop("views", "identity"))
    options = {"kernels": [4, 8], "residual": False}
    return SegmentationPlan(
        NetworkPlan(name, options), training, ORGAN, patch, intensity=Intensity("keep"), units="arbitrary", **more
    )


def networks_of(plan: SegmentationPlan) -> list[ImageNetwork]:
    return [
        build_image_network(
            plan.network.name,
            channels=plan.seen,
            outputs=plan.outputs,
            dims=plan.dims,
            options=plan.network.options,
            seed=k,
        )
        .eval()
        .requires_grad_(False)
        for k in range(2)
    ]


CASES = {
    "whole slices": (planned("unet", (16, 16), neighbours=1, views="flips"), (3, 14, 12)),
    "windows of slices": (planned("unet", (8, 8), views="rotations"), (2, 12, 10)),
    "an image": (planned("unet", (16, 16)), (13, 16)),
    "windows of a volume": (planned("unet", (4, 8, 8), dims=3, views="left_right"), (6, 12, 10)),
}


@pytest.mark.parametrize("name", CASES)
def test_pieces_add_up_to_what_the_run_says_and_slopes_are_exact(name: str) -> None:
    plan, size = CASES[name]
    networks, values = networks_of(plan), np.random.default_rng(0).normal(size=(1, *size)).astype(np.float32)
    pieces = outlining_pieces(networks, plan, size)
    image = torch.from_numpy(values)
    logits = total(pieces, image, plan.outputs)
    with on_network_grid(networks, Volume(values, None), plan, logits_of=lambda n, x: n(x)) as seen:
        assert np.allclose(seen.logits, logits.numpy(), atol=2e-3)  # which are in half precision
    held = image.clone().requires_grad_()
    whole = torch.zeros_like(logits)
    for piece in pieces:
        part = torch.zeros_like(logits)
        part[(slice(None), *piece.at)] = piece.adds(held)
        whole = whole + part
    upstream = torch.randn(logits.shape, generator=torch.Generator().manual_seed(0))
    (slope,) = torch.autograd.grad((whole * upstream).sum(), held)
    assert torch.allclose(slope_through(pieces, image, upstream), slope, atol=1e-5)
