"""Figures as CSV text: what each is of, then value, limits, n, patients, and why it is undefined."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence

from radcnn.core.estimate import Estimate

FIGURE = ("figure", "value", "low", "high", "n", "patients", "undefined")


def figures_csv(head: Sequence[str], rows: Iterable[tuple[Sequence[str], str, Estimate]]) -> str:
    """CSV of figures: the words that each is of (as `head` names them), its name, the figure; NaN is left empty.

    >>> print(figures_csv(("budget",), [(("2",), "accuracy", Estimate.missing("no cases"))]).splitlines()[1])
    2,accuracy,,,,0,0,no cases
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*head, *FIGURE))
    for words, name, one in rows:
        numbers = ["" if math.isnan(value) else repr(float(value)) for value in (one.value, one.low, one.high)]
        writer.writerow((*words, name, *numbers, one.n, one.patients, one.undefined))
    return text.getvalue()
