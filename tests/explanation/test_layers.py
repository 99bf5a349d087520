import pytest
import torch
from torch import nn

from radcnn.core.errors import SettingsError
from radcnn.explanation.activation import class_activation, class_activations
from radcnn.explanation.layers import last_maps, layer_to_map, layers_of, look_at, named_layer
from radcnn.networks import build

TINY = {"base_width": 4, "stem": "small"}


def network_of(dims=2):
    return build("resnet18", channels=1, outputs=3, dims=dims, options=TINY, seed=0).eval()


@pytest.mark.parametrize(("dims", "side"), [(2, 32), (3, 16)])
def test_several_layers_in_one_pass_equal_one_at_a_time(dims, side):
    network = network_of(dims)
    images = torch.randn(2, 1, *(side,) * dims, generator=torch.Generator().manual_seed(0))
    names = ["layer4", "layer2", "layer3"]
    together, logits = class_activations(network, names, images, [0, 2])
    assert list(together) == names
    for name in names:
        alone, said = class_activation(network, name, images, [0, 2])
        torch.testing.assert_close(together[name], alone, atol=1e-6, rtol=1e-4)
        torch.testing.assert_close(logits, said)


def test_the_gradient_begins_at_the_first_of_the_layers():
    network, images = network_of(), torch.randn(1, 1, 32, 32)
    graphs = []
    network.layer1.register_forward_hook(lambda m, x, y: graphs.append(y.grad_fn))
    seen, _ = look_at(network, ["layer4", "layer2"], images, 1)
    assert graphs == [None]
    assert seen["layer2"].gradient.shape == seen["layer2"].maps.shape


def test_layers_with_maps_are_listed_in_the_order_in_which_they_end():
    found = layers_of(network_of(), torch.zeros(1, 1, 32, 32))
    names = [layer.name for layer in found]
    assert names.index("layer1") < names.index("layer2.0.conv1") < names.index("layer4")
    assert "fc" not in names
    assert "avgpool" not in names
    assert {layer.name: layer.size for layer in found}["layer4"] == (4, 4)


def test_the_last_layer_with_maps_is_the_usual_one():
    network = network_of()
    assert last_maps(network, torch.zeros(1, 1, 32, 32)) == "layer4"
    with pytest.raises(SettingsError, match="nothing to look at"):
        last_maps(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), torch.zeros(1, 1, 2, 2))


def test_a_map_is_drawn_of_the_last_layer_that_tells_places_apart():
    network = network_of()
    assert layer_to_map(network, torch.zeros(1, 1, 32, 32)) == "layer4"
    assert layer_to_map(network, torch.zeros(1, 1, 16, 16)) == "layer3"
    coarse = nn.Sequential(nn.Conv2d(1, 2, 16, stride=16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 1))
    assert layer_to_map(coarse, torch.zeros(1, 1, 32, 32)) == "0"


def test_a_layer_of_another_name_is_refused_and_the_nearest_is_named():
    network, image = network_of(), torch.zeros(1, 1, 32, 32)
    with pytest.raises(SettingsError, match=r"unknown.*layer4"):
        named_layer(network, "layer44", image)
    with pytest.raises(SettingsError, match="gives no maps"):
        named_layer(network, "fc", image)
    with pytest.raises(SettingsError, match="layer9"):
        look_at(network, ["layer9"], image, 0)
    assert named_layer(network, "layer2", image).maps == 8
    assert not any(module._forward_hooks for module in network.modules())
