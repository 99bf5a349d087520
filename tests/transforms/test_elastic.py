"""Elastic maps are smooth, of the promised strength, and never fold."""

from __future__ import annotations

import pytest
import torch

from radcnn.core.chance import torch_generator
from radcnn.core.errors import SettingsError
from radcnn.transforms.elastic import Elastic
from radcnn.transforms.splines import displacement, spline_basis


def generator(*path):
    return torch_generator(2, "elastic", *path)


def test_the_spline_passes_through_its_control_values():
    basis = spline_basis(31, 4)
    assert torch.allclose(basis[[0, 10, 20, 30]], torch.eye(4), atol=1e-6)
    assert torch.allclose(basis.sum(1), torch.ones(31), atol=1e-6)


def test_control_displacements_have_the_promised_sd():
    fraction = Elastic(sd=0.03).sample(generator(), (500, 1, 40, 80))["control"]
    assert fraction[:, 0].std().item() == pytest.approx(0.03 * 40, rel=0.05)
    assert fraction[:, 1].std().item() == pytest.approx(0.03 * 80, rel=0.05)
    voxels = Elastic(points=3, sd=10, unit="voxels").sample(generator(), (300, 1, 512, 512))["control"]
    assert voxels.std().item() == pytest.approx(10, rel=0.05)


def test_the_dense_field_is_smooth():
    field = displacement(Elastic(points=4, sd=0.05).sample(generator(), (8, 1, 64, 64))["control"], (64, 64))
    assert field.shape == (8, 2, 64, 64)
    bend = field.diff(n=2, dim=-1).abs().max()
    # a cubic spline through values of size s at distance h bends by at most some 12 s / h^2
    assert bend < 12 * field.abs().max() / (63 / 3) ** 2
    assert field.diff(dim=-1).abs().max() < 1.0


@pytest.mark.parametrize("shape", [(60, 1, 32, 32), (12, 1, 14, 16, 18)])
def test_maps_at_the_strongest_allowed_sd_hardly_ever_fold(shape):
    elastic = Elastic(points=4, sd=0.2 / 3, unit="fraction")
    field = displacement(elastic.sample(generator(), shape)["control"], shape[2:])
    d = len(shape) - 2
    folded = torch.zeros(field[:, 0].shape, dtype=torch.bool)
    for axis in range(d):
        slope = torch.gradient(field[:, axis], dim=axis + 1)[0]
        folded |= slope < -1
    assert folded.double().mean() < 0.01


def test_sds_that_fold_are_refused():
    with pytest.raises(SettingsError, match=r"would fold the image; use an sd of at most 1\.9 voxels"):
        Elastic(points=4, sd=5, unit="voxels").sample(generator(), (1, 1, 28, 28))


def test_axes_of_one_voxel_are_not_displaced():
    drawn = Elastic().sample(generator(), (4, 1, 1, 16, 16))["control"]
    assert not drawn[:, 0].any()
    assert drawn[:, 1:].any()


def test_a_share_p_is_deformed():
    control = Elastic(p=0.2).sample(generator(), (2000, 1, 16, 16))["control"]
    assert (control != 0).flatten(1).any(1).double().mean().item() == pytest.approx(0.2, abs=0.03)


def test_two_points_at_least():
    with pytest.raises(SettingsError, match="at least 2"):
        Elastic(points=1)
