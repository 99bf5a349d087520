"""Batches: every case once an epoch, even parts, and the same numbers for any number of workers."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from radcnn.core.errors import ReadError
from radcnn.learning.batches import Cases, ahead, shuffled, steps_of, training_batches
from radcnn.transforms.pipeline import Pipeline
from written_lessons import MOTION, planted

WORKERS = (0, 1, 2, 4)


@given(st.integers(1, 200), st.integers(1, 40), st.integers(0, 3))
def test_every_case_comes_once_in_parts_that_differ_by_one_at_most(n: int, batch: int, epoch: int) -> None:
    parts = shuffled(n, batch, seed=0, path=("epoch", epoch))
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == steps_of(n, batch)
    if batch == 1 or n == 1 or (batch, n % 2) == (2, 1):
        return
    assert max(sizes) <= batch
    assert len(parts) == -(-n // batch)


@given(st.integers(2, 200), st.integers(2, 40))
def test_no_batch_is_of_one_case_unless_that_was_asked_for(n: int, batch: int) -> None:
    sizes = [len(part) for part in shuffled(n, batch, seed=0, path=())]
    assert min(sizes) >= 2
    assert max(sizes) <= max(3, batch)
    assert {len(part) for part in shuffled(n, 1, seed=0, path=())} == {1}


def test_each_epoch_and_seed_has_an_order_of_its_own() -> None:
    orders = [
        np.concatenate(shuffled(40, 8, seed=seed, path=("network", k, "epoch", epoch))).tolist()
        for seed in (0, 1) for k in (0, 1) for epoch in (0, 1)
    ]  # fmt: skip
    assert len({tuple(order) for order in orders}) == 8
    again = np.concatenate(shuffled(40, 8, seed=1, path=("network", 1, "epoch", 1))).tolist()
    assert again == orders[-1]


def test_cases_are_known_by_every_voxel_and_target() -> None:
    known = planted(20)
    assert Cases(known.images.copy(), known.targets.copy()).digest == known.digest
    assert Cases(np.asfortranarray(known.images), known.targets).digest == known.digest
    others = [Cases(known.images[::-1], known.targets), Cases(known.images, 1 - known.targets)]
    for row in (0, 7, 19):
        images = known.images.copy()
        images[row, 0, 4, 4] = np.nextafter(images[row, 0, 4, 4], np.float32(9))
        others.append(Cases(images, known.targets))
    others.append(Cases(known.images.reshape(20, 1, 4, 16), known.targets))
    assert len({known.digest, *(other.digest for other in others)}) == 1 + len(others)


def one_epoch(workers: int, seed: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    rows = np.arange(1, 32, dtype=np.intp)
    pipeline = Pipeline(MOTION)
    return list(
        training_batches(planted(), rows, pipeline, batch=8, seed=seed, path=("epoch", 0), workers=workers)
    )  # fmt: skip


@pytest.mark.parametrize("workers", WORKERS[1:])
def test_workers_change_no_number(workers: int) -> None:
    for (ours, truth), (theirs, labels) in zip(one_epoch(workers), one_epoch(0), strict=True):
        assert torch.equal(ours, theirs)
        assert torch.equal(truth, labels)


def test_batches_hold_the_rows_they_were_given_and_their_targets() -> None:
    cases = planted()
    drawn = list(
        training_batches(
            cases, np.array([3, 4]), Pipeline(type(MOTION)()), batch=8, seed=0, path=("epoch", 0), workers=0
        )
    )
    ((images, targets),) = drawn
    order = [3, 4] if targets[0, 0] == 1 else [4, 3]
    assert torch.equal(images, torch.from_numpy(cases.images[order]))
    assert targets.dtype == images.dtype == torch.float32


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("count", [0, 1, 3, 20])
def test_items_come_in_order_and_all_of_them(workers: int, count: int) -> None:
    assert list(ahead(lambda i: i * i, count, workers)) == [i * i for i in range(count)]


@pytest.mark.parametrize("workers", WORKERS)
def test_an_error_of_a_worker_comes_where_its_item_is_due_with_its_cause(workers: int) -> None:
    def make(index: int) -> int:
        if index == 3:
            try:
                raise ValueError("the disk is gone")
            except ValueError as cause:
                raise ReadError("case 3 cannot be read") from cause
        return index

    seen: list[int] = []

    def consume() -> None:
        for item in ahead(make, 10, workers):
            seen.append(item)  # noqa: PERF402 - what came before the error is kept

    with pytest.raises(ReadError, match="case 3 cannot be read") as caught:
        consume()
    assert seen == [0, 1, 2]
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("workers", WORKERS)
def test_nothing_is_made_long_before_it_is_asked_for(workers: int) -> None:
    made: list[int] = []
    coming = ahead(lambda i: made.append(i) or i, 100, workers)
    assert next(coming) == 0
    coming.close()
    assert len(made) <= workers + 2


def test_leaving_early_leaves_no_thread_behind() -> None:
    coming = ahead(lambda i: i, 100, 2)
    next(coming)
    coming.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]
