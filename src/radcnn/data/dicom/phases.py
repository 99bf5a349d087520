"""Several volumes in one series: phases, echoes, b-values and time points told apart by what the headers say.

A key (an attribute, two of them, or the rank of a time at each place) tells the slices apart when each of its groups is
a regular volume by itself and all of them cover the same part of the patient. Then one group is taken:

    the first in acquisition order: by number where the key is a number (the first acquisition, the shortest echo, the
    lowest b-value), else by InstanceNumber and the frames' order

or the group the user names. Groups that are not alike are not chosen among: they are listed and refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from radcnn.data.dicom.attributes import Value
from radcnn.data.dicom.keys import BEATS, CIRCUMSTANCE, CLOCKS, CONTENT, INSTANCE
from radcnn.data.dicom.regularity import SAME_PLACE_MM, Stack, broken, stack_at
from radcnn.data.dicom.slices import Slice

KEYS = frozenset(CONTENT + CIRCUMSTANCE) - frozenset(CLOCKS)  # which alone may tell groups apart that are not alike
ALIGNED = 2e-3  # spread of a direction cosine within one volume: twice what decimal text may be off
COVERED = 0.5  # of the shorter group, that two groups share of the patient when they show the same part of it
MAX_PAIRS = 60  # pairs of keys that are tried; ten keys that differ have 45

Groups = list[list[int]]


@dataclass(frozen=True)
class Split:
    """The groups of a series, in acquisition order, as indices; `key` says by which attributes.

    alike  all groups are regular volumes of one size and place, so that a rule may take one; else only a user may
    """

    key: str
    groups: tuple[tuple[int, ...], ...]
    alike: bool


def told_apart(slices: Sequence[Slice], *, content_only: bool = False) -> Split | None:
    """How the slices of one series fall into several volumes; None when nothing tells them apart.

    content_only  try only attributes that can never differ within one volume
    """
    series = _Places(slices)
    unlike: Split | None = None
    for key, values in _splits(_keys(slices, content_only), series, content_only):
        groups = _grouped(values)
        if len(groups) < 2 or (len(groups) == len(slices) and not series.one_place):
            continue
        if (key == "StackID" or series.cover_the_same(groups)) and series.alike(groups):
            return Split(key, _in_order(slices, groups, values), True)
        if unlike is None and key in KEYS and not content_only and series.apart(groups):
            unlike = Split(key, _in_order(slices, groups, values), False)
    return unlike


def _keys(slices: Sequence[Slice], content_only: bool) -> dict[str, list[Value | None]]:
    """The keys that differ among the slices, in the order in which they are tried."""
    found: dict[str, list[Value | None]] = {}
    for keyword in CONTENT if content_only else (*CONTENT, *CIRCUMSTANCE):
        values = [_instance(each) if keyword == INSTANCE else each.keys.get(keyword) for each in slices]
        if any(value != values[0] for value in values):
            found[keyword] = values
    return found


def _instance(found: Slice) -> str | None:
    return found.instance_uid if found.frames > 1 else None


def _splits(
    keys: dict[str, list[Value | None]], series: _Places, content_only: bool
) -> Iterator[tuple[str, Sequence[tuple[Value | None, ...]]]]:
    """What could tell the slices apart: one key, the rank of a time, two keys, all that say what is shown."""
    for keyword, values in keys.items():
        yield keyword, [(value,) for value in values]
    for keyword in () if content_only else (*BEATS, *CLOCKS):
        if keyword in keys and (ranks := series.ranked(keys[keyword], parted=keyword in CLOCKS)):
            yield f"the order of {keyword}", [(rank,) for rank in ranks]
    for a, b in list(combinations(keys, 2))[:MAX_PAIRS]:
        yield f"{a} and {b}", list(zip(keys[a], keys[b], strict=True))
    content = [keyword for keyword in keys if keyword in CONTENT]
    if len(content) > 2:
        yield " and ".join(content), list(zip(*(keys[keyword] for keyword in content), strict=True))


def _grouped(values: Sequence[tuple[Value | None, ...]]) -> Groups:
    found: dict[tuple[Value | None, ...], list[int]] = {}
    for i, value in enumerate(values):
        found.setdefault(value, []).append(i)
    return list(found.values())


def _in_order(
    slices: Sequence[Slice], groups: Groups, values: Sequence[tuple[Value | None, ...]]
) -> tuple[tuple[int, ...], ...]:
    """Groups in acquisition order: those without a number first, and by InstanceNumber where there are no numbers."""

    def place(group: list[int]) -> tuple[float, ...]:
        numbers = (-np.inf if value is None else 0.0 if isinstance(value, str) else value for value in values[group[0]])
        return (*numbers, min(slices[i].instance_number or 0 for i in group), group[0])

    return tuple(tuple(group) for group in sorted(groups, key=place))


class _Places:
    """The places of all slices of a series as arrays, to judge groups of them quickly."""

    def __init__(self, slices: Sequence[Slice]) -> None:
        self.slices = slices
        planes = [found.placed for found in slices]
        self.positions = np.array([plane.position for plane in planes])
        self.axes = np.array([(*plane.right, *plane.down) for plane in planes])
        self.kinds = [(found.rows, found.columns, found.units) for found in slices]
        self.depths: NDArray[np.float64] = self.positions @ planes[0].normal

    @property
    def one_place(self) -> bool:
        return float(np.ptp(self.depths)) < SAME_PLACE_MM

    def alike(self, groups: Groups) -> bool:
        """Whether all groups are regular volumes with the same number of slices, rows and columns."""
        if any(len(group) != len(groups[0]) for group in groups):
            return False
        sizes = {self.kinds[i][:2] for group in groups for i in group}
        return len(sizes) == 1 and self.apart(groups) and all(broken(self._stack(group)) is None for group in groups)

    def apart(self, groups: Groups) -> bool:
        """Whether no two slices of a group lie in the same place, and all of them look the same way."""
        for group in groups:
            stack = self._stack(group)
            if len(group) < 2 and not self.one_place:
                return False
            if len({self.kinds[i] for i in group}) > 1 or np.ptp(self.axes[group], axis=0).max() > ALIGNED:
                return False
            if len(group) > 1 and stack.gaps.min() < SAME_PLACE_MM:
                return False
        return True

    def cover_the_same(self, groups: Groups) -> bool:
        """Whether every group shows, for the most part, what the first one shows."""
        ends = [(self.depths[group].min(), self.depths[group].max()) for group in groups]
        low, high = ends[0]
        for start, end in ends[1:]:
            shared, shorter = min(high, end) - max(low, start), min(high - low, end - start)
            if shared < COVERED * shorter or (shorter == 0 and high > low):
                return False
        return True

    def ranked(self, values: Sequence[Value | None], *, parted: bool) -> list[float] | None:
        """Which of the times at its place each slice has, from 0; None when the places have not equally many.

        parted  what comes first must be over everywhere before the next begins
        """
        if not all(isinstance(value, (int, float)) for value in values):
            return None
        times = np.array(values, dtype=np.float64)
        order = np.lexsort((times, np.round(self.depths / SAME_PLACE_MM)))
        starts = np.flatnonzero(np.diff(self.depths[order], prepend=-np.inf) > SAME_PLACE_MM)
        n, rest = divmod(len(times), len(starts))
        if rest or n < 2 or not np.array_equal(starts, np.arange(len(starts)) * n):
            return None
        table = order.reshape(-1, n)
        rising = np.diff(times[table], axis=1)
        if not (rising > 0).all() or (parted and (times[table].max(axis=0)[:-1] >= times[table].min(axis=0)[1:]).any()):
            return None
        ranks = np.empty(len(times))
        ranks[order] = np.tile(np.arange(n), len(starts))
        return ranks.tolist()

    def _stack(self, group: list[int]) -> Stack:
        return stack_at(self.positions[group], self.slices[group[0]].placed)
