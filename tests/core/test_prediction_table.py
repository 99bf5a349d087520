"""Predictions and estimates survive their files bit for bit; a table of something else is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from radcnn.core.errors import ReadError
from radcnn.core.estimate import Estimate
from radcnn.core.prediction import Predictions
from radcnn.core.target import Target

BINARY = Target("binary", ("malignant",), ("no", "yes"))
MULTICLASS = Target("multiclass", ("grade",), ("I", "II", "III"))
LABELS = Target("multilabel", ("mass", "effusion"), ("absent", "present"))
words = st.text(max_size=8)
numbers = st.floats(width=64)


def table(target: Target = BINARY, n: int = 3) -> Predictions:
    width = len(target.classes) if target.kind == "multiclass" else len(target.names)
    rows = np.arange(n * width, dtype=float).reshape(n, width) / 7
    truth = np.zeros((n, len(target.names)))
    ids = tuple(f"c{i}" for i in range(n))
    return Predictions(target, ids, ids, rows, truth, {"site": ["A"] * n})


@given(st.data())
def test_a_table_survives_its_file_bit_for_bit(data) -> None:
    n = data.draw(st.integers(0, 4))
    column = st.lists(words, min_size=n, max_size=n).map(tuple)
    written = Predictions(
        LABELS,
        data.draw(column),
        data.draw(column),
        data.draw(arrays(np.float64, (n, 2), elements=numbers)),
        data.draw(arrays(np.float64, (n, 2), elements=st.sampled_from([0.0, 1.0, math.nan, -0.0, 1 / 3]))),
        {name: list(data.draw(column)) for name in data.draw(st.sets(words, max_size=2))},
    )
    with TemporaryDirectory() as folder:
        written.save(Path(folder) / "p.csv")
        read = Predictions.load(Path(folder) / "p.csv", LABELS)
    assert (read.cases, read.patients) == (written.cases, written.patients)
    assert {name: list(column) for name, column in read.attributes.items()} == written.attributes
    for ours, theirs in ((read.scores, written.scores), (read.targets, written.targets)):
        assert np.array_equal(ours, theirs, equal_nan=True)
        assert np.array_equal(np.signbit(ours[~np.isnan(ours)]), np.signbit(theirs[~np.isnan(theirs)]))


def test_columns_are_named_after_the_classes_or_the_labels() -> None:
    assert table(BINARY).score_names() == ("score:malignant",)
    assert table(MULTICLASS).score_names() == ("score:I", "score:II", "score:III")
    assert table(LABELS).score_names() == ("score:mass", "score:effusion")


def test_some_rows_of_a_table() -> None:
    some = table().only(np.array([True, False, True]))
    assert (len(some), some.cases, list(some.attributes["site"])) == (2, ("c0", "c2"), ["A", "A"])
    assert some.scores.tolist() == [[0.0], [2 / 7]]


@pytest.mark.parametrize("other", [MULTICLASS, LABELS, Target("binary", ("benign",), ("no", "yes"))])
def test_a_table_of_another_target_is_refused(tmp_path: Path, other: Target) -> None:
    table().save(tmp_path / "p.csv")
    with pytest.raises(ReadError, match="is not a table of predictions for"):
        Predictions.load(tmp_path / "p.csv", other)


def test_a_table_of_other_classes_is_refused(tmp_path: Path) -> None:
    table(MULTICLASS).save(tmp_path / "p.csv")
    with pytest.raises(ReadError, match="is not a table of predictions for grade"):
        Predictions.load(tmp_path / "p.csv", Target("multiclass", ("grade",), ("I", "II", "IV")))


@pytest.mark.parametrize(
    "content",
    ["", "case,patient\n", "case,patient,target:malignant,score:malignant\nc0,p0,1,high\n",
     "case,patient,target:malignant,score:malignant\nc0,p0,1\n", 'case,patient\n"' + "x" * 200_000],
    ids=["empty", "no scores", "a word", "a short row", "a field without end"],
)  # fmt: skip
def test_a_damaged_table_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "p.csv").write_text(content)
    with pytest.raises(ReadError, match="predictions"):
        Predictions.load(tmp_path / "p.csv", BINARY)


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="not a readable table of predictions"):
        Predictions.load(tmp_path / "p.csv", BINARY)


estimates = st.builds(
    Estimate, numbers, numbers, numbers, st.integers(0), st.integers(0), words, st.floats(0.5, 0.99), words
)


@given(estimates)
def test_an_estimate_survives_json_with_undefined_as_null(estimate: Estimate) -> None:
    text = json.dumps(estimate.as_json(), allow_nan=False)
    read = Estimate.from_json(json.loads(text))
    assert Estimate.from_json(read.as_json()).as_json() == estimate.as_json()
    for name in ("value", "low", "high"):
        ours, theirs = getattr(read, name), getattr(estimate, name)
        assert ours == theirs if math.isfinite(theirs) else math.isnan(ours)


def test_an_estimate_says_its_interval_its_n_or_why_there_is_none() -> None:
    assert str(Estimate(0.9123, 0.85, 0.95, 120, 80, "DeLong")) == "0.912 (0.850 to 0.950, n=120)"
    assert str(Estimate(0.9, math.nan, math.nan, 12, 8, "none")) == "0.900 (no interval, n=12)"
    assert str(Estimate.missing("no positive cases", n=4)) == "undefined (no positive cases)"
