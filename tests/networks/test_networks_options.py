"""Wrong names and values are answered with one sentence that says what is allowed."""

from __future__ import annotations

import pytest

from radcnn.core.errors import SettingsError
from radcnn.networks import NETWORKS, build


def make(name: str = "resnet18", channels: int = 1, outputs: int = 2, dims: int = 2, **options: object) -> None:
    build(name, channels=channels, outputs=outputs, dims=dims, options=options, seed=0)


def test_an_unknown_network_is_told_the_nearest() -> None:
    with pytest.raises(SettingsError, match="network 'resnet81' is unknown: did you mean resnet18"):
        make("resnet81")


def test_an_unknown_option_is_told_the_nearest_and_whose_it_is() -> None:
    with pytest.raises(SettingsError, match="option of resnet18 'base_with' is unknown: did you mean base_width"):
        make(base_with=8)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("resnet18", {"stem": "tiny"}, "must be 'imagenet' or 'strided' or 'pooled' or 'small', got 'tiny'"),
        ("resnet18", {"base_width": "8"}, "option base_width of resnet18 must be a whole number, got '8'"),
        ("resnet18", {"base_width": True}, "must be a whole number, got True"),
        ("resnet18", {"base_width": 0}, "option base_width must be at least 1, got 0"),
        ("resnet18", {"zero_init_residual": 1}, "must be true or false, got 1"),
        ("resnet18", {"dropout": 1.0}, "option dropout must be at least 0 and below 1, got 1.0"),
        ("resnet18", {"dropout": float("nan")}, "option dropout of resnet18 must be a number, got nan"),
        ("resnet18", {"norm": None}, "option norm of resnet18 must be 'batch' or 'group' or 'instance', got None"),
        ("vgg16", {"norm": "batch"}, "option of vgg16 'norm' is unknown"),
        ("googlenet", {"branch3_kernel": 4}, "must be 3 or 5, got 4"),
        ("chain", {"kernels": [8, 0]}, "option kernels must be at least 1, got 0"),
        ("chain", {"kernels": 8}, r"option kernels of chain must be a list of \(a whole number\), got 8"),
        ("chain", {"kernels": []}, "at least one convolution"),
        ("chain", {"stride": [1, 2]}, r"one value or one per convolution \(3\), got \(1, 2\)"),
        ("chain", {"kernel_size": 4}, "padding 'same' needs odd kernels"),
        ("chain", {"padding": -1}, "option padding must be at least 0"),
        ("chain", {"pooling_padding": 2}, "pooling_padding must be at most half"),
        ("chain", {"pooling": ["max", "mean", "max"]}, "option pooling of chain must be"),
        ("chain", {"head": "flatten"}, "needs input_size, 2 numbers, got None"),
        ("chain", {"head": "flatten", "input_size": [4, 4]}, "does not fit 1 voxels"),
    ],
)
def test_a_wrong_value_is_refused(name: str, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        make(name, **options)


@pytest.mark.parametrize("ends", [{"channels": 0}, {"outputs": -1}, {"dims": 4}, {"channels": 1.5}])
def test_impossible_ends_are_refused(ends: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match=f"{next(iter(ends))} of a network must be"):
        make(**ends)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_option_is_explained_where_it_is_defined(name: str) -> None:
    options = NETWORKS[name].options
    explained = " ".join(base.__doc__ or "" for base in options.__mro__)
    assert all(field in explained for field in options.__dataclass_fields__)
