"""Cells of a table as a person typed them: which mean nothing was stated, and which are numbers."""

from __future__ import annotations

import math

NOT_STATED = frozenset({"", "nan", "na", "n/a", "#n/a", "null", "<na>"})  # compared without regard to capitals


def is_missing(cell: str) -> bool:
    """Whether a cell means "not labelled": empty, or what spreadsheets, R and pandas write for it (NA, #N/A, null).

    >>> is_missing("NA"), is_missing("none")
    (True, False)
    """
    return cell.casefold() in NOT_STATED


def as_number(cell: str) -> float | None:
    """A cell as a finite number; None when it is not one.

    >>> as_number("1e3"), as_number("3,5"), as_number("inf")
    (1000.0, None, None)
    """
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in cell else None
