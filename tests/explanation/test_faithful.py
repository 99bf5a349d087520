import pytest
import torch
from torch import nn

from radcnn.core.errors import InputError, SettingsError
from radcnn.explanation.faithful import removal

PATIENTS = list("abcdefgh")


class Looking(nn.Module):
    """Logits (B, 2): 0, and how much brighter a corner of 4 voxels is than half."""

    def forward(self, images):
        seen = images[(slice(None), 0, *(slice(0, 2),) * (images.ndim - 2))].flatten(1).mean(1)
        return torch.stack([torch.zeros_like(seen), 12 * (seen - 0.5)], 1)


def images_of(dims):
    images = torch.rand(8, 1, *(8,) * dims, generator=torch.Generator().manual_seed(0)) * 0.2
    images[(slice(None), slice(None), *(slice(0, 2),) * dims)] = 1.0
    return images


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("answer", ["softmax", "sigmoid", "logit"])
def test_a_map_of_what_matters_gains_and_its_opposite_loses(dims, answer):
    images = images_of(dims)
    maps = torch.zeros(8, *(8,) * dims)
    maps[(slice(None), *(slice(0, 2),) * dims)] = 1
    at_random = removal(Looking(), images, 1, PATIENTS, answer=answer)
    made = at_random.faithful("planted", maps)
    assert made.deletion_gain.low > 0
    assert made.insertion_gain.low > 0
    assert made.deletion.value < made.deletion_random.value
    wrong = at_random.faithful("opposite", -maps)
    assert wrong.deletion_gain.high < 0
    assert wrong.insertion_gain.high < 0


def test_curves_begin_and_end_at_the_image_and_at_nothing():
    images, maps = images_of(2), torch.rand(8, 8, 8)
    made = removal(Looking(), images, 1, PATIENTS, fill="mean", steps=5).faithful("any", maps)
    assert made.shares == (0, 0.2, 0.4, 0.6, 0.8, 1)
    for one in (made.deletion_curve, made.deletion_random_curve):
        assert one[0] == pytest.approx(made.insertion_curve[-1])
        assert one[-1] == pytest.approx(made.insertion_curve[0])
    assert made.n == 8


def test_a_constant_map_is_at_chance_and_the_same_seed_gives_the_same_figures():
    images = images_of(2)
    made = removal(Looking(), images, 1, PATIENTS, seed=1).faithful("blind", torch.zeros(8, 8, 8))
    assert made.deletion_gain.low < 0 < made.deletion_gain.high
    assert made == removal(Looking(), images, 1, PATIENTS, seed=1).faithful("blind", torch.zeros(8, 8, 8))
    assert made != removal(Looking(), images, 1, PATIENTS, seed=2).faithful("blind", torch.zeros(8, 8, 8))


def test_what_does_not_fit_is_refused():
    images = images_of(2)
    with pytest.raises(InputError, match="one for each image"):
        removal(Looking(), images, 1, PATIENTS).faithful("any", torch.zeros(8, 4, 4))
    with pytest.raises(SettingsError, match="at least 1"):
        removal(Looking(), images, 1, PATIENTS, draws=0)
    with pytest.raises(SettingsError, match="softmax"):
        removal(Looking(), images, 1, PATIENTS, answer="softmex")
