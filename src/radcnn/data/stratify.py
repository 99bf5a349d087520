"""Dealing groups of cases onto sides so that every side looks like the whole: by class, by label, and by site."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

CLOSE = 1e-9  # a share this near to a whole number is that number, whatever rounding did to it


def apportion(n: int, fractions: Sequence[float], owed: NDArray[np.float64], minimum: int) -> NDArray[np.int64]:
    """How many of n go to each side: n times its fraction, rounded down or up, and at least `minimum`.

    `owed` (sides,) is what earlier roundings left each side short of; the sides owed most are rounded up, so that
    roundings do not add up over classes.

    >>> apportion(10, (0.7, 0.15, 0.15), np.zeros(3), 1).tolist()
    [7, 2, 1]
    """
    ideal = n * np.asarray(fractions, dtype=np.float64)
    counts = np.floor(ideal + CLOSE).astype(np.int64)
    short = np.where(ideal - counts > CLOSE, ideal - counts + owed, -np.inf)
    for side in np.argsort(-short, kind="stable")[: n - int(counts.sum())]:
        counts[side] += 1
    while counts.min() < minimum and counts.max() > minimum:
        counts[int(np.argmax(counts))] -= 1
        counts[int(np.argmin(counts))] += 1
    return counts


def sequence(counts: Sequence[int]) -> list[int]:
    """Sides in an order in which every stretch holds them in about their proportion.

    At each step comes the side that is furthest behind its share (the chairman assignment of Tijdeman 1980).

    >>> sequence([4, 1, 1])
    [0, 1, 0, 2, 0, 0]
    """
    total = np.asarray(counts, dtype=np.float64)
    given = np.zeros(len(total))
    order = []
    for step in range(1, int(total.sum()) + 1):
        behind = np.where(given < total, total * step / total.sum() - given, -np.inf)
        side = int(np.argmax(behind))
        given[side] += 1
        order.append(side)
    return order


def deal(
    strata: Sequence[int],
    sites: Sequence[Hashable],
    fractions: Sequence[float],
    generator: np.random.Generator,
    *,
    minimum: int = 0,
) -> list[int]:
    """The side of each group, by class and within a class by site.

    strata     the class of each group; each class is apportioned on its own
    sites      the site of each group, all alike where sites do not matter
    fractions  the share of each side; they sum to 1

    Of each class, a side gets its share rounded down or up; more only to reach `minimum`, or as many as there are for
    each side.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for group, stratum in enumerate(strata):
        members[stratum].append(group)
    owed = np.zeros(len(fractions))
    sides = [0] * len(strata)
    for stratum in sorted(members):
        groups = [members[stratum][i] for i in generator.permutation(len(members[stratum]))]
        counts = apportion(len(groups), fractions, owed, min(minimum, len(groups) // len(fractions)))
        owed += len(groups) * np.asarray(fractions) - counts
        first: dict[Hashable, int] = {}
        for group in groups:
            first.setdefault(sites[group], len(first))
        by_site = sorted(groups, key=lambda group: first[sites[group]])  # sites in random order, kept together
        for group, side in zip(by_site, sequence(counts.tolist()), strict=True):
            sides[group] = side
    return sides


def deal_labels(present: NDArray[np.bool_], fractions: Sequence[float], generator: np.random.Generator) -> list[int]:
    """The side of each group (groups, labels) of a multi-label target: iterative stratification.

    The label with the fewest groups left is dealt first, each of its groups to the side that lacks most of that
    label, then to the side that lacks most groups (Sechidis, Tsoumakas and Vlahavas 2011, algorithm 1).
    """
    n, labels = present.shape
    share = np.asarray(fractions, dtype=np.float64)
    lacking_groups = n * share
    lacking = np.outer(present.sum(axis=0), share)  # (labels, sides)
    order = generator.permutation(n)
    sides = np.full(n, -1)
    while (sides < 0).any():
        left = present[sides < 0].sum(axis=0)
        rarest = int(np.argmin(np.where(left > 0, left, n + 1))) if labels and left.any() else None
        for group in order:
            if sides[group] >= 0 or (rarest is not None and not present[group, rarest]):
                continue
            wish = lacking[rarest] if rarest is not None else lacking_groups
            best = np.flatnonzero(wish >= wish.max() - CLOSE)
            side = int(best[np.argmax(lacking_groups[best])])
            sides[group] = side
            lacking[present[group], side] -= 1
            lacking_groups[side] -= 1
    return [int(side) for side in sides]


def quantile_bins(values: NDArray[np.float64], smallest: int, most: int = 5) -> list[int]:
    """A bin for each value (n,) so that every bin holds at least `smallest` of them: at most `most` bins.

    >>> quantile_bins(np.arange(6.0), smallest=3)
    [0, 0, 0, 1, 1, 1]
    """
    bins = max(1, min(most, len(values) // max(1, smallest)))
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return [int(rank * bins // len(values)) for rank in ranks]
