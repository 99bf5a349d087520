"""The search for images that may be the same: every pair of prints is compared, in blocks that fit into the cache.

The likeness of B to the crops of A in all eight forms costs two small matrix products per pair and a few additions,
because mirroring only changes the sign of the waves that are odd along an axis.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from radcnn.data.leaks.prints import COEFFICIENTS, COMPONENTS, CROPS, LENGTH, PARITY, TRANSPOSED, Floats, Prints, turned

ROWS, COLUMNS = 32, 512  # of a block: its arrays stay within 1 MiB


@dataclass(frozen=True, eq=False)
class Candidates:
    """Pairs that may show the same image.

    whole, part  (m,) indices: the part is alike to a crop of the whole (or to the whole itself)
    form         (m,) how the part is mirrored and turned (index into FORMS)
    likeness     (m,) the length of its print within the span of the whole's crops; 1 at most
    """

    whole: NDArray[np.intp]
    part: NDArray[np.intp]
    form: NDArray[np.intp]
    likeness: Floats

    def __len__(self) -> int:
        return self.whole.size


def search(
    prints: Prints,
    *,
    threshold: float,
    workers: int,
    wholes: NDArray[np.intp] | None = None,
    parts: NDArray[np.intp] | None = None,
) -> Candidates:
    """Pairs of different thumbnails at least as alike as `threshold`, in the better of the eight forms.

    wholes, parts  indices of the thumbnails on either side; all where not given
    """
    left = np.arange(len(prints.thumbnails)) if wholes is None else wholes
    right = np.arange(len(prints.thumbnails)) if parts is None else parts
    given = prints.whole[right]
    order = np.argsort(PARITY, kind="stable")  # waves of one parity side by side
    sides = [np.ascontiguousarray(side[:, order].T) for side in (given, given[:, TRANSPOSED])]
    blocks = [left[k : k + ROWS] for k in range(0, left.size, ROWS)]

    def one(block: NDArray[np.intp]) -> list[tuple[NDArray, ...]]:
        spans = prints.spans(block)[..., order].reshape(-1, LENGTH)
        return [_found(spans, sides, block, right, at, threshold) for at in range(0, right.size, COLUMNS)]

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(max(1, workers), thread_name_prefix="search") as pool:
        found = [hit for hits in pool.map(one, blocks) for hit in hits]
    if not found:
        none = np.empty(0, np.intp)
        return Candidates(none, none, none, np.empty(0, np.float32))
    whole, part, form, likeness = (np.concatenate(column) for column in zip(*found, strict=True))
    return Candidates(whole, part, form, likeness)


ENDS = np.append(0, np.cumsum(np.bincount(PARITY, minlength=4)))


def _found(
    spans: Floats, sides: list[Floats], block: NDArray[np.intp], right: NDArray[np.intp], at: int, threshold: float
) -> tuple[NDArray, ...]:
    """Whole, part, form and likeness of the pairs of one block that reach the threshold."""
    best, form = _best(spans, [side[:, at : at + COLUMNS] for side in sides])
    row, column = np.nonzero(best >= threshold**2)
    whole, part = block[row], right[at + column]
    other = whole != part
    row, column = row[other], column[other]
    return whole[other], part[other], form[row, column], np.sqrt(best[row, column])


def _best(spans: Floats, sides: list[Floats]) -> tuple[Floats, NDArray[np.intp]]:
    """The largest squared likeness (rows, columns) over the eight forms, and which form it is."""
    shape = (spans.shape[0] // COMPONENTS, COMPONENTS, sides[0].shape[1])
    best = np.zeros((shape[0], shape[2]), np.float32)
    form = np.zeros(best.shape, np.intp)
    for number, squared in enumerate(_forms(spans, sides, shape)):
        better = squared > best
        form[better] = number
        np.maximum(best, squared, out=best)
    return best, form


def _forms(spans: Floats, sides: list[Floats], shape: tuple[int, int, int]) -> Iterator[Floats]:
    """Squared likeness in the order of FORMS."""
    for side in sides:
        ee, eo, oe, oo = (spans[:, a:b] @ side[a:b] for a, b in pairwise(ENDS))
        same, crossed = ee + oo, eo + oe
        other, apart = ee - oo, oe - eo
        for total in (same + crossed, other + apart, other - apart, same - crossed):
            total = total.reshape(shape)
            yield np.einsum("rpc,rpc->rc", total, total)


@dataclass(frozen=True, eq=False)
class Placed:
    """The crop that explains a candidate best.

    likeness  (m,) of the part to that crop of the whole
    ends      (m, 4) shares of the whole left off: top, bottom, left, right
    """

    likeness: Floats
    ends: Floats


_UPPER = np.triu_indices(COMPONENTS)
_TWICE = np.where(_UPPER[0] == _UPPER[1], 1, 2).astype(np.float32)
PRODUCTS: Floats = COEFFICIENTS[:, _UPPER[0]] * COEFFICIENTS[:, _UPPER[1]] * _TWICE
TOGETHER = 512  # candidates whose crops are tried at once


def placed(prints: Prints, found: Candidates, *, workers: int) -> Placed:
    """The best of 2,401 crops for every candidate, in 2 % steps."""
    likeness, ends = np.zeros(len(found), np.float32), np.zeros((len(found), 4), np.float32)
    order = np.argsort(found.whole, kind="stable")  # the crops of one whole are made once

    def one(rows: NDArray[np.intp]) -> None:
        wholes, place = np.unique(found.whole[rows], return_inverse=True)
        best, cosine = _best_crops(prints.crops(wholes), place, _parts(prints, found, rows))
        count = len(CROPS.ends)
        likeness[rows] = cosine
        ends[rows] = np.concatenate([CROPS.ends[best // count], CROPS.ends[best % count]], axis=1)

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(max(1, workers), thread_name_prefix="crops") as pool:
        for _ in pool.map(one, [order[k : k + TOGETHER] for k in range(0, order.size, TOGETHER)]):
            pass
    return Placed(likeness, ends)


def _parts(prints: Prints, found: Candidates, rows: NDArray[np.intp]) -> Floats:
    """The prints (m, LENGTH) of the parts, turned into the form in which they are alike."""
    given, forms = prints.whole[found.part[rows]], found.form[rows]
    made = np.empty_like(given)
    for form in np.unique(forms):
        made[forms == form] = turned(given[forms == form], int(form))
    return made


def _best_crops(crops: Floats, place: NDArray[np.intp], parts: Floats) -> tuple[NDArray[np.intp], Floats]:
    """The crop with the largest cosine, and that cosine, of parts (m, LENGTH) in crops[place]."""
    along = np.einsum("mkd,md->mk", crops[place], parts, optimize=True) @ COEFFICIENTS.T
    gram = (crops @ crops.transpose(0, 2, 1))[:, _UPPER[0], _UPPER[1]]
    length = gram @ PRODUCTS.T  # (wholes, crops) squared
    cosine = along * (1 / np.sqrt(np.maximum(length, 1e-12)))[place]
    np.abs(cosine, out=cosine)
    best = np.argmax(cosine, axis=1)
    return best, cosine[np.arange(best.size), best]
