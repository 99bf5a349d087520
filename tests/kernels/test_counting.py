"""Voxels of each label, draws of each patient."""

import numpy as np
import pytest

from radcnn.kernels.counting import draws_of_each, label_sizes


@pytest.mark.parametrize("seed", range(3))
def test_sizes_are_those_of_bincount(seed):
    chance = np.random.default_rng(seed)
    labels = np.repeat(chance.integers(0, 5, 60), chance.integers(0, 9, 60)).astype(np.int32)
    assert label_sizes(labels, 6).tolist() == np.bincount(labels, minlength=7)[1:].tolist()


@pytest.mark.parametrize("threads", [1, 2, 3, None])
@pytest.mark.parametrize("kind", ["runs", "noise", "one label", "short"])
def test_many_voxels_are_counted_by_any_number_of_threads(kind, threads):
    chance = np.random.default_rng(3)
    labels = {
        "runs": np.repeat(chance.integers(0, 9, 9000), chance.integers(0, 200, 9000)),
        "noise": chance.integers(0, 3, 900_001) * chance.integers(0, 30_000, 900_001),
        "one label": np.ones(600_000),
        "short": chance.integers(0, 4, 37),
    }[kind].astype(np.int32)
    count = int(labels.max())
    assert np.array_equal(label_sizes(labels, count, threads=threads), np.bincount(labels, minlength=count + 1)[1:])


def test_no_voxels_count_nothing():
    assert label_sizes(np.zeros(0, np.int32), 2).tolist() == [0, 0]


@pytest.mark.parametrize("kind", [np.uint16, np.int32])
def test_draws_are_counted_row_by_row(kind):
    drawn = np.random.default_rng(0).integers(0, 40, (7, 90)).astype(kind)
    counts = np.full((7, 40), np.nan)
    draws_of_each(drawn, counts)
    assert counts.tolist() == [np.bincount(row, minlength=40).tolist() for row in drawn]
