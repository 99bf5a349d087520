"""The matrix of docs/reading.md: radcnn and its peers on synthetic DICOM with a known truth, errors in mm and in HU.

    python benchmarks/reading_matrix.py --out docs/reading.md

Needs the extra [peers]; peers may also live in an environment of their own (--peers-python). Only what stands between
the two marks of the page is written anew, so that its prose can be edited by hand. Each reader runs in a process of its
own, which is started again when it crashes or hangs. Takes about five minutes.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from matrix.asking import Asked
from matrix.cells import Cell, as_expected, cell_of, mask_cell_of
from matrix.readers import READERS
from matrix.rows import CHAPTERS, MASKS

BEGIN, END = "<!-- matrix: begin -->", "<!-- matrix: end -->"
PACKAGES = ("radcnn", "monai", "itk", "SimpleITK", "dicom2nifti", "highdicom", "pydicom", "python-gdcm", "numpy")
VERSIONS = """
import importlib.metadata, sys
for name in sys.argv[1:]:
    try:
        print(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        pass
"""
OUTCOMES = ("right", "refuses", "wrong", "crashes", "not asked")

Line = tuple[str, Mapping[str, Cell]]


def main() -> None:
    """Read every row with every reader, and write the page."""
    given = _parser().parse_args()
    readers = given.reader or list(READERS)
    lines: dict[str, list[Line]] = {}
    asked = {name: Asked(name, python=_python(name, given.peers_python)) for name in readers}
    try:
        for chapter, rows in CHAPTERS.items():
            lines[chapter] = [_told((row.name, {n: cell_of(row, n, ask) for n, ask in asked.items()})) for row in rows]
        lines["Labels"] = [
            _told((row.name, {n: mask_cell_of(row, n, ask) for n, ask in asked.items()})) for row in MASKS
        ]
    finally:
        for each in asked.values():
            each.close()
    page = _page(lines, readers, given.peers_python)
    if given.out is None:
        print(page)
    else:
        _write(given.out, page)
    _tell_failures(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, help="the page to write; else the tables are printed")
    parser.add_argument("--peers-python", default=sys.executable, help="the Python in which the peers are installed")
    parser.add_argument("--reader", action="append", choices=READERS, help="one of the readers; may be repeated")
    return parser


def _python(name: str, peers: str) -> str:
    return sys.executable if name == "radcnn" else peers


def _told(line: Line) -> Line:
    """Tell on stderr where we are."""
    name, cells = line
    words = "  ".join(f"{reader}: {cell}" for reader, cell in cells.items())
    print(f"{name:<55} {words}", file=sys.stderr, flush=True)
    return line


def _page(lines: Mapping[str, Sequence[Line]], readers: Sequence[str], peers: str) -> str:
    today = datetime.date.today().isoformat()
    rows = sum(len(chapter) for chapter in lines.values())
    parts = [f"{rows} rows, measured on {today} with {_versions(peers)}, Python {platform.python_version()}.", ""]
    parts += _table("", ["outcome", *readers], _counts(lines, readers))
    for chapter, own in lines.items():
        body = [[name, *(_shown(cells[reader]) for reader in readers)] for name, cells in own]
        parts += _table(chapter, ["row", *readers], body)
    return "\n".join(parts)


def _versions(peers: str) -> str:
    found: dict[str, str] = {}
    for python in dict.fromkeys((peers, sys.executable)):
        said = subprocess.run([python, "-c", VERSIONS, *PACKAGES], capture_output=True, text=True, check=True).stdout
        found |= dict(line.split() for line in said.splitlines())
    return ", ".join(f"{name} {found[name]}" for name in PACKAGES if name in found)


def _counts(lines: Mapping[str, Sequence[Line]], readers: Sequence[str]) -> list[list[str]]:
    counted = {
        reader: Counter(cells[reader].outcome for own in lines.values() for _, cells in own) for reader in readers
    }
    return [
        [outcome, *(str(counted[reader][outcome]) for reader in readers)]
        for outcome in OUTCOMES
        if any(counted[reader][outcome] for reader in readers)
    ]


def _table(title: str, head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown, with its title above it."""
    made = [f"### {title}", ""] if title else []
    made += ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return [*made, *("| " + " | ".join(cells) + " |" for cells in body), ""]


def _shown(cell: Cell) -> str:
    if cell.outcome == "not asked":
        return "–"
    return f"**{cell}**" if cell.outcome in ("wrong", "crashes") else str(cell)


def _write(path: Path, page: str) -> None:
    """Put the tables between the marks of the page."""
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit(f"{path.name} lacks the marks {BEGIN} and {END}, between which the tables are written")
    path.write_text(f"{before}{BEGIN}\n\n{page}\n{END}{after}", encoding="utf-8")


def _tell_failures(lines: Mapping[str, Sequence[Line]]) -> None:
    """Exit with 1 where radcnn did not what its row says."""
    expected = {row.name: row.expected for rows in (*CHAPTERS.values(), MASKS) for row in rows}
    ours = [(name, cells["radcnn"]) for own in lines.values() for name, cells in own if "radcnn" in cells]
    failed = [f"{name}: {cell} {cell.sentence}" for name, cell in ours if not as_expected(expected[name], cell)]
    if failed:
        raise SystemExit("radcnn is neither right nor refuses by name in\n  " + "\n  ".join(failed))


if __name__ == "__main__":
    main()
