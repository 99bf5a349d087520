"""The first sheet of an XLSX file as records of text, or one sentence that says that the file is damaged."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from radcnn.core.errors import ReadError

if TYPE_CHECKING:
    from openpyxl import Workbook

MAX_UNPACKED_BYTES = 2 << 30  # an XLSX file is a ZIP archive; a small one can unpack to terabytes


def first_sheet(path: Path, *, most_columns: int) -> tuple[str, Iterator[list[str]]]:
    """The name of the first sheet and its records, read one by one up to `most_columns` cells.

    Raises ReadError when the file is damaged, too large or no XLSX file; damage within the sheet shows only while its
    records are read.
    """
    try:
        book = _opened(path)
        sheet = book.worksheets[0]
    except ReadError:
        raise
    except Exception as cause:
        _refuse_damaged(path, cause)

    def records() -> Iterator[list[str]]:
        try:
            for row in sheet.iter_rows(values_only=True, max_col=most_columns):
                yield [_cell(value) for value in row]
        except Exception as cause:
            _refuse_damaged(path, cause)
        finally:
            book.close()

    return f"{path.name} (sheet {sheet.title!r})", records()


def _opened(path: Path) -> Workbook:
    import openpyxl

    with zipfile.ZipFile(path) as archive:
        if sum(item.file_size for item in archive.infolist()) > MAX_UNPACKED_BYTES:
            raise ReadError(f"{path.name} unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB; it was not read")
    return openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)


def _refuse_damaged(path: Path, cause: Exception) -> NoReturn:
    """Damaged bytes fail in zipfile, in zlib, in the XML parser or in openpyxl, each with errors of its own."""
    raise ReadError(f"{path.name} is not a readable XLSX file; open it in a spreadsheet, save it anew") from cause


def _cell(value: object) -> str:
    """A spreadsheet's cell as the text a person would have typed."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return str(value).strip()
