"""Distances between the surfaces of two masks."""

import math

import numpy as np
import pytest
from scipy import ndimage

import reference_surfaces
from radcnn.core.errors import GeometryError, InputError, SettingsError
from radcnn.metrics import surfaces
from radcnn.metrics.surface_elements import element_sizes
from radcnn.metrics.surfaces import surface_distances


def _pair(chance, rank):
    shape = tuple(chance.integers(1, 20, rank))
    if chance.random() < 0.5:
        return [ndimage.gaussian_filter(chance.normal(size=shape), 1.5) > chance.uniform(-0.1, 0.1) for _ in range(2)]
    return [chance.random(shape) < chance.choice([0.02, 0.1, 0.5, 0.97]) for _ in range(2)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("sparse", [0, surfaces.SPARSE, math.inf])
def test_distances_and_sizes_are_those_of_the_definition(monkeypatch, seed, rank, sparse):
    monkeypatch.setattr(surfaces, "SPARSE", sparse)
    chance = np.random.default_rng(seed)
    for _ in range(10):
        (first, second), spacing = _pair(chance, rank), chance.uniform(0.3, 4, rank)
        found = surface_distances(first, second, spacing)
        wanted = reference_surfaces.surface_distances(first, second, spacing, element_sizes(spacing))
        for got, want in zip(
            (found.first_mm, found.second_mm, found.first_sizes, found.second_sizes), wanted, strict=True
        ):
            np.testing.assert_allclose(got, want, rtol=1e-12)
        if first.any() and second.any():
            share, tolerance_mm = chance.choice([0.371, 0.95, 1]), chance.uniform(0, 5)
            np.testing.assert_allclose(
                (found.hausdorff(percentile=100 * share), found.mean(), found.dice(tolerance_mm=tolerance_mm)),
                reference_surfaces.figures(*wanted, share=share, tolerance_mm=tolerance_mm),
                rtol=1e-9,
                atol=1e-12,
            )


def test_figures_do_not_depend_on_the_number_of_threads_or_the_order_of_the_masks():
    first, second = _pair(np.random.default_rng(3), 3)
    one, three = (surface_distances(first, second, (3, 1, 1), threads=threads) for threads in (1, 3))
    turned = surface_distances(second, first, (3, 1, 1))
    assert np.array_equal(one.first_mm, three.first_mm)
    assert np.array_equal(one.first_mm, turned.second_mm)
    assert one.hausdorff(percentile=95) == turned.hausdorff(percentile=95)
    assert one.directed_means() == turned.directed_means()[::-1]


def test_figures_scale_with_the_spacing():
    first, second = _pair(np.random.default_rng(4), 3)
    near, far = (surface_distances(first, second, np.array([2, 0.5, 1]) * scale) for scale in (1, 10))
    assert far.hausdorff() == pytest.approx(10 * near.hausdorff())
    assert far.mean() == pytest.approx(10 * near.mean())
    assert far.dice(tolerance_mm=10) == pytest.approx(near.dice(tolerance_mm=1))


@pytest.mark.parametrize("shape", [(1, 1), (4, 5), (1, 1, 1), (3, 4, 5)])
def test_a_mask_and_itself_are_nowhere_apart(shape):
    mask = np.ones(shape, bool)  # to the edge of the image: the surface is closed there
    found = surface_distances(mask, mask, np.ones(len(shape)))
    assert (found.hausdorff(), found.mean(), found.dice(tolerance_mm=0)) == (0, 0, 1)


def test_a_missed_structure_is_infinitely_far():
    mask, empty = np.ones((3, 3, 3), bool), np.zeros((3, 3, 3), bool)
    for pair in ((mask, empty), (empty, mask)):
        found = surface_distances(*pair, (1, 1, 1))
        assert not found.undefined
        assert (found.hausdorff(percentile=95), found.mean(), found.dice(tolerance_mm=5)) == (math.inf, math.inf, 0)
    assert math.isnan(found.directed_means()[0])
    assert found.directed_means()[1] == math.inf


@pytest.mark.parametrize("shape", [(3, 3), (2, 2, 2), (0, 4, 4)])
def test_two_empty_masks_have_no_figures(shape):
    empty = np.zeros(shape, bool)
    found = surface_distances(empty, empty, np.ones(len(shape)))
    assert found.undefined == "both masks are empty"
    assert all(math.isnan(figure) for figure in (found.hausdorff(), found.mean(), found.dice(tolerance_mm=1)))


def test_a_distance_that_equals_the_tolerance_is_within_it():
    first, second = np.zeros((2, 12), bool)
    first[2], second[5] = True, True
    found = surface_distances(first[None], second[None], (1, 0.1))  # 3 x 0.1 is a digit more than 0.3
    assert found.dice(tolerance_mm=0.3) == 1
    assert found.dice(tolerance_mm=0.29) < 1


def test_a_shifted_block_is_apart_by_the_shift():
    first, second = np.zeros((2, 12, 12, 12), bool)
    first[2:8, 2:8, 2:8], second[2:8, 2:8, 4:10] = True, True
    found = surface_distances(first, second, (1, 1, 0.7))
    assert found.hausdorff() == pytest.approx(1.4)
    assert 0 < found.mean() < 1.4


def test_what_cannot_be_measured_is_refused():
    mask = np.ones((3, 3), bool)
    with pytest.raises(GeometryError, match="one size"):
        surface_distances(mask, np.ones((3, 4), bool), (1, 1))
    with pytest.raises(GeometryError, match="2 positive numbers"):
        surface_distances(mask, mask, (1, 0))
    with pytest.raises(GeometryError, match="slices, rows, columns"):
        surface_distances(mask[0], mask[0], (1,))
    with pytest.raises(InputError, match="0 and 1 only"):
        surface_distances(mask, 2 * mask.astype(int), (1, 1))
    found = surface_distances(mask, mask, (1, 1))
    with pytest.raises(SettingsError, match="percentile"):
        found.hausdorff(percentile=0)
    with pytest.raises(SettingsError, match="tolerance_mm"):
        found.dice(tolerance_mm=-1)
