"""Networks from images to images: sizes, parameters, what a voxel depends on, gradients, first weights."""

from __future__ import annotations

import pytest
import torch

from radcnn.core.errors import SettingsError
from radcnn.networks.image_network import mirrored
from radcnn.networks.image_networks import IMAGE_NETWORKS, build_image_network
from radcnn.networks.receptive_field import Field, Window, after
from radcnn.networks.valid_unet import output_of, valid_size
from radcnn.networks.vnet import SIDE, VNetOptions

SMALL: dict[str, dict[str, object]] = {
    "chen2017": {"kernels": (4, 3)},
    "redcnn": {"kernels": 4, "kernel_size": 3},
    "nishio2017": {"kernels": (3, 4)},
    "fbpconvnet": {"kernels": (3, 4), "norm": "none"},
    "dncnn": {"depth": 4, "kernels": 3},
    "unet": {"kernels": (3, 4, 5), "norm": "none"},
    "unet2015": {"kernels": (3, 4, 5)},
    "modern_unet": {"kernels": (3, 4, 5), "norm": "batch", "flat": 1},
    "resenc_unet": {"kernels": (3, 4, 5), "down": (1, 2, 1), "norm": "batch"},
    "vnet": {"kernels": 2, "down": (1, 2), "up": (2,)},
    "lu2017": {"kernels": (3, 4), "dense": 5, "last": 3},
}
PARAMETERS = {
    "chen2017": 64 * 81 + 64 + 32 * 64 * 9 + 32 + 32 * 25 + 1,
    "redcnn": 1_848_865,
    "dncnn": 64 * 9 + 64 + 15 * (64 * 64 * 9 + 2 * 64) + 64 * 9 + 1,
}


def small(name: str, dims: int = 2, **options: object) -> torch.nn.Module:
    return build_image_network(name, dims=dims, options={**SMALL[name], **options}, seed=0).eval()  # type: ignore[arg-type]


def test_every_network_is_tried():
    assert set(SMALL) == set(IMAGE_NETWORKS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_those_of_the_papers(name):
    assert sum(p.numel() for p in build_image_network(name, seed=0).parameters()) == PARAMETERS[name]


def test_fbpconvnet_is_as_its_authors_drew_it():
    network = build_image_network("fbpconvnet", seed=0)
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [m.out_channels for m in network.encoder[0] if isinstance(m, torch.nn.Conv2d)] == [64, 64, 64]
    assert max(m.out_channels for m in convolutions) == 1024
    assert len(convolutions) == 3 + 4 * 2 + 4 * 2 + 1
    assert all(m.kernel_size == (3, 3) and m.stride == (2, 2) for m in network.upsample)
    assert network.output.kernel_size == (1, 1)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(24, 24, 24), (23, 26, 29)])
def test_the_image_that_goes_out_is_as_large_as_the_one_that_comes_in(name, dims, size):
    x = torch.randn(2, 1, *size[:dims], generator=torch.Generator().manual_seed(1))
    assert small(name, dims)(x).shape == x.shape


