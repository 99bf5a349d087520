"""Batches of prepared cases: shuffled, augmented, made ahead of time by threads, the same for any number of them."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.core.chance import generator, torch_generator
from radcnn.core.files import sha256_of_json
from radcnn.data.prepared.cases import Images, PreparedCases
from radcnn.transforms.pipeline import Pipeline

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Cases:
    """Prepared cases: images (N, C, *size) float32 and targets (N, T) float64 with NaN for "not labelled"."""

    images: Images
    targets: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def digest(self) -> str:
        """A hash of every voxel and target, from one of each image: a store knows these, an array is hashed once."""
        known = self.images.digests if isinstance(self.images, PreparedCases) else _digests(self.images)
        return sha256_of_json([list(self.images.shape), _sha256(known), _sha256(self.targets)])

    def batch(self, rows: NDArray[np.intp]) -> tuple[Tensor, Tensor]:
        """The cases in these rows, as tensors."""
        images = torch.from_numpy(np.ascontiguousarray(self.images[rows]))
        return images, torch.from_numpy(self.targets[rows].astype(np.float32))


def _digests(images: Images) -> NDArray[np.uint8]:
    """SHA-256 of each image's values, (N, 32) bytes."""
    with ThreadPoolExecutor(thread_name_prefix="hash") as pool:
        found = pool.map(lambda row: hashlib.sha256(images[row].tobytes()).digest(), range(len(images)), chunksize=1)
        return np.frombuffer(b"".join(found), np.uint8).reshape(len(images), 32)


def _sha256(values: NDArray[Any]) -> str:
    return hashlib.sha256(values.tobytes()).hexdigest()


def shuffled(n: int, batch: int, *, seed: int, path: tuple[str | int, ...]) -> list[NDArray[np.intp]]:
    """Rows 0..n-1 in a random order, in `steps_of(n, batch)` parts whose sizes differ by at most one."""
    order = generator(seed, "order", *path).permutation(n)
    return np.array_split(order, steps_of(n, batch))


def steps_of(n: int, batch: int) -> int:
    """Batches of n cases: ceil(n / batch), or one fewer where a batch of one case would be left over.

    Batch normalisation has no variance of one case, so pairs of an odd number of cases begin with a batch of three.

    >>> steps_of(8, 2), steps_of(9, 2), steps_of(9, 1)
    (4, 4, 9)
    """
    steps = max(1, -(-n // batch))
    return steps if batch == 1 else max(1, min(steps, n // 2))


def training_batches(
    cases: Cases,
    rows: NDArray[np.intp],
    pipeline: Pipeline,
    *,
    batch: int,
    seed: int,
    path: tuple[str | int, ...],
    workers: int,
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch of augmented batches. Each batch has its own stream of chance, so `workers` changes no number."""
    parts = shuffled(len(rows), batch, seed=seed, path=path)

    def make(index: int) -> tuple[Tensor, Tensor]:
        images, targets = cases.batch(rows[parts[index]])
        stream = torch_generator(seed, "augment", *path, index)
        return pipeline.apply(images, pipeline.sample(stream, images.shape)), targets

    return ahead(make, len(parts), workers)


def ahead(make: Callable[[int], Made], count: int, workers: int) -> Iterator[Made]:
    """make(0), make(1), ... in order; with workers > 0 the next ones are made by threads meanwhile.

    An exception of `make` is raised where its item is due.
    """
    if workers <= 0:
        yield from map(make, range(count))
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="batches") as pool:
        waiting: deque[Future[Made]] = deque(pool.submit(make, i) for i in range(min(count, workers + 1)))
        for upcoming in range(len(waiting), count + len(waiting)):
            item = waiting.popleft().result()
            if upcoming < count:
                waiting.append(pool.submit(make, upcoming))
            yield item
