"""Errors of many cells: by hand, by every pair of pixels, and on changes of topology that cost one pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radcnn.core.errors import GeometryError, InputError
from radcnn.kernels.simple_points import simple_codes
from radcnn.metrics.components import components
from radcnn.metrics.membranes import information_scores, pixel_error, rand_scores, warping_error


def squares() -> np.ndarray:
    """Four cells of 5 x 5 pixels, parted by a membrane one pixel wide."""
    cells = np.ones((13, 13), bool)
    cells[[0, 6, 12]] = cells[:, [0, 6, 12]] = False
    return cells


def test_a_cell_that_is_right_has_no_error_at_all() -> None:
    cells = squares()
    assert pixel_error(cells, cells) == warping_error(cells, cells) == 0
    assert rand_scores(cells, cells).f == 1
    assert math.isclose(information_scores(cells, cells).f, 1)


def by_pairs(cells: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """Shares over all ordered pairs of the reference's cell pixels, a pixel with itself too."""
    ours, theirs = (components(mask, connectivity=4).labels for mask in (cells, predicted))
    a, b = ours[cells], theirs[cells].astype(int)
    b[b == 0] = -1 - np.arange((b == 0).sum())  # each a cell of its own
    same_a, same_b = a[:, None] == a, b[:, None] == b
    both = (same_a & same_b).sum()
    return both / same_a.sum(), both / same_b.sum()


@pytest.mark.parametrize("seed", range(4))
def test_rand_scores_are_those_of_every_pair_of_pixels(seed: int) -> None:
    chance = np.random.default_rng(seed)
    cells, predicted = squares(), squares()
    predicted ^= chance.random(predicted.shape) < 0.1
    found = rand_scores(cells, predicted)
    assert np.allclose((found.split, found.joined), by_pairs(cells, predicted))


def test_a_hole_of_one_pixel_joins_two_cells_and_a_line_parts_one() -> None:
    cells, joined, parted = squares(), squares(), squares()
    joined[6, 3] = True
    parted[1:6, 3] = False
    assert pixel_error(cells, joined) == 1 / 169
    for scores in (rand_scores, information_scores):
        assert scores(cells, joined).split == pytest.approx(1)
        assert scores(cells, joined).joined < 0.8
        assert scores(cells, parted).joined == pytest.approx(1)
        assert scores(cells, parted).split < 0.95


def test_warping_forgives_where_a_border_lies_and_nothing_else() -> None:
    cells = squares()
    moved = cells.copy()
    moved[5, 1:6], moved[6, 1:6] = False, True  # the membrane between two cells lies a pixel higher
    moved[6, 0] = moved[6, 6] = False
    assert pixel_error(cells, moved) == 10 / 169
    assert warping_error(cells, moved) == 0
    hole, island = cells.copy(), cells.copy()
    hole[3, 3], island[6, 3] = False, True
    assert warping_error(cells, hole) == warping_error(cells, island) == 1 / 169


def test_how_far_a_border_may_be_bent_can_be_bounded() -> None:
    cells, shrunk = squares(), squares()
    shrunk[1:6, 1:4] = False
    assert warping_error(cells, shrunk) == 0
    assert warping_error(cells, shrunk, within=1.0) > 0


def test_simple_pixels_keep_the_pieces_of_both_sides() -> None:
    codes = simple_codes()
    around = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    from scipy import ndimage

    def pieces(image: np.ndarray) -> tuple[int, int]:
        return ndimage.label(image)[1], ndimage.label(~np.pad(image, 1), np.ones((3, 3)))[1]

    for code in range(256):
        image = np.zeros((3, 3), bool)
        for bit, place in enumerate(around):
            image[place] = code >> bit & 1
        without = pieces(image)
        image[1, 1] = True
        if codes[code]:
            assert pieces(image) == without
        # Yokoi et al. 1975: a pixel is simple where the number of its four-connected neighbours' pieces is one
        x = [code >> bit & 1 for bit in range(8)] * 2
        assert codes[code] == (sum(x[k] - x[k] * x[k + 1] * x[k + 2] for k in (1, 3, 5, 7)) == 1)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(GeometryError, match="planes of one size"):
        pixel_error(squares(), np.ones((3, 3), bool))
    with pytest.raises(InputError, match="no cells"):
        rand_scores(np.zeros((4, 4), bool), np.ones((4, 4), bool))
