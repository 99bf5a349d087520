"""From the words of a label column to a Target and numbers: which kind, which classes, which one is positive."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.catalogue import did_you_mean
from radcnn.core.cells import as_number, is_missing
from radcnn.core.errors import InputError, SettingsError, TableError
from radcnn.core.target import LabelKind, Target
from radcnn.data.findings import Finding, finding
from radcnn.data.table import Table, numbers_of

MAX_CLASSES = 20  # more distinct integers than this are values, not classes
ALMOST_ALL = 0.95  # share of numbers among the labelled cells of a column, from which its words are slips, not classes
WHOLE_NUMBER = re.compile(r"([+-]?\d+)\.0+")  # how other programs write a class where a column has gaps: 1.0
ABSENT = frozenset({"0", "0.0", "no", "n", "false", "absent", "negative", "neg", "-"})
PRESENT = frozenset({"1", "1.0", "yes", "y", "true", "present", "positive", "pos", "+"})
# words for "nothing found": the other class of a pair is the positive one, whatever the alphabet says
NEGATIVE_WORDS = ABSENT | {"normal", "healthy", "benign", "control", "controls", "none", "without", "unaffected"}


@dataclass(frozen=True, eq=False)
class Labels:
    """What label columns say: the target, its numbers (n, t) with NaN where not labelled, and what was noticed."""

    target: Target
    values: NDArray[np.float64]
    findings: tuple[Finding, ...] = ()


def labels_from_table(
    table: Table, columns: Sequence[str], *, kind: LabelKind | None = None, positive: str | None = None
) -> Labels:
    """Labels from one column, or from several (one per label of a multi-label target).

    One column: two distinct values are binary, up to 20 distinct words or integers are classes, other numbers are
    a regression's values; `kind` overrules. Raises TableError listing every value that is not understood, or every
    word among numbers in at least 95 % of the labelled cells; InputError when only one class occurs, SettingsError when
    `positive` or `kind` do not fit.
    """
    table.require(columns)
    if len(columns) > 1 and kind != "regression":
        return _multilabel(table, columns, kind, positive)
    if kind == "regression":
        return _regression(table, columns, positive)
    if kind == "multilabel":
        return _multilabel(table, columns, kind, positive)
    cells = table.column(columns[0])
    if kind is None and _is_regression(table, columns[0], cells):
        made = _regression(table, columns, positive)
        distinct = len({v for v in made.values[:, 0].tolist() if not math.isnan(v)})
        sentence = f"target {columns[0]!r} holds {distinct} distinct numbers and is taken as a regression"
        return Labels(made.target, made.values, (finding("kind of target", sentence, "--kind overrules"),))
    return labels_from_words(cells, name=columns[0], whose=table.name, kind=kind, positive=positive)


def labels_from_words(
    words: Sequence[str],
    *,
    name: str,
    whose: str,
    kind: LabelKind | None = None,
    positive: str | None = None,
) -> Labels:
    """Binary or multi-class labels from one word per case, such as a folder's name.

    Classes are sorted, numbers by value; the last one is positive, except that a word for "nothing found" (normal,
    benign, no ...) is never the positive one of a pair. Raises InputError when fewer than two classes occur.

    >>> labels_from_words(["sick", "healthy", "sick"], name="class", whose="folder").values[:, 0].tolist()
    [1.0, 0.0, 1.0]
    """
    words = [WHOLE_NUMBER.sub(r"\1", word) if WHOLE_NUMBER.fullmatch(word) else word for word in words]
    known = [word for word in words if not is_missing(word)]
    classes = _sorted_classes(set(known))
    _refuse_near_twins(classes, name, whose)
    if len(classes) < 2:
        found = f"only {classes[0]!r}" if classes else "no label at all"
        raise InputError(
            f"target {name!r} of {whose} needs cases of at least two classes, got {found}; "
            "add cases of another class or choose another target"
        )
    if kind == "binary" and len(classes) > 2:
        raise SettingsError(f"target {name!r} of {whose} has {len(classes)} classes, so its kind cannot be binary")
    findings: tuple[Finding, ...]
    if len(classes) == 2 and kind != "multiclass":
        classes = _positive_last(classes, positive, name)
        target = Target("binary", (name,), tuple(classes))
        findings = (_said_positive(name, classes, positive),)
    else:
        if positive is not None:
            raise SettingsError(f"positive={positive!r} fits a binary target; {name!r} has {len(classes)} classes")
        target = Target("multiclass", (name,), tuple(classes))
        sentence = f"target {name!r} holds {len(classes)} distinct values and is taken as that many classes"
        findings = () if kind else (finding("kind of target", sentence, "--kind regression overrules for numbers"),)
    index = {word: float(i) for i, word in enumerate(classes)}
    values = np.array([[index.get(word, math.nan)] for word in words])
    return Labels(target, values, findings)


def _said_positive(name: str, classes: Sequence[str], positive: str | None) -> Finding:
    way_out = "" if positive else f"--positive {classes[0]!r} turns it round"
    return finding("positive class", f"the positive class of {name!r} is {classes[1]!r}, not {classes[0]!r}", way_out)


def _positive_last(classes: list[str], positive: str | None, name: str) -> list[str]:
    if positive is None:
        negatives = [c for c in classes if c.casefold() in NEGATIVE_WORDS]
        positive = classes[1] if len(negatives) != 1 else next(c for c in classes if c not in negatives)
    if positive not in classes:
        raise SettingsError(f"positive class {positive!r} of {name!r} is unknown: {did_you_mean(positive, classes)}")
    return [c for c in classes if c != positive] + [positive]


def _sorted_classes(words: set[str]) -> list[str]:
    if all(as_number(word) is not None for word in words):
        return sorted(words, key=lambda word: (float(word), word))
    return sorted(words, key=lambda word: (word.casefold(), word))


def _refuse_near_twins(classes: Sequence[str], name: str, whose: str) -> None:
    """Two spellings of one class ("Yes", "yes"; "1", "1.0") would become two classes."""
    forms: dict[str, str] = {}
    for word in classes:
        number = as_number(word)
        form = word.casefold() if number is None else repr(number)
        if form in forms:
            raise InputError(
                f"target {name!r} of {whose} spells one class in two ways, {forms[form]!r} and {word!r}; choose one"
            )
        forms[form] = word


def _is_regression(table: Table, column: str, cells: Sequence[str]) -> bool:
    """Whether a column holds values rather than classes; raises when it is neither."""
    distinct = {cell for cell in cells if not is_missing(cell)}
    numbers = {cell: as_number(cell) for cell in distinct}
    values = {value for value in numbers.values() if value is not None}
    words = sum(value is None for value in numbers.values())
    if not words:
        return len(values) > 2 and (len(values) > MAX_CLASSES or any(not v.is_integer() for v in values))
    if len(values) > max(MAX_CLASSES, 2 * words):  # a column of numbers with some cells that are none
        faults: list[str] = []
        numbers_of(table, column, faults)
        raise TableError(table.name, faults)
    _refuse_strays(table, column, {cell for cell, value in numbers.items() if value is None})
    if len(distinct) > MAX_CLASSES:
        raise InputError(
            f"target {column!r} of {table.name} holds {len(distinct)} different words, more than the {MAX_CLASSES} "
            "classes taken without a word; choose another column, or say --kind multiclass if they are classes"
        )
    return False


def _refuse_strays(table: Table, column: str, words: set[str]) -> None:
    """A slip among 0 and 1 would silently become a class of its own."""
    cells = table.column(column)
    strays = [row for row, cell in enumerate(cells) if cell in words]
    labelled = sum(not is_missing(cell) for cell in cells)
    if labelled - len(strays) >= ALMOST_ALL * labelled:
        way_out = "correct it, empty it where not labelled, or say --kind multiclass if it is a class"
        faults = [table.fault(row, column, f"{cells[row]!r} stands among numbers; {way_out}") for row in strays]
        raise TableError(table.name, faults)


def _regression(table: Table, columns: Sequence[str], positive: str | None) -> Labels:
    if positive is not None:
        raise SettingsError(f"positive={positive!r} fits a binary target; a regression has no classes")
    faults: list[str] = []
    values = np.array([numbers_of(table, column, faults) for column in columns]).T
    if faults:
        raise TableError(table.name, faults)
    for column, numbers in zip(columns, values.T, strict=True):
        if len(np.unique(numbers[~np.isnan(numbers)])) < 2:
            raise InputError(f"target {column!r} of {table.name} has the same value everywhere: nothing can be learned")
    return Labels(Target("regression", tuple(columns)), values)


def _multilabel(table: Table, columns: Sequence[str], kind: LabelKind | None, positive: str | None) -> Labels:
    if kind not in (None, "multilabel"):
        raise SettingsError(f"kind {kind!r} takes one target column, got {len(columns)}: {', '.join(columns)}")
    if positive is not None:
        raise SettingsError("positive= fits a binary target; the labels of a multi-label target are absent or present")
    faults: list[str] = []
    values = np.array([_presences(table, column, faults) for column in columns]).T
    if faults:
        raise TableError(table.name, faults)
    for column, label in zip(columns, values.T, strict=True):
        counts = Counter(label[~np.isnan(label)].tolist())
        if len(counts) < 2:
            raise InputError(
                f"label {column!r} of {table.name} is {_only(counts)} in every labelled case; leave the label out"
            )
    return Labels(Target("multilabel", tuple(columns), ("absent", "present")), values)


def _only(counts: Counter[float]) -> str:
    return "unknown" if not counts else ("present" if 1.0 in counts else "absent")


def _presences(table: Table, column: str, faults: list[str]) -> list[float]:
    values = []
    for row, cell in enumerate(table.column(column)):
        word = cell.casefold()
        value = 1.0 if word in PRESENT else 0.0 if word in ABSENT else math.nan
        if math.isnan(value) and not is_missing(cell):
            faults.append(
                table.fault(row, column, f"{cell!r} is not understood; write 1 or 0, or nothing where not labelled")
            )
        values.append(value)
    return values
