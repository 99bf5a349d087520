"""Connected components."""

import numpy as np
import pytest
from scipy import ndimage

from radcnn.core.errors import SettingsError
from radcnn.metrics.components import CONNECTIVITIES, box_of, components

SHARED = {4: 1, 8: 2, 6: 1, 18: 2, 26: 3}  # scipy's name for each connectivity


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("rank", [2, 3])
def test_components_are_those_of_scipy(seed, rank):
    chance = np.random.default_rng(seed)
    for inside in (0.1, 0.3, 0.6):
        mask = chance.random(tuple(chance.integers(1, 20, rank))) < inside
        for connectivity in CONNECTIVITIES[rank]:
            found = components(mask, connectivity=connectivity)
            wanted, count = ndimage.label(mask, ndimage.generate_binary_structure(rank, SHARED[connectivity]))
            pairs = np.unique(np.stack([found.labels, wanted]).reshape(2, -1), axis=1)
            assert np.array_equal(found.labels > 0, mask)
            assert (pairs > 0).all(axis=0).sum() == count == found.sizes.size  # each one lies in one of scipy's
            assert found.sizes.tolist() == np.bincount(found.labels.reshape(-1), minlength=count + 1)[1:].tolist()


@pytest.mark.parametrize("size", [(9, 12), (6, 9, 12)])
def test_the_box_about_a_mask_is_the_smallest_and_components_are_numbered_as_without_it(size):
    chance = np.random.default_rng(0)
    for _ in range(20):
        mask = np.zeros(size, bool)
        inner = tuple(slice(*sorted(chance.choice(n + 1, 2, replace=False))) for n in size)
        mask[inner] = chance.random(mask[inner].shape) < 0.4
        box = box_of(mask)
        assert mask[box].sum() == mask.sum()
        assert all(face.any() for axis in range(mask.ndim) for face in np.moveaxis(mask[box], axis, 0)[[0, -1]]) or (
            not mask.any() and mask[box].size == 0
        )
        found = components(mask)
        firsts = [np.flatnonzero(found.labels.reshape(-1) == k + 1)[0] for k in range(len(found.sizes))]
        assert firsts == sorted(firsts)


def test_the_widest_connectivity_is_the_usual_one():
    assert components(np.eye(5)[None].repeat(2, axis=0)).sizes.tolist() == [10]
    assert components(np.eye(5)).sizes.tolist() == [5]


@pytest.mark.parametrize("shape", [(3, 3), (0, 3), (2, 2, 2), (0, 2, 2)])
def test_an_empty_mask_has_none(shape):
    found = components(np.zeros(shape, bool))
    assert found.labels.shape == shape
    assert found.sizes.size == 0


def test_a_voxel_at_an_odd_edge_stays_alone():
    mask = np.array([[0], [0], [1]], bool)
    assert np.array_equal(components(mask).labels, mask)


def test_another_connectivity_is_refused():
    with pytest.raises(SettingsError, match="6, 18, 26; got 8"):
        components(np.zeros((3, 3, 3), bool), connectivity=8)
