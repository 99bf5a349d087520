"""Features: what is known of each case besides the patient, as columns of numbers that keep their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST_WORDS = 30  # distinct words of a column that get a column of their own; rarer ones are one together
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Features:
    """Columns (n, f) of finite numbers with their names (f,); columns that are the same in all cases are left out."""

    names: tuple[str, ...]
    columns: Floats

    @classmethod
    def of(cls, named: Iterable[tuple[str, ArrayLike]]) -> Features:
        """From numbers (n,) that may be NaN: they become the median, and that they are unknown a column of its own."""
        names, columns = [], []
        for name, values in named:
            for column in _finite(np.asarray(values, dtype=np.float64)):
                if column.size and column.min() < column.max():
                    names.append(name)
                    columns.append(column)
        return cls(tuple(names), np.stack(columns, axis=1) if columns else np.zeros((0, 0)))

    def rows(self, kept: NDArray[np.intp]) -> Features:
        """Those of some cases."""
        return Features.of(zip(self.names, self.columns[kept].T, strict=True))


def _finite(values: Floats) -> list[Floats]:
    known = np.isfinite(values)
    if known.all():
        return [values]
    if not known.any():
        return []
    return [np.where(known, values, np.median(values[known])), (~known).astype(np.float64)]


def words(name: str, values: Sequence[str]) -> list[tuple[str, Floats]]:
    """A 0/1 column for each of the commonest words, all under one name: the words themselves are not shown."""
    found, numbers, counts = np.unique(np.asarray(values, dtype=str), return_inverse=True, return_counts=True)
    common = np.argsort(-counts, kind="stable")[:MOST_WORDS]
    return [(name, (numbers == k).astype(np.float64)) for k in common] if found.size > 1 else []


def mixed(table: Sequence[Mapping[str, str | float]]) -> list[tuple[str, Floats]]:
    """Columns of a table (n rows): numbers where every value that is there is one, else words."""
    made: list[tuple[str, Floats]] = []
    for name in dict.fromkeys(name for row in table for name in row):
        values = [row.get(name, "") for row in table]
        numbers = _numbers(values)
        made += [(name, numbers)] if numbers is not None else words(name, [str(value) for value in values])
    return made


def _numbers(values: Sequence[str | float]) -> Floats | None:
    try:
        return np.array([float(value) if value != "" else np.nan for value in values])
    except ValueError:
        return None
