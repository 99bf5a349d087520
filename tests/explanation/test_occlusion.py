import pytest
import torch
from torch import nn

from radcnn.core.errors import SettingsError
from radcnn.explanation.occlusion import occlusion, patches_of
from radcnn.networks import build


class Weighed(nn.Module):
    """Logits (B, 2): 0, and the sum of voxels weighed by fixed weights (*size)."""

    def __init__(self, weights):
        super().__init__()
        self.weights = weights

    def forward(self, images):
        speaking = (images[:, 0] * self.weights).flatten(1).sum(1)
        return torch.stack([torch.zeros_like(speaking), speaking], 1)


@pytest.mark.parametrize("size", [(6, 7), (4, 5, 6)])
def test_single_voxels_of_a_linear_network_give_its_weights_times_the_image(size):
    generator = torch.Generator().manual_seed(0)
    weights, images = torch.randn(size, generator=generator), torch.rand(2, 1, *size, generator=generator)
    images.flatten(1)[:, 0] = 0  # the darkest value
    ones = (1,) * len(size)
    made = occlusion(Weighed(weights), images, 1, patch=ones, step=ones)
    torch.testing.assert_close(made, images[:, 0] * weights, atol=1e-5, rtol=1e-4)
    assert not occlusion(Weighed(weights), images, 0).any()


@pytest.mark.parametrize("size", [(16, 16), (8, 8, 8)])
def test_it_is_highest_where_the_only_voxels_that_matter_lie(size):
    weights = torch.zeros(size)
    weights[tuple(slice(n // 2, n // 2 + 2) for n in size)] = 1
    images = torch.rand(3, 1, *size, generator=torch.Generator().manual_seed(1)) + 1
    images[(slice(None), slice(None), *(0,) * len(size))] = 0
    made = occlusion(Weighed(weights), images, 1)
    for one in made:
        assert weights.flatten()[one.flatten().argmax()] == 1
    assert (made[(slice(None), *(slice(0, 2),) * len(size))] == 0).all()


def test_the_number_of_images_in_one_pass_plays_no_part_and_neither_does_company():
    network = build("resnet18", channels=1, outputs=2, options={"base_width": 4, "stem": "small"}, seed=0).eval()
    images = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(2))
    classes = torch.tensor([0, 1, 1])
    made = occlusion(network, images, classes, patch=(5, 4), step=(3, 4), fill="mean")
    one = occlusion(network, images, classes, patch=(5, 4), step=(3, 4), fill="mean", at_once=1)
    torch.testing.assert_close(one, made, atol=1e-5, rtol=1e-3)
    alone = occlusion(network, images[1:2], 1, patch=(5, 4), step=(3, 4), fill="mean")
    torch.testing.assert_close(alone[0], made[1], atol=1e-5, rtol=1e-3)


def test_patches_that_do_not_fit_or_leave_gaps_are_refused():
    for patch in [(4,), (0, 4), (4, 17)]:
        with pytest.raises(SettingsError, match="a patch must have"):
            patches_of((16, 16), patch)
    with pytest.raises(SettingsError, match="a step between patches"):
        patches_of((16, 16), (4, 4), (5, 4))
    assert patches_of((3, 3)) == ((1, 1), (1, 1))
