"""Slabs of a range, shared among threads."""

import os
import threading
import time

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


def test_nothing_works_on_when_one_slab_has_failed():
    caller, working = threading.current_thread(), []

    def work(first, end):
        if threading.current_thread() is caller:
            time.sleep(0.05)
            raise ValueError("no")
        working.append(first)
        time.sleep(0.1)
        working.remove(first)

    with pytest.raises(ValueError, match="no"):
        over_slabs(work, 4, 2)
    assert not working


def test_slabs_within_slabs_do_not_wait_for_each_other():
    seen = np.zeros((8, 8), int)

    def work(first, end):
        for row in range(first, end):
            over_slabs(lambda start, stop, row=row: seen[row, start:stop].__iadd__(1), 8, 2)

    over_slabs(work, 8, 2)
    assert (seen == 1).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_helpers_of_its_own():
    over_slabs(lambda first, end: time.sleep(0.01), 8, 2)
    child = os.fork()
    if child == 0:
        used = set()
        try:
            over_slabs(lambda first, end: (used.add(threading.get_ident()), time.sleep(0.02)), 8, 2)
        finally:
            os._exit(0 if len(used) == 2 or len(os.sched_getaffinity(0)) == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
