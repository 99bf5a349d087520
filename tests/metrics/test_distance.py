"""The Euclidean distance transform."""

import numpy as np
import pytest
from scipy import ndimage

from radcnn.core.errors import GeometryError, InputError
from radcnn.metrics.distance import distance_transform


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rank", [2, 3])
def test_distances_are_those_of_scipy(seed, rank):
    chance = np.random.default_rng(seed)
    for inside in (0.3, 0.9, 0.99, 0.999):
        mask, spacing = chance.random(tuple(chance.integers(1, 40, rank))) < inside, chance.uniform(0.3, 4, rank)
        mask[(0,) * rank] = False
        found = distance_transform(mask, spacing)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, ndimage.distance_transform_edt(mask, sampling=spacing), rtol=1e-6)


def test_distances_do_not_depend_on_the_number_of_threads():
    mask = np.random.default_rng(0).random((9, 20, 35)) < 0.99
    one, two, five = (distance_transform(mask, (2.5, 0.7, 0.7), threads=threads) for threads in (1, 2, 5))
    assert np.array_equal(one, two)
    assert np.array_equal(one, five)


def test_whole_steps_are_exact():
    mask = np.ones((3, 4, 300), np.uint8)
    mask[1, 2, 0] = 0
    assert np.array_equal(distance_transform(mask, (1, 1, 2))[1, 2], 2 * np.arange(300))


def test_an_empty_mask_is_zero_and_a_full_one_infinitely_deep():
    assert not distance_transform(np.zeros((3, 4, 5), bool), (1, 1, 1)).any()
    assert np.isinf(distance_transform(np.ones((3, 4, 5), bool), (1, 1, 1))).all()
    assert distance_transform(np.ones((0, 4), bool), (1, 1)).shape == (0, 4)
    assert distance_transform(np.ones((4, 0, 3), bool), (1, 1, 1)).shape == (4, 0, 3)


def test_a_view_of_other_strides_is_measured_alike():
    mask = np.random.default_rng(1).random((6, 8, 10)) < 0.8
    assert np.array_equal(distance_transform(mask.T, (1, 2, 3)).T, distance_transform(mask.T.copy(), (1, 2, 3)).T)


def test_what_is_no_mask_is_refused():
    with pytest.raises(GeometryError, match="slices, rows, columns"):
        distance_transform(np.ones(3, bool), (1,))
    with pytest.raises(GeometryError, match="3 positive numbers"):
        distance_transform(np.ones((3, 3, 3), bool), (1, 1))
    with pytest.raises(InputError, match="0 and 1 only"):
        distance_transform(np.full((3, 3), np.nan), (1, 1))
