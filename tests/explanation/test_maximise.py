import pytest
import torch
from torch import nn

from radcnn.core.errors import SettingsError
from radcnn.explanation.maximise import maximise
from radcnn.networks import build


def test_the_image_of_a_linear_network_is_bright_for_a_positive_weight_and_dark_for_a_negative_one():
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2)).requires_grad_(False)
    network[2].weight[:, 0] = torch.tensor([3.0, -3.0])
    bright, dark = (maximise(network, k, shape=(1, 6, 6), low=-2, high=4, smooth=0).image for k in (0, 1))
    assert (bright == 4).all()
    assert (dark == -2).all()


@pytest.mark.parametrize(("layer", "dims"), [("", 2), ("layer2", 2), ("layer1", 3)])
def test_what_is_maximised_rises_within_the_range_and_the_same_seed_gives_the_same_image(layer, dims):
    options = {"base_width": 4, "stem": "small"}
    network = build("resnet18", channels=1, outputs=2, dims=dims, options=options, seed=0).eval()
    made = [
        maximise(network, 1, shape=(1, *(12,) * dims), layer=layer, low=-1, high=2, steps=12, seed=seed)
        for seed in (0, 0, 1)
    ]
    assert made[0].reached > made[0].begun
    assert made[0].image.min() >= -1
    assert made[0].image.max() <= 2
    assert torch.equal(made[0].image, made[1].image)
    assert not torch.equal(made[0].image, made[2].image)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_what_is_made_is_made_of_waves_and_not_of_voxels():
    """One voxel asked to be bright brings its neighbours with it."""

    class OneVoxel(nn.Module):
        def forward(self, images):
            return images[:, :, 8, 8]

    image = maximise(OneVoxel(), 0, shape=(1, 16, 16), steps=12, smooth=0).image[0]
    assert image[8, 8] == 1
    near = image[7:10, 7:10].mean()
    assert near > image.mean() + 0.1


def test_smoothness_makes_neighbours_alike():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    rough, smooth = (maximise(network, 0, shape=(1, 12, 12), steps=40, smooth=s).image for s in (0, 5))
    assert smooth.diff(dim=2).abs().mean() < rough.diff(dim=2).abs().mean()


def test_outputs_layers_and_ranges_that_do_not_exist_are_refused():
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    for asked, said in (
        ({"index": 2}, "0 to 1"),
        ({"index": 0, "layer": "conv9"}, "conv9"),
        ({"index": 0, "low": 1.0, "high": 1.0}, "low below high"),
    ):
        with pytest.raises(SettingsError, match=said):
            maximise(network, shape=(1, 2, 2), **asked)
