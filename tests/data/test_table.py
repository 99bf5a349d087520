"""Tables are read whatever program wrote them, and all their faults are said at once, each with its place."""

from __future__ import annotations

import datetime
import math
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from radcnn.core.errors import InputError, ReadError, TableError
from radcnn.data.table import MAX_COLUMNS, Table, numbers_of, read_table


def written(folder: Path, content: bytes | str, name: str = "labels.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        b"case,age\na,61\nb,7\n",
        b"\xef\xbb\xbfcase,age\r\na,61\r\nb,7\r\n",
        b"case;age\na;61\nb;7",
        b"case\tage\na\t61\nb\t7\n",
        b"case|age\na|61\nb|7\n",
        b'"case", "age"\n"a",61\n\n  b  , 7,\n',
        "case,age\na,61\nb,7\n".encode("utf-16"),
    ],
    ids=["plain", "byte order mark", "semicolon", "tab", "bar", "quotes and blanks", "utf-16"],
)
def test_the_same_table_is_read_whatever_its_encoding_and_delimiter(tmp_path: Path, content: bytes) -> None:
    if b'"case", "age"' in content:
        content = content.replace(b'"case", "age"', b'"case","age"')
    table = read_table(written(tmp_path, content))
    assert table.columns == ("case", "age")
    assert table.rows == (("a", "61"), ("b", "7"))


def test_a_table_in_windows_encoding_keeps_its_umlauts(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "fall;größe\na;klein\n".encode("cp1252")))
    assert table.columns == ("fall", "größe")


def test_rows_are_numbered_as_a_spreadsheet_shows_them(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "\ncase,age\n\na,1\nb,2\n"))
    assert table.numbers == (4, 5)
    assert table.fault(1, "age", "is odd") == "row 5, column 'age': is odd"


def test_a_quoted_delimiter_and_line_end_stay_in_their_cell(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, 'case,note\na,"one, two\nthree"\n'))
    assert table.rows == (("a", "one, two\nthree"),)


def test_a_table_of_one_column_is_a_table(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, "case\na\nb\n")).column("case") == ("a", "b")


def test_a_spreadsheet_gives_the_text_a_person_typed(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "readers"
    sheet.append(["case", "age", "seen", "positive", "size"])
    sheet.append([7, 61.0, datetime.date(2020, 5, 4), True, 3.25])
    sheet.append([None, None, None, None, None])
    sheet.append(["b", None, None, False, "n/a"])
    book.save(tmp_path / "labels.xlsx")
    table = read_table(tmp_path / "labels.xlsx")
    assert table.name == "labels.xlsx (sheet 'readers')"
    assert table.rows == (("7", "61", "2020-05-04", "true", "3.25"), ("b", "", "", "false", "n/a"))
    assert table.numbers == (2, 4)


def test_a_formula_is_read_as_its_value_and_never_computed(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["case", "age"])
    sheet.append(["a", "=1+1"])
    book.save(tmp_path / "labels.xlsx")
    assert read_table(tmp_path / "labels.xlsx").rows == (("a", ""),)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("labels.csv", b"", "is empty"),
        ("labels.csv", b"case,age\n", "no row below"),
        ("labels.csv", b"case,age\na,\x00\n", "not text"),
        ("labels.csv", b'case,age\na,"61\n', "check its quotes"),
        ("labels.xlsx", b"case,age\na,61\n", "not a readable XLSX"),
        ("labels.xls", b"\xd0\xcf\x11\xe0", "save it as .xlsx or .csv"),
        ("labels.csv", b",".join(b"c%d" % i for i in range(MAX_COLUMNS + 1)) + b"\n1\n", "columns"),
    ],
)
def test_what_is_no_table_is_refused_with_the_next_step(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    with pytest.raises(ReadError, match=says):
        read_table(written(tmp_path, content, name))


def test_an_archive_that_is_no_spreadsheet_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "labels.xlsx", "w") as archive:
        archive.writestr("anything.txt", "case,age")
    with pytest.raises(ReadError, match="not a readable XLSX"):
        read_table(tmp_path / "labels.xlsx")


def workbook(path: Path) -> dict[str, bytes]:
    """A workbook of 40 rows, and the parts of its archive."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in [["case", "age"], *([f"c{i}", i / 7] for i in range(40))]:
        sheet.append(row)
    book.save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "[Content_Types].xml"])
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.6, 0.99])
def test_a_spreadsheet_with_a_truncated_part_is_refused_in_one_sentence(tmp_path: Path, part: str, kept: float) -> None:
    parts = workbook(tmp_path / "labels.xlsx")
    with zipfile.ZipFile(tmp_path / "labels.xlsx", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content[: int(kept * len(content))] if name == part else content)
    with pytest.raises(ReadError, match="not a readable XLSX file; open it in a spreadsheet, save it anew"):
        read_table(tmp_path / "labels.xlsx")


def test_a_spreadsheet_with_flipped_bytes_is_refused_in_one_sentence(tmp_path: Path) -> None:
    workbook(tmp_path / "labels.xlsx")
    with zipfile.ZipFile(tmp_path / "labels.xlsx") as archive:
        sheet = archive.getinfo("xl/worksheets/sheet1.xml")
    content = (tmp_path / "labels.xlsx").read_bytes()
    for seed in range(60):
        chance = np.random.default_rng(seed)
        damaged = bytearray(content)
        for at in chance.integers(0, sheet.compress_size, 4) + sheet.header_offset + 60:
            damaged[at] ^= 1 + int(chance.integers(255))
        with pytest.raises(ReadError, match="not a readable XLSX file"):
            read_table(written(tmp_path, bytes(damaged), "damaged.xlsx"))


def test_a_missing_table_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"nowhere\.csv does not exist"):
        read_table(tmp_path / "nowhere.csv")


def test_faults_of_form_are_all_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(TableError) as caught:
        read_table(written(tmp_path, "case,age,,age,x\na,1,2,3,4\nb,1,2,3,4,5\n"))
    assert caught.value.faults == (
        "column 3 has no name",
        "column 'age' stands 2 times",
        "row 3 has 6 values, the header names 5 columns",
    )


def test_an_unknown_column_is_answered_with_the_nearest_one(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "case,malignant\na,1\n"))
    with pytest.raises(InputError, match=r"no column 'malignnat': did you mean malignant\?"):
        table.column("malignnat")
    with pytest.raises(TableError) as caught:
        table.require(["case", "malignat", "patient_id"])
    assert len(caught.value.faults) == 2


def test_what_is_not_a_number_is_a_fault_and_what_is_empty_is_not_labelled() -> None:
    table = Table(
        "t.csv",
        ("v",),
        tuple((c,) for c in ("1", "", "nan", "NA", "x", "3,5", "inf", "1_0", "-2e1")),
        tuple(range(2, 11)),
    )
    faults: list[str] = []
    values = numbers_of(table, "v", faults)
    assert values[0] == 1
    assert values[-1] == -20
    assert all(math.isnan(v) for v in values[1:-1])
    assert faults == [
        "row 6, column 'v': 'x' is not a number",
        "row 7, column 'v': '3,5' is not a number; write a point as the decimal sign",
        "row 8, column 'v': 'inf' is not a number",
        "row 9, column 'v': '1_0' is not a number",
    ]
