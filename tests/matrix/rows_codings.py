"""Rows about transfer syntaxes: the same four slices in every coding, bit for bit where the coding has no losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from matrix.codings import CODINGS, NEAR
from matrix.grid import stacked
from matrix.row import Row
from matrix.rows_series import series_row
from matrix.store import CT, CT_SIGNED, Store

FOUR = stacked(slices=4)  # not 3: some readers take three for colours
COARSE = Store(np.uint8, 8, slope=12.0, intercept=-900.0)  # CT in 8 bits, which JPEG baseline can hold
LOSSY_BYTES = 36.0  # HU: three steps of 8 bits
LOSSY: dict[str, tuple[Store, float]] = {
    "JPEG baseline": (COARSE, LOSSY_BYTES),
    "JPEG extended, 8 bits": (COARSE, LOSSY_BYTES),
    "JPEG extended, 12 bits": (CT, 40.0),
    "JPEG-LS near-lossless": (CT, NEAR),
    "JPEG 2000 lossy": (CT, 40.0),
}


def _coding(name: str) -> Row:
    store, within = LOSSY.get(name, (CT, 0.5))
    row: dict[str, Any] = {"within": within, "soft": name in LOSSY}
    if name == "JPEG extended, 12 bits":
        row["expected"] = "right|JPEG Extended"  # no permissive decoder of it is at hand in Python
    return series_row(f"coding: {name}", FOUR, store=store, coding=CODINGS[name], row=row)


SIGNED = ("JPEG 2000 lossless", "JPEG-LS lossless", "RLE")
ROWS = (
    *(_coding(name) for name in CODINGS),
    *(series_row(f"coding: {name}, signed", FOUR, store=CT_SIGNED, coding=CODINGS[name]) for name in SIGNED),
)
