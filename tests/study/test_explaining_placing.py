"""Maps are carried back to where they belong: a planted dot is found again, at any spacing, fit and direction."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from radcnn.core.volume import Volume
from radcnn.study.explaining.placing import on_image, on_map
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.preparation import Preparation, prepare

KEEP = Intensity("keep")
AXES = {  # slices, rows, columns as x, y, z (LPS)
    "axial": ((0, 0, 3.0), (0, 1.0, 0), (1.5, 0, 0)),
    "feet first": ((0, 0, -3.0), (0, 1.0, 0), (1.5, 0, 0)),
    "coronal": ((0, 3.0, 0), (0, 0, -1.0), (1.5, 0, 0)),
    "sagittal, mirrored": ((3.0, 0, 0), (0, -1.0, 0), (0, 0, 1.5)),
}
WAYS: dict[str, dict[str, Any]] = {
    "stretch": {"fit": "stretch"},
    "pad": {"fit": "pad"},
    "crop": {"fit": "crop"},
    "spacing": {"fit": "pad", "spacing_mm": (2.0, 0.8, 0.8)},
    "region": {"region_mm": (24.0, 14.0, 18.0)},
}


def ball(axes: tuple[tuple[float, ...], ...], size: tuple[int, int, int] = (12, 18, 16)) -> Volume:
    """A smooth ball in a volume, off its middle."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(axes).T
    affine[:3, 3] = (-20, 30, 7)
    at = np.stack(np.meshgrid(*(np.arange(n) for n in size), indexing="ij"), -1)
    away = np.linalg.norm((at - (6, 8, 9)) * np.linalg.norm(affine[:3, :3], axis=0), axis=-1)
    return Volume(np.exp(-((away / 4) ** 2))[None].astype(np.float32), affine)


def middle(values: np.ndarray) -> np.ndarray:
    """The centre of mass, of what is near the largest value: a part of the rest may lie outside of what is seen."""
    values = np.where(values > 0.4 * values.max(), values, 0)
    at = np.stack(np.meshgrid(*(np.arange(n) for n in values.shape), indexing="ij"), -1)
    return np.asarray((at * values[..., None]).reshape(-1, values.ndim).sum(0) / values.sum())


@pytest.mark.parametrize(("axes", "way"), list(product(AXES, WAYS)))
def test_a_dot_in_a_volume_comes_back_to_its_place(axes: str, way: str) -> None:
    image = ball(AXES[axes])
    made = Preparation(dims=3, size=(14, 16, 20), intensity=KEEP, **WAYS[way])
    seen = prepare(image, made)[0]
    back = on_image(seen, image, made)
    assert back.size == image.size
    assert back.affine is image.affine or np.array_equal(back.affine, image.affine)
    np.testing.assert_allclose(middle(back.voxels[0]), middle(image.voxels[0]), atol=0.2)


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
def test_a_dot_in_a_picture_without_spacing_comes_back_to_its_pixel(fit: Any) -> None:
    voxels = np.zeros((1, 40, 30), np.float32)
    voxels[0, 12:18, 18:24] = 1
    made = Preparation(dims=2, size=(28, 28), intensity=KEEP, fit=fit)
    back = on_image(prepare(Volume(voxels, None), made)[0], Volume(voxels, None), made)
    assert back.size == (40, 30)
    assert back.affine is None
    np.testing.assert_allclose(middle(back.voxels[0]), (14.5, 20.5), atol=0.1)


def test_a_ramp_is_the_same_at_twice_the_pixels() -> None:
    rows = (np.arange(16, dtype=np.float32) + 0.5) / 16
    ramp = Volume(np.repeat(rows[:, None], 16, 1)[None], None)
    made = Preparation(dims=2, size=(8, 8), intensity=KEEP)
    back = on_image(prepare(ramp, made)[0], ramp, made).voxels[0]
    np.testing.assert_allclose(back[3:-3], ramp.voxels[0, 3:-3], atol=1e-6)


def test_a_map_of_one_slice_lies_on_that_slice_and_nowhere_else() -> None:
    image = ball(AXES["axial"])
    centre = tuple(float(x) for x in image.world((6, 8, 9)))
    made = Preparation(dims=2, size=(16, 16), region_mm=(20.0, 20.0), intensity=KEEP)
    back = on_image(np.ones((16, 16), np.float32), image, made, centre)  # type: ignore[arg-type]
    assert np.flatnonzero(back.voxels[0].any(axis=(1, 2))).tolist() == [6]


@pytest.mark.parametrize("axes", AXES)
def test_a_mask_lies_on_the_network_s_grid_as_its_image_does(axes: str) -> None:
    image = ball(AXES[axes])
    mask = Volume((image.voxels > 0.5).astype(np.uint8), image.affine, "mask")
    made = Preparation(dims=3, size=(24, 36, 32), intensity=KEEP)
    found, seen = on_map(mask, image, made), prepare(image, made)[0]
    assert (found == (seen > 0.5)).mean() > 0.99
    assert seen[found].min() > 0.25
