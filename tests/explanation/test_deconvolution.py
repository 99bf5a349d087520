import pytest
import torch
from torch import nn

from radcnn.core.errors import SettingsError
from radcnn.explanation.deconvolution import strongest
from radcnn.networks import build


def edge_network(dims):
    """A filter for dark-to-bright along columns, a rectifier, a pooling of 2; the logits play no part."""
    conv, pool, mean = (nn.Conv2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d) if dims == 2 else (
        nn.Conv3d, nn.MaxPool3d, nn.AdaptiveAvgPool3d
    )  # fmt: skip
    first = conv(1, 1, 3, padding=1, bias=False)
    with torch.no_grad():
        first.weight.zero_()
        first.weight[..., 1, 0], first.weight[..., 1, 2] = -1.0, 1.0
        if dims == 3:
            first.weight[:, :, [0, 2]] = 0
    return nn.Sequential(first, nn.ReLU(inplace=True), pool(2), mean(1), nn.Flatten(), nn.Linear(1, 2)).eval()


@pytest.mark.parametrize("dims", [2, 3])
def test_a_known_edge_is_recovered_where_it_is(dims):
    images = torch.zeros(5, 1, *(16,) * dims)
    middle = (8,) * (dims - 1)
    for k in range(5):  # image k holds a bright voxel of height k at column 5 of the middle row
        images[(k, 0, *middle, 5)] = float(k)
    found = strongest(edge_network(dims), "2", 0, images)
    assert [one.image for one in found] == [4, 3, 2, 1]
    first = found[0]
    assert first.value == 4
    assert first.cell == (*(4,) * (dims - 1), 2)
    assert all(start <= place < stop for (start, stop), place in zip(first.box, (*middle, 4), strict=True))
    pattern = first.pattern[0]
    # the switch remembers column 4 of the two that were pooled: dark at 3, bright at 5, and nothing else
    assert pattern[(*middle, 5)] == 4
    assert pattern[(*middle, 3)] == -4
    assert int((pattern != 0).sum()) == 2


@pytest.mark.parametrize(("dims", "side", "layer"), [(2, 32, "layer2"), (2, 32, "layer1.0.conv2"), (3, 16, "layer1")])
def test_patterns_lie_in_the_box_that_the_cell_sees(dims, side, layer):
    options = {"base_width": 4, "stem": "small"}
    network = build("resnet18", channels=1, outputs=2, dims=dims, options=options, seed=0).eval()
    images = torch.rand(12, 1, *(side,) * dims, generator=torch.Generator().manual_seed(0))
    found = strongest(network, layer, 1, images, at_once=5)
    assert 0 < len(found) <= 9
    assert [one.value for one in found] == sorted((one.value for one in found), reverse=True)
    for one in found:
        inside = torch.zeros(*(side,) * dims, dtype=torch.bool)
        inside[tuple(slice(*ends) for ends in one.box)] = True
        assert not one.pattern[0][~inside].any()
        assert one.pattern.any()
    alone = strongest(network, layer, 1, images[found[0].image][None])
    torch.testing.assert_close(alone[0].pattern, found[0].pattern, atol=1e-5, rtol=1e-3)
    assert not any(module._forward_hooks for module in network.modules())


def test_maps_that_do_not_exist_are_refused_and_silent_ones_have_no_example():
    network = edge_network(2)
    with pytest.raises(SettingsError, match="0 to 0"):
        strongest(network, "2", 1, torch.zeros(2, 1, 8, 8))
    with pytest.raises(SettingsError, match="gives no maps"):
        strongest(network, "5", 0, torch.zeros(2, 1, 8, 8))
    assert strongest(network, "2", 0, torch.zeros(2, 1, 8, 8)) == ()
