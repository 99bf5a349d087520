import pytest
import torch
from torch import nn

from radcnn.core.errors import SettingsError
from radcnn.explanation.repeated import compared, repeated

IMAGES = torch.rand(5, 8, 8, generator=torch.Generator().manual_seed(0))
PATIENTS = list("abcde")


def test_networks_that_look_at_the_same_places_correlate_and_others_do_not():
    def maps(seed):
        return torch.rand(5, 8, 8, generator=torch.Generator().manual_seed(seed))

    same = compared("planted", [IMAGES, 2 * IMAGES, -IMAGES], PATIENTS)
    assert same.correlation.value == pytest.approx(1)
    assert same.networks == 3
    other = compared("noise", [maps(1), maps(2), maps(3)], PATIENTS)
    assert abs(other.correlation.value) < 0.2
    assert other.correlation.n == other.correlation.patients == 5


def test_one_network_cannot_be_repeated():
    with pytest.raises(SettingsError, match="two networks or more"):
        repeated("gradcam", [nn.Flatten()], lambda network: IMAGES, PATIENTS)
    networks = [nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)]
    assert repeated("any", networks, lambda network: IMAGES * network.weight.item(), PATIENTS).networks == 2


def test_constant_maps_of_one_pair_leave_the_other_pairs():
    made = compared("planted", [IMAGES, IMAGES, 0 * IMAGES], PATIENTS)
    assert made.correlation.value == pytest.approx(1)
    assert "constant" in compared("planted", [0 * IMAGES, 0 * IMAGES], PATIENTS).correlation.undefined
