import pytest
import torch
from torch import nn

from radcnn.core.errors import SettingsError
from radcnn.explanation.activation import class_activation
from radcnn.explanation.asked import BothSides
from radcnn.explanation.cam import box_of_map, cam, logit_of_map, why_not
from radcnn.networks import build

TINY = {"base_width": 4, "stem": "small"}


def pooled_network(dims=2, outputs=3):
    return build("resnet18", channels=1, outputs=outputs, dims=dims, options=TINY, seed=0).eval()


@pytest.mark.parametrize(("dims", "side"), [(2, 32), (3, 16)])
def test_grad_cam_equals_it_up_to_the_number_of_places_and_the_rectifier(dims, side):
    network = pooled_network(dims)
    images = torch.randn(2, 1, *(side,) * dims, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([2, 0])
    zhou = cam(network, images, classes)
    maps, _ = class_activation(network, "layer4", images, classes)
    assert (zhou > 0).any()
    torch.testing.assert_close(maps, zhou.relu() / zhou[0].numel(), atol=1e-6, rtol=1e-4)


def test_its_mean_and_the_bias_are_the_logit():
    network = pooled_network()
    nn.init.normal_(network.head.bias)
    images = torch.randn(3, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    logits = network(images).detach()
    made = logit_of_map(cam(network, images, 1), network.head.bias.detach(), 1)
    torch.testing.assert_close(made, logits[:, 1], atol=1e-5, rtol=1e-4)


def test_of_one_logit_the_healthy_side_is_the_sick_side_with_its_sign_turned():
    network = BothSides(pooled_network(outputs=1))
    images = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(cam(network, images, 0), -cam(network, images, 1))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vgg11", {"base_width": 4, "dense_width": 8}),
        ("chain", {"kernels": [4, 8], "head": "flatten", "input_size": [32, 32]}),
    ],
)
def test_networks_without_global_average_pooling_are_refused_and_grad_cam_is_named(name, options):
    network = build(name, channels=1, outputs=2, options=options, seed=0).eval()
    with pytest.raises(SettingsError, match=r"global average pooling.*Grad-CAM \(gradcam\)"):
        cam(network, torch.zeros(1, 1, 32, 32), 0)


def test_a_network_whose_ends_are_unknown_is_refused():
    said = why_not(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), torch.zeros(1, 1, 2, 2))
    assert "Sequential does not tell" in said
    assert "gradcam" in said


def test_an_end_that_only_looks_like_pooling_is_found_out_by_its_logits():
    network = pooled_network()
    network.avgpool = nn.AdaptiveMaxPool2d(1)
    assert "no weighted means" in why_not(network, torch.randn(1, 1, 32, 32))


def test_the_box_is_about_the_largest_part_above_a_fifth_of_the_maximum():
    drawn = torch.zeros(9, 9)
    drawn[1, 1] = 1.0
    drawn[4:7, 3:8] = 0.5
    drawn[8, 0:9] = 0.1
    assert box_of_map(drawn) == (3, 4, 8, 7)
    with pytest.raises(SettingsError, match="no box"):
        box_of_map(torch.zeros(3, 3))
