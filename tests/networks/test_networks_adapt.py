"""Published weights for volumes, for grey images, for another number of outputs."""

from __future__ import annotations

import pytest
import torch

from radcnn.core.chance import torch_generator
from radcnn.core.errors import SettingsError
from radcnn.networks import Network, build
from radcnn.networks.adapt import adapt, adapt_channels, inflate_dense, inflate_kernel

SMALL = {
    "chain": {"kernels": [4, 4], "norm": "batch"},
    "resnet18": {"base_width": 4},
    "googlenet": {"base_width": 4},
    "densenet121": {"growth_rate": 2, "initial_width": 4, "stem": "small"},
    "vgg11_bn": {"base_width": 2, "dense_width": 8},
    "alexnet": {"base_width": 2, "dense_width": 8},
}


def network(name: str, **ends: int) -> Network:
    ends = {"channels": 3, "outputs": 4, "seed": 0, **ends}
    return build(name, options=SMALL[name], **ends).eval()


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch_generator(0, "adapt"))


@pytest.mark.parametrize("name", SMALL)
def test_summed_colours_give_a_grey_image_what_it_gave_as_three_equal_colours(name: str) -> None:
    colour, grey = network(name), network(name, channels=1, seed=1)
    grey.load_state_dict(adapt(colour.state_dict(), grey).weights)
    image = noise(1, 1, 64, 64)
    with torch.no_grad():
        assert torch.allclose(grey(image), colour(image.repeat(1, 3, 1, 1)), rtol=1e-4, atol=1e-5)


def test_several_equal_channels_together_give_what_equal_colours_gave() -> None:
    weight, image = noise(4, 3, 3, 3), noise(1, 1, 8, 8)
    out = torch.conv2d(image.repeat(1, 3, 1, 1), weight)
    assert torch.allclose(torch.conv2d(image.repeat(1, 5, 1, 1), adapt_channels(weight, 5)), out, atol=1e-5)
    assert adapt_channels(weight, 3) is weight


def test_an_inflated_kernel_gives_a_volume_of_equal_slices_what_one_slice_gave() -> None:
    weight, image = noise(4, 3, 3, 3), noise(1, 3, 8, 8)
    volume = image.unsqueeze(2).repeat(1, 1, 5, 1, 1)
    inflated = torch.conv3d(volume, inflate_kernel(weight, 3))
    assert torch.allclose(inflated, torch.conv2d(image, weight).unsqueeze(2).repeat(1, 1, 3, 1, 1), atol=1e-5)


def test_an_inflated_dense_layer_gives_equal_slices_what_one_slice_gave() -> None:
    weight, maps = noise(5, 3 * 4), noise(1, 3, 2, 2)
    volume = maps.unsqueeze(2).repeat(1, 1, 2, 1, 1)
    inflated = volume.flatten(1) @ inflate_dense(weight, 3 * 8).T
    assert torch.allclose(inflated, maps.flatten(1) @ weight.T, atol=1e-6)
    with pytest.raises(SettingsError, match="cannot be inflated"):
        inflate_dense(weight, 30)


@pytest.mark.parametrize("name", SMALL)
def test_every_family_inflates_to_a_network_for_grey_volumes(name: str) -> None:
    flat, volume = network(name), network(name, channels=1, dims=3, seed=1)
    adapted = adapt(flat.state_dict(), volume)
    assert adapted.left_out == ()
    volume.load_state_dict(adapted.weights)
    side = 63 if name == "alexnet" else 32
    with torch.no_grad():
        assert torch.isfinite(volume(noise(1, 1, side, side, side))).all()


def test_an_inflated_resnet_answers_like_the_flat_one_where_no_border_is_near() -> None:
    flat, volume = network("chain"), network("chain", dims=3, seed=1)
    volume.load_state_dict(adapt(flat.state_dict(), volume).weights)
    image = noise(1, 3, 16, 16)
    with torch.no_grad():
        maps = volume.features(image.unsqueeze(2).repeat(1, 1, 16, 1, 1))
        # zero padding makes the first and last slices differ: they see less than a full kernel
        assert torch.allclose(maps[:, :, 2], flat.features(image), rtol=1e-4, atol=1e-5)


def test_a_head_with_other_outputs_is_left_out_and_named() -> None:
    adapted = adapt(network("resnet18").state_dict(), network("resnet18", outputs=7))
    assert adapted.left_out == ("fc.bias", "fc.weight")
    assert not {"fc.bias", "fc.weight"} & set(adapted.weights)


def test_old_densenet_names_and_missing_batch_counters_are_understood() -> None:
    target = network("densenet121", seed=1)
    published = {
        name.replace("norm1.", "norm.1.").replace("conv2.", "conv.2.") if "denselayer" in name else name: value
        for name, value in network("densenet121").state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    adapted = adapt(published, target)
    assert all(name.endswith("num_batches_tracked") for name in adapted.left_out)
    target.load_state_dict(adapted.weights, strict=False)


def test_auxiliary_heads_that_nobody_asked_for_are_ignored() -> None:
    with_heads = build("googlenet", channels=3, outputs=4, options={**SMALL["googlenet"], "auxiliary": True}, seed=0)
    adapted = adapt(with_heads.state_dict(), network("googlenet"))
    assert not any(name.startswith("aux") for name in adapted.weights)


def test_weights_of_another_network_are_refused_by_name() -> None:
    weights = network("resnet18").state_dict()
    with pytest.raises(SettingsError, match="the weights lack"):
        adapt(weights, network("googlenet"))
    with pytest.raises(SettingsError, match=r"that the network lacks, first stray\.weight"):
        adapt({**weights, "stray.weight": torch.zeros(1)}, network("resnet18"))
    wide = build("resnet18", channels=3, outputs=4, options={"base_width": 8}, seed=0)
    with pytest.raises(SettingsError, match=r"weights of .* must be .* same options"):
        adapt(weights, wide)
