import pytest
import torch
from torch import nn

from radcnn.core.errors import SettingsError
from radcnn.explanation.integrated import integrated_gradients, missing_share
from radcnn.networks import build


@pytest.mark.parametrize(("dims", "side"), [(2, 32), (3, 16)])
@pytest.mark.parametrize("baseline", ["darkest", "mean"])
def test_maps_add_up_to_the_difference_of_logits(dims, side, baseline):
    options = {"base_width": 4, "stem": "small"}
    network = build("resnet18", channels=2, outputs=3, dims=dims, options=options, seed=0).eval()
    # without biases a network is homogeneous, and one step is exact from an image of zeros
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith("bias"):
                value.normal_(0, 0.3, generator=generator)
    images = torch.rand(3, 2, *(side,) * dims, generator=generator)
    classes = torch.tensor([0, 1, 2])
    few, many = (
        missing_share(network, images, classes, maps, baseline=baseline)
        for maps in (
            integrated_gradients(network, images, classes, steps=steps, baseline=baseline) for steps in (1, 32)
        )
    )
    assert many.max() < 0.01
    assert many.mean() < few.mean()


def test_of_a_linear_network_it_is_exact_at_one_step():
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    images = torch.rand(2, 1, 4, 4)
    lowest = images.flatten(1).min(1).values[:, None, None]
    made = integrated_gradients(network, images, 1, steps=1)
    weights = network[1].weight[1].view(4, 4)
    torch.testing.assert_close(made, ((images[:, 0] - lowest) * weights).detach())
    with pytest.raises(SettingsError, match="at least 1"):
        integrated_gradients(network, images, 1, steps=0)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_works_where_gradients_are_off_and_leaves_none_behind(mode):
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 2)).requires_grad_(False)
    with mode():
        made = integrated_gradients(network, torch.rand(2, 1, 4, 4), 1)
    assert not made.requires_grad
    assert network[1].weight.grad is None
