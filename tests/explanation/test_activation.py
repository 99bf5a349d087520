import pytest
import torch
from torch import nn

from radcnn.core.errors import SettingsError
from radcnn.explanation.activation import class_activation
from radcnn.networks import build


def by_definition(network, layer, images, classes):
    """Grad-CAM image by image, the whole network differentiated (Selvaraju et al. 2017, equations 1 and 2)."""
    maps = []
    for image, label in zip(images, classes, strict=True):
        kept = []
        handle = network.get_submodule(layer).register_forward_hook(lambda m, x, y, kept=kept: kept.append(y))
        logit = network(image[None])[0, label]
        handle.remove()
        (gradient,) = torch.autograd.grad(logit, kept)
        weights = gradient[0].flatten(1).mean(1)
        maps.append(sum(w * a for w, a in zip(weights, kept[0][0], strict=True)).relu().detach())
    return torch.stack(maps)


def network_of(dims, **options):
    made = build(
        "resnet18", channels=1, outputs=3, dims=dims, options={"base_width": 4, "stem": "small", **options}, seed=0
    )
    return made.eval()


@pytest.mark.parametrize("layer", ["layer2", "layer4"])
@pytest.mark.parametrize(("dims", "side"), [(2, 32), (3, 16)])
@pytest.mark.parametrize("seed", [0, 1])
def test_maps_cut_at_the_layer_equal_those_of_the_whole_graph(dims, side, layer, seed):
    network = network_of(dims)
    images = torch.randn(3, 1, *(side,) * dims, generator=torch.Generator().manual_seed(seed))
    classes = [0, 2, 1]
    maps, logits = class_activation(network, layer, images, torch.tensor(classes))
    expected = by_definition(network, layer, images, classes)
    assert expected.max() > 0
    torch.testing.assert_close(maps, expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(logits, network(images).detach(), atol=1e-5, rtol=1e-4)


def test_before_pooling_and_a_dense_layer_it_is_zhous_class_activation_map():
    network = network_of(2)
    images = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    maps, _ = class_activation(network, "layer4", images, 1)
    features = network.features(images).detach()
    zhou = torch.einsum("bkij,k->bij", features, network.head.weight[1].detach()).relu()
    torch.testing.assert_close(maps, zhou / maps[0].numel(), atol=1e-5, rtol=1e-4)


def test_a_layer_before_an_in_place_rectifier_keeps_its_own_values():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 3), nn.Flatten(), nn.Linear(32, 2)
    )
    plain = nn.Sequential(network[0], nn.ReLU(), *network[2:])
    images = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(
        class_activation(network, network[0], images, 0)[0], by_definition(plain, "0", images, [0, 0])
    )


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_nothing_of_the_network_or_of_gradients_is_changed(mode):
    network = network_of(2)
    with mode():
        before = torch.is_grad_enabled()
        maps, logits = class_activation(network, "layer3", torch.randn(1, 1, 16, 16), [1])
        assert torch.is_grad_enabled() is before
    assert not maps.requires_grad
    assert not logits.requires_grad
    assert all(p.grad is None and p.requires_grad for p in network.parameters())
    assert not network.layer3._forward_hooks


def test_only_what_lies_behind_the_layer_is_differentiated():
    network = network_of(2)
    graphs = []
    network.layer1.register_forward_hook(lambda m, x, y: graphs.append(y.grad_fn))
    network.layer4.register_forward_hook(lambda m, x, y: graphs.append(y.grad_fn))
    class_activation(network, "layer2", torch.randn(1, 1, 16, 16), 0)
    assert graphs[0] is None
    assert graphs[1] is not None


def test_the_logits_themselves_have_no_maps_and_wrong_layers_and_classes_are_named():
    network, images = network_of(2), torch.randn(2, 1, 16, 16)
    for layer, said in (("fc", "gives none"), ("layer9", "'layer9'"), (nn.Conv2d(1, 1, 1), "Conv2d")):
        with pytest.raises(SettingsError, match=said):
            class_activation(network, layer, images, 0)
    for classes in (3, -1, [0, 3]):
        with pytest.raises(SettingsError, match="outputs 0 to 2"):
            class_activation(network, "layer4", images, classes)
    assert not network.fc._forward_hooks
    network.spare = nn.Conv2d(1, 1, 1)
    with pytest.raises(SettingsError, match="not reached"):
        class_activation(network, "spare", images, 0)


def test_logits_that_do_not_depend_on_the_maps_have_an_empty_map():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 2))
    nn.init.zeros_(network[2].weight)
    assert (class_activation(network, "0", torch.randn(2, 1, 8, 8), 0)[0] == 0).all()
