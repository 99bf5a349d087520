"""Images restored: on their own grid and in their own unit, by patches as by whole slices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from radcnn.core.errors import GeometryError, SettingsError
from radcnn.inference.restored import restored
from radcnn.networks.image_network import ImageNetwork
from radcnn.networks.image_networks import build_image_network
from radcnn.plan.restoration import RestorationPlan, Scale
from radcnn.plan.settings import NetworkPlan, TrainingPlan

SMALL = {
    "chen2017": {"kernels": [4, 4]},
    "redcnn": {"kernels": 4, "kernel_size": 3, "nonnegative": False},
    "nishio2017": {"kernels": [4, 8]},
    "fbpconvnet": {"kernels": [4, 8]},
    "dncnn": {"depth": 4, "kernels": 4},
    "unet": {"kernels": [4, 8], "norm": "none"},
}


def plain(network: nn.Module, images: Tensor) -> Tensor:
    made: Tensor = network(images)
    return made


def plan_of(name: str, dims: int = 2, **changes) -> RestorationPlan:
    plan = RestorationPlan(
        NetworkPlan(name, SMALL[name]), TrainingPlan(1, 1), (16,) * dims, dims, scale=Scale(-1000, 500)
    )
    return replace(plan, **changes)


def network_of(plan: RestorationPlan) -> ImageNetwork:
    built = build_image_network(
        plan.network.name, channels=plan.channels, dims=plan.dims, options=plan.network.options, seed=0
    ).eval()
    with torch.no_grad():  # a residual network begins as the identity, which would show nothing
        for parameter in built.parameters():
            if not bool(parameter.any()):
                parameter.normal_(0, 0.1, generator=torch.Generator().manual_seed(1))
    return built


def image(*size: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 200, size).astype(np.float32)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(60, 76), (53, 71)])
def test_patches_give_the_image_that_the_whole_slice_gives(name: str, size: tuple[int, int]) -> None:
    plan = plan_of(name)
    network = network_of(plan)
    whole = restored([network], image(*size), plan, outputs_of=plain)
    side = 2 * network.halo + 2 * network.multiple + 2
    parts = restored([network], image(*size), plan, outputs_of=plain, patch=side)
    assert side < min(size), "patches must be smaller than the image to show anything"
    assert np.abs(whole - parts).max() < 1e-3 * np.abs(whole).max()


def test_slices_are_restored_with_those_beside_them() -> None:
    plan = plan_of("chen2017", neighbours=1)
    network, volume = network_of(plan), image(4, 20, 24)
    generator = torch.Generator().manual_seed(0)
    learned = network.get_parameter("maps.output.weight")  # at first it passes the middle slice on
    torch.nn.init.normal_(learned, std=0.05, generator=generator)
    made = restored([network], volume, plan, outputs_of=plain)
    seen = torch.from_numpy((volume[[1, 2, 3]] + 1000) / 500)[None]
    with torch.no_grad():
        alone = network(seen)[0, 0].numpy() * 500 - 1000
    assert made.shape == volume.shape
    assert np.allclose(made[2], alone, atol=1e-2)
    moved = volume.copy()
    moved[0] += 100
    again = restored([network], moved, plan, outputs_of=plain)
    assert np.allclose(again[2:], made[2:])
    assert not np.allclose(again[1], made[1])


@pytest.mark.parametrize("size", [(9, 12, 14), (6, 12, 140)])
def test_volumes_are_restored_at_once_or_by_windows(size: tuple[int, int, int]) -> None:
    plan = plan_of("dncnn", dims=3)
    network = network_of(plan)
    made = restored([network], image(*size), plan, outputs_of=plain)
    with torch.no_grad():
        whole = network(torch.from_numpy((image(*size) + 1000) / 500)[None, None])[0, 0].numpy() * 500 - 1000
    assert np.allclose(made, whole, atol=1e-2)


def test_several_networks_give_their_mean() -> None:
    plan = plan_of("chen2017")
    first = network_of(plan)
    second = build_image_network("chen2017", options=SMALL["chen2017"], seed=5).eval()
    each = [restored([network], image(20, 20), plan, outputs_of=plain) for network in (first, second)]
    both = restored([first, second], image(20, 20), plan, outputs_of=plain)
    assert np.allclose(both, (each[0] + each[1]) / 2, atol=1e-3)


def test_a_patch_that_is_smaller_than_what_the_network_sees_is_refused() -> None:
    plan = plan_of("dncnn")
    with pytest.raises(SettingsError, match=r"patches must be larger than .* \(8\), got 8"):
        restored([network_of(plan)], image(40, 40), plan, outputs_of=plain, patch=8)


@pytest.mark.parametrize(("shape", "dims"), [((10,), 2), ((10, 10), 3)])
def test_an_image_of_another_rank_is_refused(shape: tuple[int, ...], dims: int) -> None:
    plan = plan_of("dncnn", dims=dims)
    with pytest.raises(GeometryError, match="restores no array of shape"):
        restored([network_of(plan)], image(*shape), plan, outputs_of=plain)
