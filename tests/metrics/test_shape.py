"""Volume, surface and diameters of bodies whose own are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from radcnn.core.errors import GeometryError
from radcnn.metrics.shape import axes_in_slice, longest_axes, shapes_of, surface_cm2

RADIUS = 15.0


def ball(spacing: tuple[float, float, float], radius: float = RADIUS) -> np.ndarray:
    steps = np.array(spacing)
    count = (2 * radius / steps).astype(int) + 5
    places = (np.indices(count).T - (count - 1) / 2 - 0.13) * steps
    away: np.ndarray = np.sqrt((places**2).sum(axis=-1)).T
    return away <= radius


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.7, 0.7), (5.0, 0.8, 0.8), (0.5, 2.0, 1.0)])
def test_a_ball_has_its_volume_surface_and_diameters_on_any_grid(spacing: tuple[float, float, float]) -> None:
    (found,) = shapes_of(ball(spacing), spacing).largest
    assert found.volume_ml == pytest.approx(4 / 3 * math.pi * RADIUS**3 / 1000, rel=0.01)
    assert found.surface_cm2 == pytest.approx(4 * math.pi * RADIUS**2 / 100, rel=0.015)
    assert found.diameter_mm == pytest.approx(2 * RADIUS, rel=0.005)
    assert longest_axes(ball(spacing), spacing) == (found.long_axis_mm, found.short_axis_mm)
    widest = max(spacing[1:])
    assert found.long_axis_mm == pytest.approx(2 * RADIUS, abs=widest)
    assert found.short_axis_mm == pytest.approx(2 * RADIUS, abs=widest)


@pytest.mark.parametrize("turned", [0, 20, 45, 70, 90])
def test_axes_of_an_ellipse_do_not_depend_on_how_it_lies(turned: int) -> None:
    rows, columns = np.indices((201, 201)) - 100.0
    angle = math.radians(turned)
    along, across = (
        columns * math.cos(angle) + rows * math.sin(angle), rows * math.cos(angle) - columns * math.sin(angle)
    )  # fmt: skip
    long, short = axes_in_slice((along / 90) ** 2 + (across / 35) ** 2 <= 1, (0.5, 0.5))
    assert long == pytest.approx(90, rel=0.01)
    assert short == pytest.approx(35, rel=0.02)


def test_the_short_axis_is_a_chord_at_right_angles_and_not_the_width_of_the_whole() -> None:
    rows, columns = np.indices((60, 200))
    wedge = (rows <= 50 * columns / 160) & (columns < 160)  # a right triangle: its long axis is the hypotenuse
    long, short = axes_in_slice(wedge, (1.0, 1.0))
    assert long == pytest.approx(math.hypot(160, 50), rel=0.01)
    assert short == pytest.approx(160 * 50 / math.hypot(160, 50), rel=0.02)  # the height on it


def test_axes_are_read_in_the_slice_that_shows_the_largest_and_within_one_part_of_it() -> None:
    mask = np.zeros((6, 40, 40), bool)
    mask[1:5, 4:8, 4:8] = True
    mask[3, 4:8, 4:20] = True  # the longest slice
    mask[2:4, 30:32, 30:32] = True  # another part: smaller, told second
    mask[4, 4:8, 36] = mask[4, 20, 8:37] = mask[4, 8:21, 8] = mask[4, 8:21, 36] = True  # far off, but joined in slice 4
    (first, second), _ = shapes_of(mask, (2.0, 1.0, 1.0))
    assert first.slice == 4
    assert first.volume_ml > second.volume_ml
    assert second.centre == (2.5, 30.5, 30.5)
    apart = np.zeros((3, 40, 40), bool)
    apart[1, 4:8, 4:8] = apart[1, 30:34, 30:34] = apart[0, 4:34, 4:34] = True
    apart[0, 6:33, 6:33] = False
    apart[2] = apart[1]
    largest, parts = shapes_of(apart[1:], (1.0, 1.0, 1.0), most=1)
    assert largest[0].long_axis_mm < 6  # two islands in a slice are not one diameter
    assert (len(largest), parts) == (1, 2)  # the other one is counted


def test_one_voxel_has_a_shape_and_an_empty_mask_has_none() -> None:
    mask = np.zeros((3, 3, 3), bool)
    assert shapes_of(mask, (1.0, 1.0, 1.0)) == ((), 0)
    assert axes_in_slice(mask[0], (1.0, 1.0)) == (0.0, 0.0)
    mask[2, 1, 0] = True
    (found,) = shapes_of(mask, (5.0, 1.0, 1.0)).largest
    assert (found.slice, found.centre, found.volume_ml) == (2, (2.0, 1.0, 0.0), 0.005)
    assert found.long_axis_mm == 1


def test_the_volume_of_a_voxel_may_be_less_than_the_product_of_its_spacings() -> None:
    (found,) = shapes_of(np.ones((2, 2, 2), bool), (2.0, 1.0, 1.0), voxel_ml=0.0015).largest
    assert found.volume_ml == pytest.approx(8 * 0.0015)


def test_surfaces_of_bodies_turned_against_the_grid_are_near_the_true_ones() -> None:
    cube = np.zeros((60, 60, 60), bool)
    cube[15:45, 15:45, 15:45] = True
    turned = (
        ndimage.rotate(ndimage.rotate(cube.astype(float), 30, (0, 1), reshape=False), 40, (1, 2), reshape=False) > 0.5
    )
    assert surface_cm2(turned, (1.0, 1.0, 1.0)) == pytest.approx(6 * 30**2 / 100, rel=0.06)
    assert 0.89 < surface_cm2(cube, (1.0, 1.0, 1.0)) / (6 * 30**2 / 100) < 0.95  # along the grid it is too low, as told


def test_a_mask_without_slices_and_a_wrong_spacing_are_refused() -> None:
    with pytest.raises(GeometryError, match="2 axes"):
        shapes_of(np.ones((3, 3), bool), (1.0, 1.0, 1.0))
    with pytest.raises(GeometryError, match="3 positive"):
        shapes_of(np.ones((3, 3, 3), bool), (1.0, 1.0))


def test_only_islands_that_may_hold_the_longest_axis_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mask of noise has thousands of islands in a slice: each was measured, which took an hour for a whole CT."""
    from radcnn.metrics import shape

    noise = np.random.default_rng(0).normal(size=(12, 64, 64)) > 0.4
    planes = [ndimage.label(plane, structure=np.ones((3, 3)))[0] for plane in noise]
    (found,) = shapes_of(noise, (1.0, 0.8, 0.8), most=1).largest
    measured = []
    monkeypatch.setattr(
        shape, "axes_in_slice", lambda island, spacing: measured.append(1) or axes_in_slice(island, spacing)
    )
    assert shapes_of(noise, (1.0, 0.8, 0.8), most=1).largest == (found,)
    assert len(measured) < 0.1 * sum(int(plane.max()) for plane in planes)
