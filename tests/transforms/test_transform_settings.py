"""Settings go to plain JSON and back; what is wrong is refused by name."""

from __future__ import annotations

import json

import pytest

from radcnn.core.errors import SettingsError
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.preparation import Preparation
from radcnn.transforms.spatial import Flip, Rotate


def test_a_preparation_survives_json():
    preparation = Preparation(
        dims=3,
        size=(8, 16, 16),
        region_mm=(40, 40.5, 40),
        intensity=Intensity("window", low=-1000, high=400),
    )
    assert Preparation.from_json(json.loads(json.dumps(preparation.as_json()))) == preparation


def test_an_augmentation_survives_json():
    augmentation = Augmentation((Flip(laterality="free", axes=(-1, -2)), Rotate(degrees=7)), "zeros", (2.0, 1.0, 1.0))
    assert Augmentation.from_json(json.loads(json.dumps(augmentation.as_json()))) == augmentation


def test_a_bare_name_takes_the_defaults():
    assert Augmentation.from_json({"transforms": ["rotate", {"rotate": None}]}).transforms == (Rotate(), Rotate())


@pytest.mark.parametrize(
    ("plain", "says"),
    [
        ({"transforms": [{"rotat": {}}]}, "did you mean rotate"),
        ({"transforms": [{"rotate": {"degree": 3}}]}, "did you mean degrees"),
        (
            {"transforms": [{"rotate": {"degrees": "3"}}]},
            "degrees of transform rotate must be a finite number, got '3'",
        ),
        ({"transforms": [{"rotate": {"degrees": True}}]}, "must be a finite number, got True"),
        ({"transforms": [{"rotate": {"degrees": float("nan")}}]}, "must be a finite number"),
        ({"transforms": [{"rotate": {"p": 1.5}}]}, "p of rotate must lie within 0..1, got 1.5"),
        ({"transforms": [{"flip": {}}]}, "lacks laterality"),
        ({"transforms": [{"flip": {"laterality": "fre"}}]}, "did you mean free"),
        ({"transforms": [{"crop": {"area": [0.5]}}]}, "area of transform crop must have 2 items"),
        ({"transforms": [{"crop": {"area": 0.5}}]}, "area of transform crop must be a list, got 0.5"),
        ({"transforms": [{"crop": {"area": [0.9, 0.5]}}]}, "area of crop must be a low and a high number"),
        ({"transforms": [{"elastic": {"points": 2.5}}]}, "points of transform elastic must be a whole number"),
        ({"transforms": [{"translate": {"whole_voxels": 1}}]}, "must be true or false"),
        ({"transforms": [{"rotate": {}, "scale": {}}]}, "one name with its settings"),
        ({"transforms": [{"rotate": 5}]}, "transform rotate must be a mapping"),
        ({"transforms": "rotate"}, "must be a list"),
        ({"transform": []}, "did you mean transforms"),
        ({"padding": "reflect"}, "padding of augmentation must be one of border, zeros"),
        ({"spacing_mm": [1.0]}, "2 or 3 positive numbers"),
        ([], "augmentation must be a mapping"),
    ],
)
def test_a_wrong_augmentation_is_refused_with_the_cause(plain, says):
    with pytest.raises(SettingsError, match=says.replace("(", r"\(")):
        Augmentation.from_json(plain)


@pytest.mark.parametrize(
    ("plain", "says"),
    [
        ({"dims": 2}, "lacks size"),
        ({"dims": 4, "size": [8, 8]}, "dims of preparation must be one of 2, 3, got 4"),
        ({"dims": 2, "size": [8, 8, 8]}, "size must be 2 positive whole numbers"),
        ({"dims": 2, "size": [8, 0]}, "size must be 2 positive whole numbers"),
        ({"dims": 2, "size": [8, 8], "channels": 0}, "channels must be at least 1"),
        ({"dims": 2, "size": [8, 8], "spacing_mm": [1.0, -1.0], "fit": "pad"}, "spacing_mm must be 2 positive numbers"),
        ({"dims": 2, "size": [8, 8], "spacing_mm": [1.0, 1.0]}, "'stretch' contradicts spacing_mm"),
        ({"dims": 2, "size": [8, 8], "spacing_mm": [1, 1], "fit": "pad", "region_mm": [9, 9]}, "cannot both be given"),
        ({"dims": 2, "size": [8, 8], "planes": "triplanar"}, "triplanar needs dims 2 and channels 3"),
        ({"dims": 2, "size": [8, 8], "intensity": {"kind": "windw"}}, "did you mean window"),
        ({"dims": 2, "size": [8, 8], "intensity": {"kind": "window"}}, "'window' needs low and high"),
        ({"dims": 2, "size": [8, 8], "intensity": {"kind": "keep", "low": 1, "high": 2}}, "no low and high"),
        ({"dims": 2, "size": [8, 8], "intensity": {"kind": "range", "low": 1}}, "both low and high or neither"),
        ({"dims": 2, "size": [8, 8], "intensity": {"kind": "range", "low": 2, "high": 1}}, "low .* must be below high"),
        ({"dims": 2, "size": [8, 8], "intensity": {"kind": "percentiles", "low": 1, "high": 101}}, "within 0..100"),
        ({"dims": 2, "size": [8, 8], "intensity": {"kind": "zscore", "mean": 1}}, "both mean and sd or neither"),
        ({"dims": 2, "size": [8, 8], "intensity": {"kind": "zscore", "mean": 1, "sd": 0}}, "sd .* must be positive"),
        (
            {"dims": 2, "size": [8, 8], "intensity": {"kind": "keep", "mean": 1, "sd": 1}},
            "belong to intensity 'zscore'",
        ),
    ],
)
def test_a_wrong_preparation_is_refused_with_the_cause(plain, says):
    with pytest.raises(SettingsError, match=says):
        Preparation.from_json(plain)
