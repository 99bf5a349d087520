"""Reading a DICOM series of 200 slices of 512 x 512: radcnn beside SimpleITK, dicom2nifti and pydicom.

    python benchmarks/engine/dicom_series.py [--json FILE]

The readers of benchmarks/reading_speed.py, which has more codings: all geometry is checked by radcnn, none by pydicom's
loop.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from timing import RUNS, Timed, report, versions, write_rows

sys.path.insert(0, str(Path(__file__).parents[1]))
from reading_speed import CODINGS, READERS, REAL, Reader, series_of, written

SLICES, UNCOMPRESSED = 200, CODINGS[0]
TIMED = CODINGS[:2]  # uncompressed, and JPEG 2000, where decoding is most of it
TITLE = f"DICOM series {SLICES}x512x512, {{}}"
FACTS = {"versions": versions("SimpleITK", "pydicom", "dicom2nifti", "pylibjpeg-openjpeg", "pylibjpeg-rle", "pyjpegls")}


def timed(series: Path) -> dict[str, Timed]:
    """Milliseconds of every reader that can read the series, in turns after one that warms up."""
    readers = {name: Reader(name, sys.executable) for name in READERS}
    took: dict[str, list[float]] = {name: [] for name in readers}
    try:
        for run in range(RUNS + 1):
            for name, reader in readers.items():
                found = reader(series)
                if run and "seconds" in found:
                    took[name].append(1000 * found["seconds"])
    finally:
        for reader in readers.values():
            reader.close()
    return {name: Timed(name, tuple(runs)) for name, runs in took.items() if runs}


def row(coding: str, found: dict[str, Timed]) -> dict[str, object]:
    """Uncompressed against SimpleITK; against pydicom's loop where decoding is most of it."""
    peer, reach = ("SimpleITK", 4.0) if coding == UNCOMPRESSED else ("pydicom", 1.8)
    ratio = found[peer].median / found["radcnn"].median
    asked = f"{reach:g} x {peer} (is {ratio:.2f})"
    made = report(TITLE.format(coding), found, ours="radcnn", reach=1.0, asked=asked, extra=FACTS)
    return made | {"reached": ratio >= reach and made["reached"]}


def main() -> None:
    """Write the series in both codings and time all readers."""
    slices, _ = series_of(SLICES, REAL)
    rows = []
    for coding in TIMED:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(row(coding, timed(written(Path(folder, "series"), slices, coding))))
    write_rows(rows)


if __name__ == "__main__":
    main()
