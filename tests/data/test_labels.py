"""The words of a label column become the target they mean, or an error that says why not."""

from __future__ import annotations

import numpy as np
import pytest

from radcnn.core.errors import InputError, SettingsError, TableError
from radcnn.core.target import Kind
from radcnn.data.labels import Labels, labels_from_table, labels_from_words
from radcnn.data.table import Table


def table(**columns: list[str]) -> Table:
    rows = tuple(zip(*columns.values(), strict=True))
    return Table("t.csv", tuple(columns), rows, tuple(range(2, 2 + len(rows))))


def column(cells: list[str], kind: Kind | None = None, positive: str | None = None) -> Labels:
    return labels_from_table(table(y=cells), ["y"], kind=kind, positive=positive)


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["0", "1", "1"], ("0", "1")),
        (["1.0", "0.0", "nan"], ("0", "1")),
        (["1", "2", "2"], ("1", "2")),
        (["10", "9", "9"], ("9", "10")),
        (["yes", "no", "NA", "#N/A", "Null", "<na>"], ("no", "yes")),
        (["TRUE", "FALSE", ""], ("FALSE", "TRUE")),
        (["malignant", "benign"], ("benign", "malignant")),
        (["normal", "abnormal"], ("normal", "abnormal")),
        (["Cancer", "Healthy"], ("Healthy", "Cancer")),
        (["virus", "bacteria"], ("bacteria", "virus")),
    ],
)
def test_two_values_are_binary_and_nothing_found_is_never_positive(cells: list[str], classes: tuple[str, ...]) -> None:
    labels = column(cells)
    assert labels.target.kind == "binary"
    assert labels.target.classes == classes
    assert [f.code for f in labels.findings] == ["RC008"]
    for cell, value in zip(cells, labels.values[:, 0], strict=True):
        if np.isnan(value):
            assert cell in ("nan", "NA", "", "#N/A", "Null", "<na>")
        else:
            assert classes[int(value)] == cell.removesuffix(".0")


def test_the_positive_class_can_be_turned_round() -> None:
    labels = column(["a", "b", "b"], positive="a")
    assert labels.target.classes == ("b", "a")
    assert labels.values[:, 0].tolist() == [1, 0, 0]


def test_an_unknown_positive_class_is_answered_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"did you mean malignant\?"):
        column(["malignant", "benign"], positive="malignat")


@pytest.mark.parametrize("cells", [["a", "b", "c"], ["0", "1", "2"], [str(i) for i in range(20)]])
def test_up_to_twenty_integers_or_words_are_classes(cells: list[str]) -> None:
    labels = column(cells)
    assert labels.target.kind == "multiclass"
    assert labels.target.classes == tuple(cells)
    assert [f.code for f in labels.findings] == ["RC009"]


@pytest.mark.parametrize("cells", [["0.5", "1", "2"], [str(i) for i in range(21)], ["1", "2.25", "3", "nan"]])
def test_more_integers_or_other_numbers_are_values(cells: list[str]) -> None:
    labels = column(cells)
    assert labels.target.kind == "regression"
    assert labels.target.classes == ()
    assert np.isnan(labels.values[:, 0]).sum() == cells.count("nan")


def test_the_kind_can_be_overruled() -> None:
    assert column(["1", "2", "3"], kind="regression").values[:, 0].tolist() == [1, 2, 3]
    assert column(["0", "1"], kind="multiclass").target.kind == "multiclass"
    assert column([f"w{i}" for i in range(30)], kind="multiclass").target.classes[2] == "w10"
    with pytest.raises(SettingsError, match="3 classes, so its kind cannot be binary"):
        column(["a", "b", "c"], kind="binary")


@pytest.mark.parametrize("cells", [["1", "1"], ["", "nan"], ["a", "a", ""]])
def test_one_class_alone_is_refused(cells: list[str]) -> None:
    with pytest.raises(InputError, match="at least two classes"):
        column(cells)


def test_a_constant_value_is_refused() -> None:
    with pytest.raises(InputError, match="same value everywhere"):
        column(["0.5", "0.5"], kind="regression")


@pytest.mark.parametrize("cells", [["Yes", "yes", "no"], ["1", "01", "2"]])
def test_two_spellings_of_one_class_are_refused(cells: list[str]) -> None:
    with pytest.raises(InputError, match="spells one class in two ways"):
        column(cells)


def test_a_word_in_a_column_of_numbers_is_a_fault_with_its_row() -> None:
    with pytest.raises(TableError) as caught:
        column([str(i / 2) for i in range(30)] + ["unknown"])
    assert caught.value.faults == ("row 32, column 'y': 'unknown' is not a number",)


@pytest.mark.parametrize("word", ["unclear", "?", "0,5"])
def test_a_slip_among_zeros_and_ones_is_a_fault_and_no_class(word: str) -> None:
    cells = ["0", "1"] * 20 + [""] * 30
    cells[4] = cells[7] = word
    with pytest.raises(TableError) as caught:
        column(cells)
    way_out = "stands among numbers; correct it, empty it where not labelled, or say --kind multiclass if it is a class"
    assert caught.value.faults == (f"row 6, column 'y': {word!r} {way_out}", f"row 9, column 'y': {word!r} {way_out}")
    assert set(column(cells, kind="multiclass").target.classes) == {"0", "1", word}


def test_words_in_more_than_a_twentieth_of_the_cells_are_classes() -> None:
    assert column(["0", "1"] * 18 + ["unclear"] * 2).target.classes == ("0", "1", "unclear")


def test_many_different_words_are_no_classes_without_a_word() -> None:
    with pytest.raises(InputError, match="21 different words"):
        column([f"w{i}" for i in range(21)])


def test_several_columns_are_a_multilabel_target_with_gaps() -> None:
    labels = labels_from_table(table(a=["1", "0", ""], b=["no", "yes", "no"]), ["a", "b"])
    assert labels.target.kind == "multilabel"
    assert labels.target.names == ("a", "b")
    np.testing.assert_array_equal(labels.values, [[1, 0], [0, 1], [np.nan, 0]])


def test_what_is_neither_absent_nor_present_is_reported_for_every_column() -> None:
    with pytest.raises(TableError) as caught:
        labels_from_table(table(a=["1", "-1", "0"], b=["1", "0", "maybe"]), ["a", "b"])
    assert [fault.split(":")[0] for fault in caught.value.faults] == ["row 3, column 'a'", "row 4, column 'b'"]


def test_a_label_that_never_varies_is_refused() -> None:
    with pytest.raises(InputError, match=r"'b' of t\.csv is absent in every labelled case"):
        labels_from_table(table(a=["1", "0"], b=["0", "0"]), ["a", "b"])


def test_several_values_can_be_regressed_together() -> None:
    labels = labels_from_table(table(a=["1", "2", "3"], b=["0.5", "", "4"]), ["a", "b"], kind="regression")
    assert labels.values.shape == (3, 2)


def test_words_of_folders_are_labels() -> None:
    labels = labels_from_words(["PNEUMONIA", "NORMAL"], name="class", whose="folder x")
    assert labels.target.classes == ("NORMAL", "PNEUMONIA")
