"""When the compiler is worth loading: once as much time was spent without it as loading it takes.

numba takes half a second to import. A study of few small images is done before that; one of many is not. Nobody knows
beforehand how much will be asked, so the slower way is taken until it has cost as much as loading would have: never
more than twice what the better choice would have cost.
"""

from __future__ import annotations

import sys

LOADING = 0.6  # seconds: numba and a loop that was compiled before
_spent = [0.0]


def worth_compiling(seconds: float) -> bool:
    """Whether a loop should be compiled that takes this long without; what was asked for before counts."""
    if "numba" in sys.modules:
        return True
    _spent[0] += seconds
    return _spent[0] > LOADING