@pytest.mark.parametrize("name", SMALL)
def test_a_patch_with_its_halo_gives_the_voxels_of_the_whole_image(name):
    network = small(name)
    step = network.multiple
    low = step * -(-network.halo // step)
    side = 3 * low + 8 * step
    x = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(2))
    whole = network(x)
    first, last = low, low + 8 * step
    patch = network(x[..., first - low : last + low, first - low : last + low])
    inner = patch[..., low : low + 8 * step, low : low + 8 * step]
    torch.testing.assert_close(inner, whole[..., first:last, first:last], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_gradients_are_right(name):
    network = small(name).double()
    x = torch.randn(1, 1, 14, 16, dtype=torch.float64, requires_grad=True, generator=torch.Generator().manual_seed(3))
    assert torch.autograd.gradcheck(network, x, fast_mode=True)


@pytest.mark.parametrize("name", SMALL)
def test_a_seed_draws_the_same_weights_and_signals_neither_vanish_nor_explode(name):
    first, second = (build_image_network(name, seed=5).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
    network = build_image_network(name, seed=5, options={"residual": False} if name == "unet" else {}).eval()
    y = network(torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(4)))
    assert 0.02 < float(y.detach().std()) < 50


def test_a_residual_network_that_learned_nothing_passes_the_image_on():
    x = torch.rand(1, 1, 32, 32)
    for name in ("unet", "fbpconvnet"):
        network = small(name)
        torch.nn.init.zeros_(network.output.weight)
        assert torch.equal(network(x), x)


def test_the_unet_of_2015_is_as_it_was_drawn():
    network = build_image_network("unet2015", outputs=2, seed=0)
    assert sum(p.numel() for p in network.parameters()) == 31_030_658
    assert (valid_size(388, 4), output_of(572, 4), network.margins) == (572, 388, (92, 92))
    small_one = small("unet2015")
    assert small_one.maps(torch.zeros(1, 1, 60, 44)).shape[2:] == (20, 4)
    with pytest.raises(SettingsError, match="leaves half ones; the next size is 64"):
        small_one.maps(torch.zeros(1, 1, 62, 60))


def test_an_image_is_mirrored_beyond_its_edges_where_convolutions_are_valid():
    network, x = small("unet2015"), torch.rand(1, 1, 20, 36)
    torch.testing.assert_close(network(x), network.maps(mirrored(x, [network.margins] * 2)))
    assert torch.equal(mirrored(x, [(5, 5)] * 2), torch.nn.functional.pad(x, (5,) * 4, mode="reflect"))


def test_a_short_image_is_mirrored_more_than_once():
    assert mirrored(torch.arange(3.0)[None, None], [(5, 4)])[0, 0].tolist() == [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]
    assert mirrored(torch.ones(1, 1, 1), [(3, 3)]).shape == (1, 1, 7)


def test_vnet_sees_what_its_paper_says():
    """Table 1 of Milletari et al.: 5, 22, 72, 172 and 372 voxels on the way down."""
    options = VNetOptions()
    sizes, field = [], Field()
    for level, many in enumerate(options.down):
        field = after([*([Window(2, stride=2)] if level else []), *[Window(SIDE)] * many], field)
        sizes.append(field.size)
    assert sizes == [5, 22, 72, 172, 372]
    for many in options.up:
        field = after([Window(2, stride=2, transposed=True), *[Window(SIDE)] * many], field)
        sizes.append(field.size)
    assert sizes[5:] == [476, 528, 546, 551]


def test_a_classifier_of_patches_says_of_an_image_what_it_says_of_each_patch():
    for dims in (2, 3):
        network = small("lu2017", dims)
        side, margin = network.patch, network.margins[0]
        x = torch.rand(1, 1, *(24,) * dims)
        whole = network(x)
        at = (slice(2, 2 + side),) * dims
        middle = whole[(0, slice(None), *(2 + margin,) * dims)]
        torch.testing.assert_close(network.on_patches(x[(..., *at)]).flatten(), middle.flatten())


def test_coarser_answers_help_while_training_and_are_taken_away():
    network = build_image_network("modern_unet", outputs=3, options={"kernels": (4, 5, 6, 7), "supervised": 2}, seed=0)
    made = network.with_auxiliary(torch.rand(2, 1, 32, 32))
    assert [tuple(one.shape) for one in made] == [(2, 3, 32, 32), (2, 3, 16, 16), (2, 3, 8, 8)]
    network.leave_out_auxiliary()
    assert not any(name.startswith("coarser") for name in network.state_dict())
    assert len(network.with_auxiliary(torch.rand(2, 1, 32, 32))) == 1


def test_thick_slices_are_not_halved_at_first():
    network = small("modern_unet", 3)
    assert network.multiples == (2, 4, 4)
    assert network.encoder[0][0][0].kernel_size == (1, 3, 3)
    assert network.encoder[1][0][0].stride == (1, 2, 2)
    assert small("modern_unet", 2).multiples == (4, 4)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("channels", [1, 3])
def test_three_layers_begin_with_the_image_that_comes_in(dims, channels):
    network = build_image_network(
        "chen2017", channels=channels, dims=dims, options={"kernels": (4, 3), "kernel_sizes": (5, 3, 3)}, seed=0
    )
    image = torch.rand(2, channels, *(9,) * dims)
    assert torch.equal(network(image), image[:, channels // 2 : channels // 2 + 1])


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_auto_encoder_begins_with_the_image_though_all_of_it_passes_the_middle(dims, channels):
    image = torch.rand(2, channels, *(12,) * dims)
    network = build_image_network("nishio2017", channels=channels, dims=dims, seed=0)
    assert torch.equal(network(image), image[:, channels // 2 : channels // 2 + 1])
    middle = network.maps[: list(network.maps._modules).index("up2")]
    assert middle(image).shape[2:] == (3,) * dims


def test_three_layers_that_begin_so_still_learn_with_all_their_weights():
    network = build_image_network("chen2017", options={"kernels": (4, 3)}, seed=0)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(2):  # the last layer knows nothing of the other maps until a step was made
        optimizer.zero_grad()
        (network(torch.rand(2, 1, 16, 16)) - 0.5).square().mean().backward()
        optimizer.step()
    coding, filtering, output = (
        network.get_parameter(f"maps.{name}.weight") for name in ("coding", "filtering", "output")
    )
    assert all(bool(part.ne(0).any()) for part in (coding.grad[1:], filtering.grad[1:], output.grad[:, 1:]))


def test_three_layers_with_more_images_out_than_in_pass_on_what_there_is():
    network = build_image_network("chen2017", outputs=2, options={"kernels": (4, 3), "kernel_sizes": (5, 3, 3)}, seed=0)
    image = torch.rand(1, 1, 9, 9)
    assert torch.equal(network(image)[:, :1], image)


def test_redcnn_begins_close_to_the_image_that_comes_in():
    image = torch.rand(1, 1, 40, 40)
    changed = build_image_network("redcnn", seed=0)(image).detach() - image
    assert 0 < float(changed.abs().max()) < 5e-3, "5 HU"


def test_wrong_options_are_refused():
    with pytest.raises(SettingsError, match="did you mean redcnn"):
        build_image_network("redcn")
    with pytest.raises(SettingsError, match="odd number of at least 1, got 4"):
        build_image_network("redcnn", options={"kernel_size": 4})
    with pytest.raises(SettingsError, match="as many outputs as channels"):
        build_image_network("dncnn", channels=1, outputs=2)
    with pytest.raises(SettingsError, match="set residual=false"):
        build_image_network("unet", channels=1, outputs=2)
    with pytest.raises(SettingsError, match="at least two resolutions"):
        build_image_network("unet", options={"kernels": (8,)})
    with pytest.raises(SettingsError, match=r"more than 20 pixels, got \(20, 40\)"):
        build_image_network("redcnn", seed=0)(torch.zeros(1, 1, 20, 40))
