import pytest
import torch
from torch import nn
from torch.nn import functional

from radcnn.core.errors import SettingsError
from radcnn.explanation.guided import guided_gradient, guided_map
from radcnn.explanation.rectifiers import Rectified
from radcnn.networks import build


class ByFunction(nn.Module):
    def __init__(self, rectify):
        super().__init__()
        self.first, self.last, self.rectify = nn.Linear(6, 5), nn.Linear(5, 2), rectify

    def forward(self, x):
        return self.last(self.rectify(self.first(x.flatten(1))))


RECTIFIERS = {
    "module": nn.ReLU(),
    "in place": nn.ReLU(inplace=True),
    "function": functional.relu,
    "torch": torch.relu,
    "method": lambda x: x.relu(),
    "method in place": lambda x: x.relu_(),
}


def by_hand(network, images, asked, way):
    inner = network.first(images.flatten(1))
    back = network.last.weight[asked].expand_as(inner).clamp(min=0)
    if way == "guided":
        back = back * (inner > 0)
    return (back @ network.first.weight).view_as(images).detach()


@pytest.mark.parametrize("rectify", RECTIFIERS.values(), ids=RECTIFIERS)
@pytest.mark.parametrize("way", ["guided", "deconvnet"])
def test_the_way_back_is_the_papers_however_the_rectifier_is_written(rectify, way):
    torch.manual_seed(0)
    network, images = ByFunction(rectify), torch.randn(4, 1, 2, 3).requires_grad_()
    with Rectified(way) as met:
        logits = network(images)
    (slope,) = torch.autograd.grad(logits[:, 1].sum(), images)
    torch.testing.assert_close(slope, by_hand(network, images, 1, way))
    torch.testing.assert_close(logits, network(images))
    assert met.met == 1


def test_outside_of_it_rectifiers_are_as_they_were():
    torch.manual_seed(0)
    network, images = ByFunction(nn.ReLU(inplace=True)), torch.randn(4, 1, 2, 3)
    assert not torch.equal(guided_gradient(network, images, 1), by_hand(network, images, 1, "deconvnet"))
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    torch.relu(x).sum().backward()
    assert x.grad.tolist() == [0, 1]


@pytest.mark.parametrize("name", ["resnet18", "vgg11", "densenet121", "googlenet", "alexnet"])
def test_the_networks_of_the_catalogue_can_be_guided(name):
    width = {"resnet18": {"base_width": 4}, "vgg11": {"base_width": 4, "dense_width": 8}}
    side = {"alexnet": 64, "googlenet": 64}.get(name, 32)
    network = build(name, channels=1, outputs=2, options=width.get(name, {}), seed=0).eval()
    images = torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(0))
    slope = guided_gradient(network, images, 1)
    assert slope.shape == images.shape
    assert torch.isfinite(slope).all()


def test_guided_grad_cam_is_empty_where_grad_cam_is():
    network = ByFunction(nn.ReLU())
    seen = torch.tensor([[[0.0, 1, 0], [0, 2, 0]]])
    made = guided_map(network, torch.rand(1, 1, 2, 3), 1, seen)
    assert (made[seen == 0] == 0).all()


def test_a_network_without_rectifiers_is_refused():
    with pytest.raises(SettingsError, match="uses none"):
        guided_gradient(ByFunction(nn.Tanh()), torch.rand(1, 1, 2, 3), 0)
