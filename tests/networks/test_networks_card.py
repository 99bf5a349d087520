"""The card of Table 1: what it lists, how it reads, what it refuses."""

from __future__ import annotations

import json

import pytest

from radcnn.core.errors import SettingsError
from radcnn.networks import activation_elements, build, card, multiply_accumulates, smallest_size
from radcnn.networks.card_form import Layer


def test_the_text_names_every_layer_with_aligned_columns_and_totals() -> None:
    made = card("resnet18", channels=3, outputs=1000, size=(224, 224))
    lines = made.as_text().splitlines()
    head = next(line for line in lines if line.startswith("layer "))
    first = next(line for line in lines if line.startswith("conv1 "))
    for word in ("kind", "output"):
        assert first[head.index(word) - 1] == " "
        assert first[head.index(word)] != " "
    assert first.split()[-2:] == ["9,408", "118,013,952"]
    assert any(line.split() == ["learned", "parameters", "11,689,512"] for line in lines)
    assert "435x435" in made.as_text()
    assert all(line == line.rstrip() for line in lines)


def test_the_json_form_holds_the_hyperparameters_of_table_1() -> None:
    made = card("chain", channels=1, outputs=2, dims=3, size=(16, 16, 16), options={"dense": [9]})
    value = json.loads(json.dumps(made.as_json()))
    layers = {layer["name"]: layer for layer in value["layers"]}
    conv, pool, dense = (layers[n] for n in ("features.conv1", "features.pool1", "classifier.dense1"))
    assert (conv["kernel"], conv["number"], conv["stride"], conv["padding"]) == ([3] * 3, 16, [1] * 3, [1] * 3)
    assert (pool["setting"], pool["kernel"], pool["stride"]) == ("max", [2] * 3, [2] * 3)
    assert dense["number"] == 9
    assert value["options"]["kernel_size"] == 3


def test_a_pooled_stem_looks_at_every_voxel_and_ends_where_a_strided_one_does() -> None:
    def layers(stem: str) -> dict[str, Layer]:
        options = {"stem": stem, "base_width": 4}
        made = card("resnet18", channels=1, outputs=1, dims=3, size=(32, 32, 32), options=options)
        return {layer.name: layer for layer in made.layers}

    pooled, strided = layers("pooled"), layers("strided")
    assert (pooled["conv1"].stride, pooled["maxpool"].stride) == ((1, 1, 1), (2, 2, 2))
    assert strided["conv1"].stride == (2, 2, 2)
    assert pooled["conv1"].parameters == strided["conv1"].parameters
    assert pooled["layer1.0.conv1"].output == strided["layer1.0.conv1"].output


def test_layers_that_see_everything_say_so() -> None:
    made = card("resnet18", channels=1, outputs=2, size=(64, 48), options={"base_width": 4})
    assert made.layers[-1].receptive_field == (64, 48)
    fc = next(line for line in made.as_text().splitlines() if line.startswith("fc "))
    assert "all" in fc.split()


def test_totals_are_the_sums_of_the_rows_and_of_the_functions() -> None:
    options = {"base_width": 4}
    made = card("googlenet", channels=1, outputs=2, size=(40, 40), options=options)
    network = build("googlenet", channels=1, outputs=2, options=options, seed=0)
    assert made.multiply_accumulates == multiply_accumulates(network, (40, 40), 1)
    assert made.activation_elements == activation_elements(network, (40, 40), 1)


def test_activation_elements_of_a_small_chain_are_what_one_counts_by_hand() -> None:
    network = build("chain", channels=1, outputs=3, options={"kernels": [2]}, seed=0)
    # convolution and relu 2 x 8 x 8, pooling 2 x 4 x 4, global average 2, dropout 2, output 3
    assert activation_elements(network, (8, 8), 1) == 2 * 128 + 32 + 2 + 2 + 3


def test_an_image_too_small_is_refused_with_the_smallest_that_fits() -> None:
    with pytest.raises(SettingsError, match=r"alexnet needs images of at least 63 pixels a side, got \(28, 28\)"):
        card("alexnet", channels=1, outputs=2, size=(28, 28))
    with pytest.raises(SettingsError, match="size of a 3D image must be 3 numbers"):
        card("chain", channels=1, outputs=2, dims=3, size=(28, 28))


@pytest.mark.parametrize(
    ("name", "options", "least"),
    [("vgg11", {}, 32), ("alexnet", {"head": "gap"}, 63), ("chain", {}, 8), ("densenet121", {"stem": "small"}, 8)],
)
def test_the_smallest_size_passes_and_one_voxel_less_does_not(
    name: str, options: dict[str, object], least: int
) -> None:
    network = build(name, channels=1, outputs=2, options={**options, **narrow(name)}, seed=0)
    assert smallest_size(network, dims=2, channels=1) == least
    multiply_accumulates(network, (least, least), 1)
    with pytest.raises(SettingsError, match="does not pass through this network"):
        multiply_accumulates(network, (least - 1, least - 1), 1)


def narrow(name: str) -> dict[str, object]:
    return {"vgg11": {"base_width": 2, "dense_width": 2}, "alexnet": {"base_width": 2}}.get(name, {})


def test_a_network_that_takes_no_such_images_is_told_apart_from_one_that_needs_larger_ones() -> None:
    network = build("chain", channels=2, outputs=2, seed=0)
    with pytest.raises(SettingsError, match="no image of up to 1024 voxels"):
        smallest_size(network, dims=2, channels=3)
