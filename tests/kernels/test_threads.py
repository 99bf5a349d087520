"""Slabs of a range, shared among threads."""

import numpy as np
import pytest

from radcnn.kernels.threads import over_slabs


@pytest.mark.parametrize("threads", [1, 2, 7, None])
@pytest.mark.parametrize("length", [0, 1, 2, 5, 100])
def test_slabs_cover_the_range_once(threads, length):
    seen = np.zeros(length, int)

    def work(first, end):
        seen[first:end] += 1

    over_slabs(work, length, threads)
    assert (seen == 1).all()


def test_what_goes_wrong_in_a_slab_is_raised():
    def work(first, end):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        over_slabs(work, 10, 2)
