"""The chain of Fig. 1: every hyperparameter of Table 1 reaches the layer it belongs to."""

from __future__ import annotations

import pytest
import torch

from radcnn.core.errors import SettingsError
from radcnn.networks import build, card
from radcnn.networks.layers import ACTIVATIONS


def rows(dims: int = 2, size: tuple[int, ...] = (28, 28), **options: object) -> dict[str, object]:
    made = card("chain", channels=1, outputs=10, dims=dims, size=size, options=options)
    return {layer.name: layer for layer in made.layers}


def test_a_lenet_on_28_pixels_has_the_shapes_and_counts_one_computes_by_hand() -> None:
    options = {
        "kernels": [6, 16], "kernel_size": 5, "padding": [2, 0], "activation": "tanh", "pooling": "average",
        "head": "flatten", "input_size": [28, 28], "dense": [120, 84],
    }  # fmt: skip
    made = card("chain", channels=1, outputs=10, size=(28, 28), options=options)
    shapes = {layer.name: layer.output for layer in made.layers if layer.kind in ("convolution", "pooling", "dense")}
    assert shapes == {
        "features.conv1": (6, 28, 28),
        "features.pool1": (6, 14, 14),
        "features.conv2": (16, 10, 10),
        "features.pool2": (16, 5, 5),
        "classifier.dense1": (120,),
        "classifier.dense2": (84,),
        "classifier.output": (10,),
    }
    assert made.parameters == 156 + 2416 + 48120 + 10164 + 850


def test_kernels_strides_paddings_and_poolings_can_differ_per_layer() -> None:
    layers = rows(
        kernels=[4, 8, 12], kernel_size=[5, 3, 1], stride=[2, 1, 1], padding=[2, 0, 1],
        pooling=["none", "max", "average"], pooling_size=[2, 3, 2], pooling_stride=[2, 1, 2], pooling_padding=[0, 1, 0],
    )  # fmt: skip
    found = [(layers[f"features.conv{i}"].kernel, layers[f"features.conv{i}"].stride) for i in (1, 2, 3)]
    assert found == [((5, 5), (2, 2)), ((3, 3), (1, 1)), ((1, 1), (1, 1))]
    assert "features.pool1" not in layers
    pool2, pool3 = layers["features.pool2"], layers["features.pool3"]
    assert (pool2.setting, pool2.kernel, pool2.stride, pool2.padding) == ("max", (3, 3), (1, 1), (1, 1))
    assert pool3.setting == "average"
    assert pool3.output == (12, 7, 7)


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "identity"])
def test_the_activation_follows_each_convolution_and_each_hidden_dense_layer(name: str) -> None:
    layers = rows(activation=name, dense=[7])
    settings = [layer.setting for layer in layers.values() if layer.kind == "activation"]
    assert settings == [name] * 4


@pytest.mark.parametrize("norm", ["batch", "group", "instance"])
def test_normalisation_stands_between_convolution_and_activation(norm: str) -> None:
    names = list(rows(norm=norm))
    assert names[:4] == ["features.conv1", "features.norm1", "features.activation1", "features.pool1"]
    assert rows(norm=norm)["features.norm1"].setting == norm


def test_dropout_stands_before_every_dense_layer() -> None:
    names = [name for name in rows(dropout=0.4, dense=[5]) if name.startswith("classifier")]
    assert names == [f"classifier.{n}" for n in ("dropout1", "dense1", "activation1", "dropout", "output")]


@pytest.mark.parametrize(("dims", "size"), [(2, (12, 20)), (3, (8, 12, 16))])
def test_flatten_keeps_every_voxel_and_refuses_another_size(dims: int, size: tuple[int, ...]) -> None:
    options = {"head": "flatten", "input_size": list(size), "kernels": [3, 5]}
    network = build("chain", channels=2, outputs=4, dims=dims, options=options, seed=0)
    expected = 5
    for length in size:
        expected *= length // 4
    assert network.head.in_features == expected
    assert network(torch.zeros(2, 2, *size)).shape == (2, 4)
    with pytest.raises(SettingsError, match="a chain that flattens needs last maps of"):
        network(torch.zeros(2, 2, *(32,) * dims))


def test_the_standard_deviation_of_normal_first_weights_is_an_option() -> None:
    options = {"initialisation": "normal", "initial_sd": 0.5, "kernels": [64, 64]}
    network = build("chain", channels=1, outputs=2, options=options, seed=0)
    assert float(network.features.conv2.weight.detach().std()) == pytest.approx(0.5, rel=0.05)
