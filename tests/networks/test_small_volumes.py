import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from radcnn.learning.execution import Execution, logits_of
from radcnn.networks import build
from radcnn.networks.small_volumes import fast_small_volumes

needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")


def paths(job):
    """Which convolutions of torch's were called, and how often."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        job()
    names = [event.name for event in seen.events()]
    return names.count("aten::slow_conv3d_forward"), names.count("aten::mkldnn_convolution")


@needs_onednn
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("side", [8, 16, 32])
def test_no_convolution_of_a_single_volume_is_computed_slowly(side, channels_last):
    network = build("resnet18", channels=1, outputs=2, dims=3, options={"base_width": 4}, seed=0).eval()
    images = torch.randn(1, 1, *(side,) * 3, generator=torch.Generator().manual_seed(0))
    count = sum(isinstance(layer, nn.Conv3d) for layer in network.modules())
    execution = Execution(channels_last=channels_last)
    network = execution.place(network)
    with torch.inference_mode():
        assert paths(lambda: network(images))[0] > 0  # torch by itself
        assert paths(lambda: logits_of(network, images, execution)) == (0, count)
        expected = logits_of(network, images.expand(2, -1, -1, -1, -1), execution)[:1]
        torch.testing.assert_close(logits_of(network, images, execution), expected, atol=1e-4, rtol=1e-4)


@needs_onednn
@pytest.mark.parametrize("seed", range(4))
def test_convolutions_and_their_gradients_are_those_of_torch(seed):
    chance = torch.Generator().manual_seed(seed)
    kernel, stride, padding, dilation, groups = [(3, 1, 1, 1, 1), (1, 2, 0, 1, 2), ((1, 3, 3), (1, 2, 1), 0, 1, 1),
                                                (3, 1, (2, 1, 2), 2, 2)][seed]  # fmt: skip
    layer = nn.Conv3d(
        4, 6, kernel, stride=stride, padding=padding, dilation=dilation, groups=groups, bias=seed % 2 == 0
    )
    images = torch.randn(1, 4, 7, 9, 8, generator=chance, requires_grad=True)
    expected = layer(images)
    wanted = torch.autograd.grad(expected.square().sum(), [images, *layer.parameters()])
    with fast_small_volumes(images):
        found = layer(images)
    got = torch.autograd.grad(found.square().sum(), [images, *layer.parameters()])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=1e-4)


def test_batches_images_and_double_precision_are_left_as_they_are():
    for images in (torch.ones(2, 1, 4, 4, 4), torch.ones(1, 1, 4, 4), torch.ones(1, 1, 4, 4, 4, dtype=torch.float64)):
        layer = (nn.Conv3d if images.ndim == 5 else nn.Conv2d)(1, 1, 3).to(images.dtype)
        with fast_small_volumes(images):
            assert torch.equal(layer(images), layer(images))
    same = nn.Conv3d(1, 1, 3, padding="same")
    images = torch.ones(1, 1, 4, 4, 4)
    with fast_small_volumes(images):
        inside = same(images)
    assert torch.equal(inside, same(images))
