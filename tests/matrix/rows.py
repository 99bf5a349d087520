"""The catalogue of rows, in the order of docs/reading.md."""

from __future__ import annotations

from matrix import rows_choice, rows_codings, rows_masks, rows_objects, rows_series, rows_values
from matrix.row import MaskRow, Row

CHAPTERS: dict[str, tuple[Row, ...]] = {
    "One series": rows_series.ROWS,
    "Several volumes in a folder": rows_choice.ROWS,
    "Many frames in a file": rows_objects.ROWS,
    "What numbers mean": rows_values.ROWS,
    "Transfer syntaxes": rows_codings.ROWS,
}
MASKS: tuple[MaskRow, ...] = rows_masks.ROWS
ROWS: dict[str, Row] = {row.name: row for rows in CHAPTERS.values() for row in rows}
MASK_ROWS: dict[str, MaskRow] = {row.name: row for row in MASKS}
assert len(ROWS) == sum(len(rows) for rows in CHAPTERS.values()), "names are different"
