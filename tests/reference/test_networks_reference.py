"""Networks against published figures: torchvision's counts, names and costs, V-Net's Table 1, torch's own counter."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from radcnn.networks import NETWORKS, build, card, multiply_accumulates
from radcnn.networks.build import bare
from radcnn.networks.receptive_field import Field, Window, after

# torchvision's documentation, "Table of all available classification weights": parameters and GFLOPS (which are
# multiply-accumulates) at 224 x 224, 3 channels, 1000 classes
PUBLISHED = {
    "alexnet": (61_100_840, 0.71),
    "vgg11": (132_863_336, 7.61),
    "vgg13": (133_047_848, 11.31),
    "vgg16": (138_357_544, 15.47),
    "vgg19": (143_667_240, 19.63),
    "vgg11_bn": (132_868_840, 7.61),
    "vgg13_bn": (133_053_736, 11.31),
    "vgg16_bn": (138_365_992, 15.47),
    "vgg19_bn": (143_678_248, 19.63),
    "googlenet": (6_624_904, 1.50),
    "resnet18": (11_689_512, 1.81),
    "resnet34": (21_797_672, 3.66),
    "resnet50": (25_557_032, 4.09),
    "resnet101": (44_549_160, 7.80),
    "densenet121": (7_978_856, 2.83),
    "densenet161": (28_681_000, 7.73),
    "densenet169": (14_149_480, 3.36),
    "densenet201": (20_013_928, 4.29),
}

NAMES = {
    "alexnet": "features.0.weight features.10.bias classifier.1.weight classifier.4.weight classifier.6.bias",
    "vgg16": "features.0.weight features.28.bias classifier.0.weight classifier.3.weight classifier.6.bias",
    "vgg16_bn": "features.0.weight features.1.running_mean features.41.num_batches_tracked classifier.6.weight",
    "googlenet": "conv1.conv.weight conv1.bn.running_var conv3.bn.bias inception3a.branch1.conv.weight "
    "inception4e.branch2.0.conv.weight inception5b.branch3.1.bn.weight inception5b.branch4.1.conv.weight fc.weight",
    "resnet18": "conv1.weight bn1.running_mean layer1.0.conv1.weight layer1.1.bn2.weight layer2.0.downsample.0.weight "
    "layer4.0.downsample.1.num_batches_tracked fc.bias",
    "resnet50": "layer1.0.conv3.weight layer1.0.downsample.0.weight layer3.5.bn3.bias layer4.2.conv2.weight fc.weight",
    "densenet121": "features.conv0.weight features.norm0.bias features.denseblock1.denselayer1.norm1.weight "
    "features.denseblock3.denselayer24.conv2.weight features.transition3.conv.weight features.norm5.running_var "
    "classifier.weight",
    "densenet161": "features.norm0.bias features.denseblock3.denselayer36.norm2.running_mean "
    "features.denseblock4.denselayer24.conv2.weight features.transition2.conv.weight features.norm5.bias "
    "classifier.bias",
}

SHAPES = {
    "alexnet": {"classifier.1.weight": (4096, 9216)},
    "vgg16": {"classifier.0.weight": (4096, 25088)},
    "googlenet": {"inception3a.branch3.1.conv.weight": (32, 16, 3, 3), "fc.weight": (1000, 1024)},
    "resnet50": {"layer4.0.downsample.0.weight": (2048, 1024, 1, 1)},
    "densenet121": {"features.denseblock4.denselayer16.conv1.weight": (128, 992, 1, 1)},
    "densenet161": {
        "features.conv0.weight": (96, 3, 7, 7),
        "features.denseblock4.denselayer24.conv1.weight": (192, 2160, 1, 1),
        "classifier.weight": (1000, 2208),
    },
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_and_cost_are_the_published_ones(name: str) -> None:
    counted = card(name, channels=3, outputs=1000, size=(224, 224))
    parameters, billions = PUBLISHED[name]
    assert counted.parameters == parameters == sum(layer.parameters for layer in counted.layers)
    assert counted.multiply_accumulates / 1e9 == pytest.approx(billions, abs=0.006)


def test_every_network_of_the_catalogue_but_the_chain_is_in_the_published_table() -> None:
    assert set(NETWORKS) - set(PUBLISHED) == {"chain"}


def test_googlenet_with_auxiliary_heads_has_thirteen_million_parameters() -> None:
    counted = card("googlenet", channels=3, outputs=1000, size=(224, 224), options={"auxiliary": True})
    assert counted.parameters == 13_004_888
    assert "6,379,984 parameters (auxiliary heads)" in counted.as_text()


@pytest.mark.parametrize("name", NAMES)
def test_parameter_names_and_shapes_are_those_of_published_weights(name: str) -> None:
    state = bare(name, channels=3, outputs=1000, dims=2, options=None)[0].state_dict()
    assert set(NAMES[name].split()) <= set(state)
    for tensor, shape in SHAPES.get(name, {}).items():
        assert tuple(state[tensor].shape) == shape


@pytest.mark.parametrize(("name", "tensors"), [("resnet18", 122), ("resnet50", 320), ("densenet121", 727)])
def test_the_number_of_stored_tensors_is_that_of_published_weights(name: str, tensors: int) -> None:
    state = bare(name, channels=3, outputs=1000, dims=2, options=None)[0].state_dict()
    assert len(state) == tensors


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("chain", {"dense": [5]}),
        ("resnet50", {"base_width": 4}),
        ("googlenet", {"base_width": 8}),
        ("densenet121", {"growth_rate": 4, "initial_width": 8}),
    ],
)
def test_multiply_accumulates_agree_with_torchs_own_counter(name: str, options: dict[str, object], dims: int) -> None:
    size = (36, 32) if dims == 2 else (32, 34, 32)
    network = build(name, channels=2, outputs=3, dims=dims, options=options, seed=0).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 2, *size))
    assert multiply_accumulates(network, size, 2) * 2 == counter.get_total_flops()


def vnet() -> dict[str, list[Window]]:
    """V-Net's stages: 5^3 convolutions, 2^3 convolutions of stride 2 down, 2^3 transposed ones up."""
    conv, down = Window(5, padding=2), Window(2, stride=2)
    up = Window(2, stride=2, transposed=True)
    return {
        "L1": [conv],
        "L2": [down, conv, conv],
        "L3": [down, conv, conv, conv],
        "L4": [down, conv, conv, conv],
        "L5": [down, conv, conv, conv],
        "R4": [up, conv, conv, conv],
        "R3": [up, conv, conv, conv],
        "R2": [up, conv, conv],
        "R1": [up, conv],
    }


def test_the_receptive_fields_of_vnets_table_1_are_reproduced() -> None:
    fields, field = {}, Field()
    for stage, windows in vnet().items():
        field = after(windows, field)
        fields[stage] = field.size
    expected = {"L1": 5, "L2": 22, "L3": 72, "L4": 172, "L5": 372, "R4": 476, "R3": 528, "R2": 546, "R1": 551}
    assert fields == expected
    assert field.jump == 1


def test_vnets_bound_holds_what_each_output_voxel_truly_sees() -> None:
    windows = [window for stage in vnet().values() for window in stage]
    bound = after(windows)
    seen = []
    for unit in range(4096, 4112):  # one period of the phases: four halvings
        low = high = unit
        for window in reversed(windows):
            if window.transposed:
                low, high = low // 2, high // 2
            else:
                stride, padding = int(window.stride), int(window.padding)
                low, high = low * stride - padding, high * stride - padding + window.kernel - 1
        assert unit + bound.low <= low
        assert high <= unit + bound.high
        seen.append(high - low + 1)
    assert (min(seen), max(seen)) == (532, 548)
