"""Shapes, nodules and the chest: volumes, places and CT numbers before the scan."""

from __future__ import annotations

import numpy as np
import pytest

from radcnn.physics.phantoms.nodules import Nodule, Placed, draw_nodule, lay_nodule, placed
from radcnn.physics.phantoms.scan import Field
from radcnn.physics.phantoms.shapes import Grid, capsule, coverage
from radcnn.physics.phantoms.study import SITES
from radcnn.physics.phantoms.thorax import draw_thorax, paint_thorax

GRID = Grid(
    np.arange(-16, 16, 0.55, dtype=np.float32),
    np.arange(-16, 16, 0.55, dtype=np.float32),
    np.arange(-15, 16, 3, dtype=np.float32),
    planes=3,
)
NONE = np.zeros((0, 8))


def _ball(radius_mm: float, **changes) -> Nodule:
    whole = {"malignant": False, "radius_mm": radius_mm, "stretch": np.ones(3), "lobes": np.zeros((0, 5))}
    rest = {"spicules": NONE, "strands": NONE, "halo": 0.0, "hu": 30.0, "calcified": np.zeros((0, 5))}
    return Nodule(**{**whole, **rest, **changes})


def _laid(volume: np.ndarray, nodule: Nodule, at: np.ndarray) -> Placed:
    return placed(GRID, lay_nodule(volume, GRID, nodule, at), nodule.malignant)


@pytest.mark.parametrize("radius_mm", [2.5, 6.0, 11.0])
def test_a_ball_has_the_volume_and_the_centre_it_was_given(radius_mm):
    volume = np.full(GRID.shape, -850, np.float32)
    at = np.array([1.3, -2.1, 0.4])
    lies = _laid(volume, _ball(radius_mm), at)
    assert lies.diameter_mm == pytest.approx(2 * radius_mm, rel=0.01)
    np.testing.assert_allclose(lies.centre_mm, at, atol=0.1)
    filled = float((volume + 850).sum()) / 880 * GRID.voxel_mm3
    assert filled == pytest.approx(4 / 3 * np.pi * radius_mm**3, rel=0.02)


def test_a_strand_has_the_volume_of_a_cone_with_round_ends():
    start, end = np.float32([-8, -4, -6]), np.float32([7, 5, 4])
    drawn = capsule(GRID, start, end, (1.4, 0.7))
    assert drawn is not None
    length = np.linalg.norm(end - start)
    cone = np.pi * length / 3 * (1.4**2 + 1.4 * 0.7 + 0.7**2)
    caps = 2 / 3 * np.pi * (1.4**3 + 0.7**3)
    assert drawn[1].sum() * GRID.voxel_mm3 == pytest.approx(cone + caps, rel=0.04)


def test_partial_volume_is_a_share_and_not_a_choice():
    box = GRID.box([-6, -6, -6], [6, 6, 6])
    share = coverage(GRID, box, lambda x, y, z: np.sqrt(x**2 + y**2 + z**2) - 5)
    assert ((share > 0.05) & (share < 0.95)).sum() > 50
    assert share.min() == 0
    assert share.max() == 1


def test_shapes_outside_the_grid_are_not_drawn():
    assert capsule(GRID, np.float32([40, 0, 0]), np.float32([50, 0, 0]), (1.0, 1.0)) is None


def test_malignant_nodules_are_spiculated_and_benign_ones_are_not():
    chance = np.random.default_rng(0)
    malignant, benign = ([draw_nodule(label, chance) for _ in range(300)] for label in (True, False))
    assert all(len(nodule.spicules) == 0 for nodule in benign)
    assert np.median([len(nodule.spicules) for nodule in malignant]) > 12
    assert abs(np.median([n.radius_mm for n in malignant]) - np.median([n.radius_mm for n in benign])) < 0.7


def test_spicules_do_not_count_for_size():
    smooth = _laid(np.zeros(GRID.shape, np.float32), _ball(5.0), np.zeros(3))
    spicule = np.array([[4.0, 0, 0, 12, 0, 0, 1, 0.5]])
    spiculated = _laid(np.zeros(GRID.shape, np.float32), _ball(5.0, spicules=spicule), np.zeros(3))
    assert spiculated.diameter_mm == smooth.diameter_mm


def test_the_chest_has_air_lung_vessels_muscle_and_bone_of_the_right_hu():
    thorax = draw_thorax(np.random.default_rng(2))
    grid = Field(size=48, pixel_mm=3.3, height_mm=24).grid(SITES[1])
    hu = paint_thorax(thorax, grid)
    x, y = np.meshgrid(grid.x, grid.y)
    points = np.stack([x.ravel(), y.ravel(), np.full(x.size, grid.z[0])], axis=1)
    inside = (thorax.depth_mm(points) > 4).reshape(x.shape)
    outside = np.hypot(x / thorax.body_mm[0], y / thorax.body_mm[1]) > 1.03
    assert np.median(hu[0][inside]) == pytest.approx(thorax.lung_hu, abs=20)
    assert np.abs(hu[0][outside] + 1000).max() < 1
    assert (hu > 400).any()
    assert hu.min() >= -1000
    assert hu.max() <= 660
    assert (hu[:, inside] > -200).any(), "vessels run through the lung"


def test_vessels_follow_murrays_law_and_stay_in_the_lung():
    thorax = draw_thorax(np.random.default_rng(3))
    vessels = thorax.vessels
    assert len(vessels) > 100
    assert thorax.depth_mm(vessels[:, 3:6]).min() > 0
    for segment in vessels:
        daughters = vessels[(vessels[:, :3] == segment[3:6]).all(axis=1), 6]
        if len(daughters) == 2:
            assert (daughters**3).sum() == pytest.approx(segment[6] ** 3)
