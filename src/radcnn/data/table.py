"""A Table: what a person wrote in CSV, TSV or XLSX, as plain text cells that know their row and column."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from pathlib import Path

from radcnn.core.catalogue import did_you_mean
from radcnn.core.cells import as_number, is_missing
from radcnn.core.errors import InputError, ReadError, TableError
from radcnn.core.files import reading
from radcnn.data.spreadsheet import first_sheet

MAX_BYTES = 256 << 20  # a table larger than this is not a table of labels
MAX_ROWS = 2_000_000
MAX_COLUMNS = 2_000
SNIFFED_RECORDS = 50  # records read to find the delimiter
DELIMITERS = (",", ";", "\t", "|")
EXCEL_ERRORS = frozenset({"#ref!", "#value!", "#div/0!", "#name?", "#num!", "#null!"})  # of a formula that failed
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True)
class Table:
    """Text cells of a table.

    name     the file's name, for messages
    columns  names of the columns, stripped
    rows     one tuple of stripped text per row, as long as `columns`
    numbers  the row's number as a spreadsheet shows it: the header is row 1
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def index(self, column: str) -> int:
        """The position of a column; raises InputError naming the nearest column otherwise.

        >>> Table("t.csv", ("case", "age"), (("a", "61"),), (2,)).index("age")
        1
        """
        if column not in self.columns:
            raise InputError(f"{self.name} has no column {column!r}: {did_you_mean(column, self.columns)}")
        return self.columns.index(column)

    def column(self, name: str) -> tuple[str, ...]:
        """The cells of one column; raises InputError when there is no such column."""
        return self._cells[self.index(name)]

    @cached_property
    def _cells(self) -> tuple[tuple[str, ...], ...]:
        return tuple(zip(*self.rows, strict=True)) if self.rows else ((),) * len(self.columns)

    def require(self, columns: Iterable[str]) -> None:
        """Raise TableError naming every column that is missing, each with its nearest name."""
        missing = [c for c in columns if c not in self.columns]
        if missing:
            raise TableError(self.name, [f"no column {c!r}: {did_you_mean(c, self.columns)}" for c in missing])

    def fault(self, row: int, column: str, sentence: str) -> str:
        """A fault's sentence with its place; `row` counts from 0.

        >>> Table("t.csv", ("case", "age"), (("a", "x"),), (2,)).fault(0, "age", "'x' is not a number")
        "row 2, column 'age': 'x' is not a number"
        """
        return f"row {self.numbers[row]}, column {column!r}: {sentence}"


def failed_formulas(table: Table, columns: Iterable[str]) -> list[str]:
    """A fault for every cell of these columns that holds a spreadsheet's error value, which is neither word nor gap."""
    return [
        table.fault(row, column, f"{cell} is what a spreadsheet shows where a formula failed; correct it, or empty it")
        for column in columns
        for row, cell in enumerate(table.column(column))
        if cell.casefold() in EXCEL_ERRORS
    ]


def numbers_of(table: Table, column: str, faults: list[str]) -> list[float]:
    """A column as numbers, NaN where not labelled; what is not a number is added to `faults`."""
    values = []
    for row, cell in enumerate(table.column(column)):
        number = math.nan if is_missing(cell) else as_number(cell)
        if number is None:
            hint = "; write a point as the decimal sign" if DECIMAL_COMMA.fullmatch(cell) else ""
            faults.append(table.fault(row, column, f"{cell!r} is not a number{hint}"))
        values.append(math.nan if number is None else number)
    return values


def read_table(path: Path | str) -> Table:
    """Read a CSV, TSV or XLSX table: values only, never a formula; the first row names the columns.

    Text may be UTF-8 (with or without byte order mark), UTF-16 with one, or Windows-1252; the delimiter, a comma,
    semicolon, tab or bar, is found from the first records. Blank rows are passed over. Raises ReadError when the
    file is no table, TableError listing every fault of its form.
    """
    path = Path(path)
    with reading(path):
        size = path.stat().st_size if path.is_file() else None
    if size is None:
        raise ReadError(f"table {path} does not exist; give the path of a CSV, TSV or XLSX file")
    if size > MAX_BYTES:
        raise ReadError(f"{path.name} has more than {MAX_BYTES >> 20} MiB; a table of labels is smaller")
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        name, records = first_sheet(path, most_columns=MAX_COLUMNS + 1)
    elif path.suffix.lower() in (".xls", ".ods"):
        raise ReadError(f"{path.name} is a {path.suffix} file, which is not read; save it as .xlsx or .csv")
    else:
        name, records = path.name, _delimited(path)
    return _checked(name, records)


def _checked(name: str, records: Iterable[list[str]]) -> Table:
    """A Table from records of any length; the first one that is not blank is the header."""
    numbered = ((number, record) for number, record in enumerate(records, start=1) if any(record))
    _, header = next(numbered, (0, []))
    columns = _without_empty_tail(header)
    if not columns:
        raise ReadError(f"{name} is empty; its first row must name the columns")
    if len(columns) > MAX_COLUMNS:
        raise ReadError(f"{name} has more than {MAX_COLUMNS} columns; a table of labels has fewer")
    faults = [f"column {i} has no name" for i, column in enumerate(columns, start=1) if not column]
    faults += [f"column {c!r} stands {columns.count(c)} times" for c in dict.fromkeys(columns) if columns.count(c) > 1]
    rows: list[tuple[str, ...]] = []
    numbers: list[int] = []
    for number, record in numbered:
        cells = record if record[-1] else _without_empty_tail(record)
        if len(rows) == MAX_ROWS:
            raise ReadError(f"{name} has more than {MAX_ROWS} rows; a table of labels has fewer")
        if len(cells) > len(columns):
            faults.append(f"row {number} has {len(cells)} values, the header names {len(columns)} columns")
        rows.append((*cells, *repeat("", len(columns) - len(cells))))
        numbers.append(number)
    if faults:
        raise TableError(name, faults)
    if not rows:
        raise ReadError(f"{name} names columns but has no row below them")
    return Table(name, tuple(columns), tuple(rows), tuple(numbers))


def _without_empty_tail(record: list[str]) -> list[str]:
    end = len(record)
    while end and not record[end - 1]:
        end -= 1
    return record[:end]


def _delimited(path: Path) -> Iterator[list[str]]:
    text = _decoded(path)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(text)
    try:
        for record in csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True):
            yield [cell.strip() for cell in record]
    except csv.Error as cause:
        raise ReadError(f"{path.name} is not a readable table ({cause}); check its quotes") from cause


def _decoded(path: Path) -> str:
    with reading(path):
        content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\0" in content:
        raise ReadError(f"{path.name} is not text (it holds zero bytes); give a CSV, TSV or XLSX table")
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ReadError(f"{path.name} is neither UTF-8 nor Windows-1252 text; save it as UTF-8")


def _delimiter(text: str) -> str:
    """The delimiter that cuts the first records into the most columns, alike in number; a comma when none does."""
    lines = text.splitlines(keepends=True)[:SNIFFED_RECORDS]

    def score(delimiter: str) -> tuple[float, int]:
        try:
            widths = [len(record) for record in csv.reader(lines, delimiter=delimiter) if record]
        except csv.Error:
            return (0.0, 0)
        if not widths or widths[0] < 2:
            return (0.0, 0)
        return (sum(width == widths[0] for width in widths) / len(widths), widths[0])

    return max(DELIMITERS, key=score)
