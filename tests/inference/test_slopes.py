"""Slopes through windows, slices and views: of what the run itself says of an image, and those of autograd."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from radcnn.core.volume import Volume
from radcnn.inference.restored import restored
from radcnn.inference.seen import on_network_grid
from radcnn.inference.slopes import outlining_pieces, restoring_pieces, slope_through, total
from radcnn.networks.image_network import ImageNetwork
from radcnn.networks.image_networks import build_image_network
from radcnn.plan.restoration import RestorationPlan
from radcnn.plan.segmentation import SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from radcnn.tasks.restoration import restoration_of
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


@pytest.mark.parametrize(("dims", "neighbours", "size"), [(2, 1, (3, 12, 11)), (2, 0, (12, 11)), (3, 0, (6, 12, 10))])
def test_pieces_of_a_restoration_add_up_to_what_the_run_makes(
    dims: Any, neighbours: int, size: tuple[int, ...]
) -> None:
    options = {"kernels": [4, 8], "norm": "none"}
    plan = RestorationPlan(
        NetworkPlan("unet", options), TrainingPlan(1, 1), (8,) * dims, dims=dims, neighbours=neighbours, windows=()
    )
    networks = [
        build_image_network("unet", channels=plan.channels, dims=dims, options=options, seed=k).requires_grad_(False)
        for k in range(2)
    ]
    for one in (weights for network in networks for weights in network.parameters()):
        one.add_(0.05)  # a fresh network gives back what it sees
    values = np.random.default_rng(0).normal(0, 100, size).astype(np.float32)
    task = restoration_of(plan)
    found = task.decode(total(restoring_pieces(networks, plan, size), task.encode(torch.from_numpy(values)[None]), 1))
    wanted = restored(networks, values, plan, outputs_of=lambda n, x: n(x))
    assert np.abs(wanted - values).max() > 1
    assert np.allclose(found[0].numpy(), wanted, atol=0.01)
