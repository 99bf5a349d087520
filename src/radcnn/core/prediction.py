"""The table of predictions of a network on one side of a split: what every judge reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import ReadError
from radcnn.core.files import write_text
from radcnn.core.target import Target


@dataclass(frozen=True, eq=False)
class Predictions:
    """Scores beside truth, one row per case.

    cases     n case ids
    patients  n pseudonyms
    scores    (n, k) float64: the positive class's probability (binary, k = 1), class probabilities (multiclass),
              one probability per label (multi-label), or values (regression)
    targets   (n, t) float64: class index, 0/1 per label, or values; NaN where not labelled; all NaN on new data
    attributes  columns for subgroup tables, each of n strings
    """

    target: Target
    cases: tuple[str, ...]
    patients: tuple[str, ...]
    scores: NDArray[np.float64]
    targets: NDArray[np.float64]
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.cases)
        assert len(self.patients) == n, "one patient per case"
        assert self.scores.shape[0] == n, "one row of scores per case"
        assert self.scores.ndim == 2, "scores are (n, k)"
        assert self.targets.shape[0] == n, "one row of targets per case"
        assert self.targets.ndim == 2, "targets are (n, t)"
        assert all(len(column) == n for column in self.attributes.values()), "one attribute per case"

    def __len__(self) -> int:
        return len(self.cases)

    def only(self, keep: NDArray[np.bool_]) -> Predictions:
        """The rows where `keep` (n,) is true."""
        rows = [int(i) for i in np.flatnonzero(keep)]
        return Predictions(
            self.target,
            tuple(self.cases[i] for i in rows),
            tuple(self.patients[i] for i in rows),
            self.scores[rows],
            self.targets[rows],
            {name: [column[i] for i in rows] for name, column in self.attributes.items()},
        )

    def score_names(self) -> tuple[str, ...]:
        """Column names of the scores."""
        if self.target.kind == "multiclass":
            return tuple(f"score:{name}" for name in self.target.classes)
        return tuple(f"score:{name}" for name in self.target.names)

    def save(self, path: Path | str) -> None:
        """Write a CSV with full float64 precision; words stand in quotes, so that any character survives."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        target_names = [f"target:{name}" for name in self.target.names]
        extra = list(self.attributes)
        writer.writerow(["case", "patient", *target_names, *self.score_names(), *(f"column:{c}" for c in extra)])
        for i in range(len(self)):
            truth = ["" if np.isnan(v) else float(v) for v in self.targets[i]]
            scores = [float(v) for v in self.scores[i]]
            columns = [self.attributes[c][i] for c in extra]
            writer.writerow([self.cases[i], self.patients[i], *truth, *scores, *columns])
        write_text(path, text.getvalue())

    @classmethod
    def load(cls, path: Path | str, target: Target) -> Predictions:
        """Read what `save` wrote; raises ReadError when the table does not fit the target."""
        path = Path(path)
        try:
            with path.open(newline="", encoding="utf-8") as file:
                header, *rows = list(csv.reader(file))
        except (OSError, ValueError, csv.Error) as cause:
            raise ReadError(f"{path} is not a readable table of predictions ({cause})") from cause
        empty = cls(target, (), (), np.empty((0, 1)), np.empty((0, 1)))
        wanted = ["case", "patient", *(f"target:{name}" for name in target.names), *empty.score_names()]
        extra = header[len(wanted) :]
        if header[: len(wanted)] != wanted or any(len(row) != len(header) for row in rows):
            raise ReadError(f"{path} is not a table of predictions for {', '.join(target.names)}")
        first = 2 + len(target.names)
        try:
            truth = [[float(word or "nan") for word in row[2:first]] for row in rows]
            scores = [[float(word) for word in row[first : len(wanted)]] for row in rows]
        except ValueError as cause:
            raise ReadError(f"{path} is not a readable table of predictions ({cause})") from cause
        return cls(
            target,
            tuple(row[0] for row in rows),
            tuple(row[1] for row in rows),
            np.array(scores).reshape(len(rows), len(wanted) - first),
            np.array(truth).reshape(len(rows), len(target.names)),
            {n.removeprefix("column:"): [row[i] for row in rows] for i, n in enumerate(extra, len(wanted))},
        )
