"""Voxels of each label."""

import numpy as np
import pytest

from radcnn.kernels.counting import label_sizes


@pytest.mark.parametrize("seed", range(3))
def test_sizes_are_those_of_bincount(seed):
    chance = np.random.default_rng(seed)
    labels = np.repeat(chance.integers(0, 5, 60), chance.integers(0, 9, 60)).astype(np.int32)
    assert label_sizes(labels, 6).tolist() == np.bincount(labels, minlength=7)[1:].tolist()


def test_no_voxels_count_nothing():
    assert label_sizes(np.zeros(0, np.int32), 2).tolist() == [0, 0]
