import numpy as np
import pytest
import torch
from torch import nn

from radcnn.core.errors import SettingsError
from radcnn.explanation.features import heaviest, usual_layers
from radcnn.networks import build


def weighing(weights):
    """A layer that only copies its channels, whose means the logit adds up with these weights."""
    copies = nn.Conv2d(3, 3, 1, bias=False)
    network = nn.Sequential(copies, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 1)).eval().requires_grad_(False)
    copies.weight.copy_(torch.eye(3)[..., None, None])
    network[3].weight.copy_(torch.tensor([weights]))
    return network


def test_shares_are_what_each_map_adds_to_the_answer():
    images = torch.ones(4, 3, 5, 5)
    images[1, 0] = -1.0
    found = heaviest(weighing([1.0, -3.0, 0.0]), ("0",), images, 0, ["a", "b", "c", "c"], most=3, at_once=3)["0"]
    assert [one.index for one in found] == [1, 0]  # a map that adds nothing is left out
    assert [one.share.value for one in found] == pytest.approx([0.75, 0.25])
    assert [one.favours.value for one in found] == pytest.approx([0.0, 0.75])
    assert found[0].share.patients == 3
    assert len(heaviest(weighing([1.0, -3.0, 0.0]), ("0",), images, 0, list("abcd"), most=1)["0"]) == 1


def test_of_each_size_of_maps_the_last_layer_is_looked_at():
    network = build("resnet18", channels=1, outputs=2, options={"base_width": 4}, seed=0).eval()
    found = usual_layers(network, torch.rand(1, 1, 64, 64))
    assert [layer.name for layer in found] == ["relu", "layer1", "layer2", "layer3", "layer4"]
    assert [layer.name for layer in usual_layers(network, torch.rand(1, 1, 64, 64), most=2)] == ["relu", "layer4"]
    assert np.all(np.diff([layer.size[0] for layer in found]) < 0)
    with pytest.raises(SettingsError, match="1 or more"):
        usual_layers(network, torch.rand(1, 1, 64, 64), most=0)
