import pytest
import torch
from torch import nn

from radcnn.explanation.cells import cells_of, grown, placed
from radcnn.explanation.layers import named_layer
from radcnn.explanation.methods import on_voxels
from radcnn.networks import build

CAFFE = nn.Sequential(  # unpadded, and a pooling that rounds up: cells lie beside where tiles would be
    nn.Conv2d(1, 4, 7, stride=2), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(4, 4, 3, padding=1)
)


def offsets(network, layer, side):
    """How far from planted dots the middle of what changes lies, on the mean over dots: cells placed, and as tiles."""
    network = network.eval()
    for parameter in network.parameters():
        parameter.data.fill_(0.1)  # whatever sees a dot is raised by it, alike
    size = named_layer(network, layer, torch.zeros(1, 1, side, side)).size
    lines = cells_of(network, layer, torch.zeros(1, 1, side, side), size)
    places = range(side // 2 - 8, side // 2 + 8)
    images = torch.zeros(len(places), 1, side, side)
    for k, place in enumerate(places):
        images[k, 0, place, place] = 100.0
    made = []
    handle = network.get_submodule(layer).register_forward_hook(lambda _, __, maps: made.append(maps.sum(1)))
    with torch.inference_mode():
        network(torch.cat([images, torch.zeros(1, 1, side, side)]))
    handle.remove()
    change = made[0][:-1] - made[0][-1]
    along = torch.arange(side, dtype=torch.float)

    def away(shown):
        rows = shown.sum(2)
        middles = (rows * along).sum(1) / rows.sum(1)
        return float((middles - torch.tensor(list(places))).mean())

    return away(placed(change, lines)), away(grown(change, (side, side)))


@pytest.mark.parametrize(
    ("network", "layer", "side", "tiles"),
    [(CAFFE, "2", 61, 1.0), ("resnet18", "layer2", 128, 3.0)],
)
def test_cells_lie_where_a_planted_dot_is_seen_and_tiles_do_not(network, layer, side, tiles):
    if isinstance(network, str):
        network = build(network, channels=1, outputs=2, options={"base_width": 4}, seed=0)
    by_field, by_tile = offsets(network, layer, side)
    assert abs(by_field) < 0.6
    assert abs(by_tile) > tiles


def test_networks_that_hide_what_they_see_have_cells_that_tile_the_image():
    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(1, 2, 3, 2, 1), nn.Conv2d(2, 2, 3, 2, 1)

        def forward(self, x):
            return self.second(self.first(x) * 2)

    images, maps = torch.zeros(1, 1, 16, 16), torch.rand(1, 4, 4)
    assert cells_of(Hidden(), "second", images, (4, 4)) is None
    torch.testing.assert_close(on_voxels(Hidden(), "second", maps, images), grown(maps, (16, 16)))


def test_in_three_dimensions_as_in_two():
    maps, images = torch.rand(2, 4, 4, 4), torch.zeros(1, 1, 8, 8, 8)
    network = nn.Sequential(nn.Conv3d(1, 1, 3, stride=2, padding=1))
    shown = on_voxels(network, "0", maps, images)
    torch.testing.assert_close(shown[:, ::2, ::2, ::2], maps)
    torch.testing.assert_close(shown[:, 1, 0, 0], maps[:, :2, 0, 0].mean(1))
