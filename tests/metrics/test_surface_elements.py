"""The area of the surface in a cell of neighbouring voxels."""

import itertools
import math

import numpy as np
import pytest

from radcnn.metrics.surface_elements import element_sizes


def _code(corners):
    return int("".join(str(int(corner)) for corner in np.asarray(corners).reshape(-1)), 2)


def test_a_cell_without_a_border_has_none():
    for spacing in (np.array([2.0, 3.0]), np.array([2.0, 3.0, 5.0])):
        sizes = element_sizes(spacing)
        assert np.flatnonzero(sizes == 0).tolist() == [0, sizes.size - 1]


def test_flat_faces_corners_and_edges_have_the_areas_of_school_geometry():
    sizes = element_sizes(np.array([2.0, 3.0, 5.0]))
    corners = np.zeros((2, 2, 2), int)
    corners[0] = 1
    assert sizes[_code(corners)] == pytest.approx(15)
    assert sizes[_code(corners.T)] == pytest.approx(6)
    corners[0, 1] = 0  # an edge along the last axis
    assert sizes[_code(corners)] == pytest.approx(5 * math.hypot(1, 1.5))
    corners[0, 0, 1] = 0  # one corner: the area of a triangle over half of each side
    assert sizes[_code(corners)] == pytest.approx(math.sqrt(1.5**2 + 2.5**2 + 3.75**2) / 2)


@pytest.mark.parametrize("rank", [2, 3])
def test_turned_and_mirrored_cells_and_inside_out_have_the_same_size(rank):
    spacing = np.random.default_rng(rank).uniform(0.5, 3, rank)
    sizes = element_sizes(spacing)
    for code in range(sizes.size):
        corners = np.array([code >> bit & 1 for bit in reversed(range(2**rank))]).reshape((2,) * rank)
        assert sizes[_code(1 - corners)] == pytest.approx(sizes[code])
        for axis in range(rank):
            assert sizes[_code(np.flip(corners, axis))] == pytest.approx(sizes[code])
        for order in itertools.permutations(range(rank)):
            turned = element_sizes(spacing[list(order)])
            assert turned[_code(corners.transpose(order))] == pytest.approx(sizes[code])


def test_the_elements_of_a_box_add_up_to_its_surface_less_its_edges():
    mask = np.pad(np.ones((6, 7, 8), bool), 1)
    spacing = np.array([2.0, 3.0, 5.0])
    windows = np.lib.stride_tricks.sliding_window_view(mask, (2, 2, 2)).reshape(-1, 8)
    total = element_sizes(spacing)[windows @ (1 << np.arange(7, -1, -1))].sum()
    a, b, c = spacing
    sides = 2 * (5 * 6 * a * b + 5 * 7 * a * c + 6 * 7 * b * c)
    edges = 4 * (5 * a * math.hypot(b, c) + 6 * b * math.hypot(a, c) + 7 * c * math.hypot(a, b)) / 2
    corners = 8 * math.sqrt((a * b) ** 2 + (a * c) ** 2 + (b * c) ** 2) / 8
    assert total == pytest.approx(sides + edges + corners)
