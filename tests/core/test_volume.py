"""A Volume's geometry: indices and millimetres are inverse to each other, and what cannot be a place is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from radcnn.core.errors import GeometryError
from radcnn.core.volume import Volume

spacings = st.tuples(*[st.floats(0.05, 20.0)] * 3)
angles = st.tuples(*[st.floats(-180.0, 180.0)] * 3)
origins = st.tuples(*[st.floats(-2000.0, 2000.0)] * 3)
points = st.lists(st.tuples(*[st.floats(-50.0, 600.0)] * 3), min_size=1, max_size=5)


def affine_of(spacing: tuple[float, ...], angle: tuple[float, ...], origin: tuple[float, ...]) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", angle, degrees=True).as_matrix() @ np.diag(spacing)
    affine[:3, 3] = origin
    return affine


@given(spacings, angles, origins, points)
def test_world_and_index_are_inverse_to_each_other(spacing, angle, origin, index) -> None:
    volume = Volume(np.zeros((1, 2, 2, 2), np.float32), affine_of(spacing, angle, origin))
    there = volume.world(np.array(index))
    assert there.shape == (len(index), 3)
    assert np.allclose(volume.index(there), index, atol=1e-7)


@given(spacings, angles, origins)
def test_spacing_is_the_distance_of_neighbours_in_the_world(spacing, angle, origin) -> None:
    volume = Volume(np.zeros((1, 2, 2, 2), np.float32), affine_of(spacing, angle, origin))
    assert volume.spacing_mm == pytest.approx(spacing, abs=1e-8)
    for axis, step in enumerate(np.eye(3)):
        assert np.linalg.norm(volume.world(step) - volume.world(np.zeros(3))) == pytest.approx(spacing[axis])


@given(spacings, angles, origins, st.tuples(st.floats(0, 500), st.floats(0, 500)))
def test_an_image_lies_in_slice_0_of_its_affine(spacing, angle, origin, index) -> None:
    affine = affine_of(spacing, angle, origin)
    image = Volume(np.zeros((3, 4, 4), np.float32), affine)
    stack = Volume(np.zeros((3, 1, 4, 4), np.float32), affine)
    assert (image.rank, stack.rank) == (2, 3)
    assert np.allclose(image.world(index), stack.world((0.0, *index)))
    assert np.allclose(image.index(image.world(index)), index, atol=1e-7)
    assert image.spacing_mm == stack.spacing_mm[1:]


def test_a_voxel_has_the_volume_between_its_axes_whatever_their_angle() -> None:
    straight = affine_of((2.0, 1.0, 0.5), (10.0, 20.0, 30.0), (1.0, 2.0, 3.0))
    assert Volume(np.zeros((1, 2, 2, 2)), straight).voxel_ml == pytest.approx(0.001)
    sheared = straight.copy()
    sheared[:3, 0] += 1.5 * straight[:3, 1]  # slices slide within their plane: what they hold stays
    assert Volume(np.zeros((1, 2, 2, 2)), sheared).voxel_ml == pytest.approx(0.001)
    assert np.prod(Volume(np.zeros((1, 2, 2, 2)), sheared).spacing_mm) > 1.2
    assert Volume(np.zeros((1, 2, 2)), straight).voxel_ml is None
    assert Volume(np.zeros((1, 2, 2, 2)), None).voxel_ml is None


def test_a_point_keeps_its_leading_axes() -> None:
    volume = Volume.from_spacing(np.zeros((1, 4, 4, 4)), (2.0, 1.0, 0.5))
    assert volume.world(np.zeros((5, 7, 3))).shape == (5, 7, 3)
    assert volume.index(np.zeros((5, 7, 3))).shape == (5, 7, 3)


def test_slices_go_to_the_head_rows_to_the_back_columns_to_the_left() -> None:
    ct = Volume.from_spacing(np.zeros((1, 4, 8, 8)), (5.0, 0.7, 0.6), units="HU")
    assert ct.frame == "image"
    assert ct.world((1, 0, 0)).tolist() == [0, 0, 5.0]
    assert ct.world((0, 1, 0)).tolist() == [0, 0.7, 0]
    assert ct.world((0, 0, 1)).tolist() == [0.6, 0, 0]


def test_an_image_of_unknown_spacing_has_no_millimetres() -> None:
    image = Volume(np.zeros((1, 4, 4)), None)
    assert (image.frame, image.spacing_mm) == ("unknown", None)
    with pytest.raises(GeometryError, match="no position in mm"):
        image.world((0, 0))
    with pytest.raises(GeometryError, match="cannot be found in it"):
        image.index((0, 0, 0))


@pytest.mark.parametrize(
    "spacing", [(0.7, 0.7), (0.7, 0.7, 0), (0.7, 0.7, -1), (0.7, 0.7, np.nan), (1, 1, np.inf), 1.0]
)
def test_a_spacing_that_is_none_is_refused(spacing) -> None:
    with pytest.raises(GeometryError, match="spacing_mm must be 3 positive numbers, got"):
        Volume.from_spacing(np.zeros((1, 2, 2, 2)), spacing)


@pytest.mark.parametrize(
    ("affine", "says"),
    [
        (np.eye(3), "4 x 4 finite numbers"),
        (np.full((4, 4), np.nan), "4 x 4 finite numbers"),
        (np.diag([1, 1, 1, 2]), "last row of an affine"),
        (np.diag([1, 0, 1, 1]), "must be invertible"),
        (np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), "must be invertible"),
    ],
)
def test_an_affine_that_is_no_place_is_refused(affine, says) -> None:
    with pytest.raises(GeometryError, match=says):
        Volume(np.zeros((1, 2, 2, 2)), affine)


@pytest.mark.parametrize("shape", [(4, 4), (1, 1, 4, 4, 4), (1, 0, 4), (0, 4, 4)])
def test_voxels_of_another_shape_are_refused(shape) -> None:
    with pytest.raises(GeometryError, match="shape"):
        Volume(np.zeros(shape), None)


def test_a_known_place_cannot_be_called_unknown() -> None:
    with pytest.raises(GeometryError, match="cannot have frame 'unknown'"):
        Volume(np.zeros((1, 2, 2)), np.eye(4), frame="unknown")


def test_the_affine_is_a_copy_that_nobody_can_change() -> None:
    mine = np.eye(4)
    volume = Volume(np.zeros((1, 2, 2)), mine)
    mine[0, 0] = 7
    assert volume.spacing_mm == (1.0, 1.0)
    with pytest.raises(ValueError, match="read-only"):
        volume.affine[0, 0] = 2


def test_other_voxels_of_the_same_place_must_have_the_same_size() -> None:
    volume = Volume.from_spacing(np.zeros((1, 2, 3, 4)), (1, 2, 3), units="HU")
    mask = volume.with_voxels(np.zeros((5, 2, 3, 4), bool), units="mask")
    assert (mask.channels, mask.units, mask.spacing_mm) == (5, "mask", (1.0, 2.0, 3.0))
    assert volume.with_voxels(volume.voxels).units == "HU"
    with pytest.raises(GeometryError, match=r"spatial size \(2, 3, 4\), got \(4, 3, 2\)"):
        volume.with_voxels(np.zeros((1, 4, 3, 2)))
