"""The groups of a subgroup column: its words, or quarters of its numbers; cases where it is missing stand apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radcnn.core.cells import as_number, is_missing

NOT_STATED = "not stated"
MOST_NUMBERS = 8  # distinct numbers up to which each is a group; a grade is, an age is not
QUARTERS = (0.25, 0.5, 0.75)


def groups(words: Sequence[str]) -> tuple[tuple[str, NDArray[np.bool_]], ...]:
    """Names of the groups of a column's words (n,), in order, each with the cases that are in it (n,).

    Only numbers, more than MOST_NUMBERS different ones, are parted at their quartiles and named by the smallest and
    the largest number in the group, both included. All else is a group per word.

    >>> [name for name, _ in groups(["52", "", "61", "70", "48", "55", "66", "59", "80", "73"])]
    ['48 to 55', '59 to 61', '66 to 70', '73 to 80', 'not stated']
    """
    missing = np.array([is_missing(word) for word in words], dtype=np.bool_)
    found = [None if gone else as_number(word) for word, gone in zip(words, missing, strict=True)]
    numbers = np.array([math.nan if number is None else number for number in found])
    numeric = bool(np.isfinite(numbers[~missing]).all())
    if numeric and np.unique(numbers[~missing]).size > MOST_NUMBERS:
        made = _quarters(numbers)
    else:
        distinct = {word for word, gone in zip(words, missing, strict=True) if not gone}
        ordered = sorted(distinct, key=lambda word: (as_number(word) or 0.0 if numeric else 0.0, word))
        every = np.array(words, dtype=np.str_)
        made = [(word, every == word) for word in ordered]
    return (*made, (NOT_STATED, missing)) if missing.any() else tuple(made)


def _quarters(numbers: NDArray[np.float64]) -> list[tuple[str, NDArray[np.bool_]]]:
    """Groups of numbers (n,), NaN where missing, between their quartiles; equal numbers are never parted."""
    known = numbers[np.isfinite(numbers)]
    edges = np.unique(np.quantile(known, QUARTERS, method="inverted_cdf"))
    member = np.where(np.isfinite(numbers), np.searchsorted(edges, numbers, side="left"), -1)
    made = []
    for k in range(edges.size + 1):
        inside = member == k
        if inside.any():
            low, high = float(numbers[inside].min()), float(numbers[inside].max())
            made.append((f"{low:.10g} to {high:.10g}" if low < high else f"{low:.10g}", inside))
    return made
