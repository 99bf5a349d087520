import pytest
import torch

from radcnn.core.errors import SettingsError
from radcnn.explanation.cells import grown
from radcnn.explanation.layers import last_maps
from radcnn.explanation.methods import METHODS, MapSettings, maps_in_batches
from radcnn.networks import build


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("dims", [2, 3])
def test_a_planted_dot_stays_where_it_is_to_half_a_voxel(dims, factor):
    cells, place = 6, 2
    maps = torch.zeros(1, *(cells,) * dims)
    maps[(0, *(place,) * dims)] = 1.0
    big = grown(maps, (cells * factor,) * dims)[0]
    # a cell covers voxels place*factor ... (place+1)*factor - 1, whose middle is half a voxel between two of them
    middle = (place + 0.5) * factor - 0.5
    along = torch.arange(cells * factor, dtype=torch.float)
    for axis in range(dims):
        weights = big.sum(dim=[other for other in range(dims) if other != axis])
        centre = float((weights * along).sum() / weights.sum())
        assert centre == pytest.approx(middle, abs=1e-4)
        torch.testing.assert_close(big, big.flip(axis).roll(2 * int(middle + 0.5) - cells * factor, axis))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("dims", "side"), [(2, 32), (3, 16)])
def test_every_method_gives_a_map_on_the_images_own_grid_and_leaves_the_network_alone(method, dims, side):
    options = {"base_width": 4, "stem": "small"}
    network = build("resnet18", channels=1, outputs=2, dims=dims, options=options, seed=0).eval()
    images = torch.rand(2, 1, *(side,) * dims, generator=torch.Generator().manual_seed(0))
    kept, before = images.clone(), {name: value.clone() for name, value in network.state_dict().items()}
    settings = MapSettings(last_maps(network, images[:1]), occlude=(8,) * dims, steps=4)
    first = METHODS[method](network, images, torch.tensor([0, 1]), settings)
    assert first.shape == (2, *(side,) * dims)
    assert torch.isfinite(first).all()
    assert not first.requires_grad
    torch.testing.assert_close(METHODS[method](network, images, torch.tensor([0, 1]), settings), first)
    torch.testing.assert_close(images, kept)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks or module._backward_hooks for module in network.modules())
    alone = METHODS[method](network, images[1:], torch.tensor([1]), settings)
    torch.testing.assert_close(alone[0], first[1], atol=1e-5, rtol=1e-3)


def test_many_images_are_looked_at_some_at_a_time_with_the_same_maps():
    network = build("resnet18", channels=1, outputs=2, options={"base_width": 4, "stem": "small"}, seed=0).eval()
    images, classes = torch.rand(5, 1, 16, 16), torch.tensor([0, 1, 0, 1, 1])
    settings = MapSettings("layer2")
    whole = METHODS["gradcam"](network, images, classes, settings)
    torch.testing.assert_close(maps_in_batches("gradcam", network, images, classes, settings, at_once=2), whole)
    with pytest.raises(SettingsError, match="gradcam"):
        maps_in_batches("gradcan", network, images, classes, settings)
