"""Run every engine benchmark beside its peers, then the cost curves, and write both to docs/benchmarks.md.

    python benchmarks/bench.py [--out docs/benchmarks.md] [--only NAME ...]

Each script of benchmarks/engine and benchmarks/curves runs in a process of its own, one after the other; the page names
those that fail. Peers need the extra [peers]; `make bench` makes an environment that has them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from radcnn.core.cores import available_cores

HERE = Path(__file__).parent
MODULES = ("timing.py", "steps.py", "unet.py", "phantoms.py", "phantom_masks.py", "measuring.py")  # of the scripts
LONGEST = 900  # seconds of one script
NAMED = (
    "torch", "numpy", "numba", "scipy", "scikit-learn", "scikit-image", "SimpleITK", "monai", "torchio", "nnunetv2",
    "batchgeneratorsv2", "surface-distance-based-measures", "edt", "connected-components-3d", "onnxruntime", "openvino",
    "captum",
)  # fmt: skip


def main() -> int:
    """Run, collect, write; 1 where a script failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "benchmarks.md")
    parser.add_argument("--only", nargs="*", help="names of scripts, without .py")
    asked = parser.parse_args()
    places = [path for room in ("engine", "curves") for path in sorted((HERE / room).glob("*.py"))]
    scripts = [path for path in places if path.name not in MODULES]
    if asked.only:
        scripts = [path for path in scripts if path.stem in asked.only]
    started, rows, failed = time.monotonic(), [], []
    for script in scripts:
        print(f"== {script.stem}", flush=True)
        began = time.monotonic()
        found = run(script)
        print(f"   {script.stem}: {time.monotonic() - began:.0f} s", flush=True)
        rows += found
        if not found:
            failed.append(script.stem)
        asked.out.write_text(page(rows, failed, time.monotonic() - started), encoding="utf-8")
    print(f"wrote {asked.out}")
    return 1 if failed else 0


def run(script: Path) -> list[dict[str, Any]]:
    """The rows, or the curve, of one script; none where it failed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        places = [str(HERE.parent / "src"), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(place for place in places if place)}
        try:
            done = subprocess.run(
                [sys.executable, str(script), "--json", str(path)], env=environment, timeout=LONGEST, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            done = 1
        if done or not path.is_file():
            return []
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def page(rows: list[dict[str, Any]], failed: list[str], seconds: float) -> str:
    """The whole document."""
    day, took = f"{datetime.now(UTC):%Y-%m-%d}", f"{seconds / 60:.0f} minutes"
    cores = f"{available_cores()} cores"
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`: radcnn and its peers side by side, each job in turn in one process, medians. A ratio",
        "is the best peer's median over ours; machines differ, ratios less.",
        "",
        ", ".join((day, processor(), cores, f"Python {platform.python_version()}", took)) + ".",
        "",
        "| job | radcnn | peers | best peer / radcnn | to reach | |",
        "|---|---|---|---|---|---|",
        *(line(row) for row in rows if "row" in row),
        "",
    ]
    notes = [f"- **{row['row']}**: {row['note']}" for row in rows if "row" in row and row.get("note")]
    if notes:
        lines += ["## Notes", "", *notes, ""]
    lines += [part for row in rows if "curve" in row for part in curve(row)]
    if failed:
        lines += ["## Not measured", "", *(f"- `{name}.py` failed here" for name in failed), ""]
    lines += ["## Versions", "", ", ".join(versions()), ""]
    return "\n".join(lines)


def line(row: dict[str, Any]) -> str:
    """One row of the table."""
    unit = row["unit"]
    memory = row.get("memory_mib") or {}

    def told(job: dict[str, Any]) -> str:
        beside = f", {memory[job['name']]:.0f} MiB" if job["name"] in memory else ""
        return f"{amount(job['median'])} {unit}{beside}"

    peers = "; ".join(f"{peer['name']} {told(peer)}" for peer in row["peers"])
    verdict = "reached" if row["reached"] else "**short**"
    return f"| {row['row']} | {told(row['ours'])} | {peers} | {amount(row['ratio'])} | {row['reach']} | {verdict} |"


def curve(found: dict[str, Any]) -> list[str]:
    """A section for one cost curve."""
    columns = found["columns"]
    told = [[f"{value:,}" if isinstance(value, int) else str(value) for value in row] for row in found["rows"]]
    lines = [columns, ["---"] * len(columns), *told]
    return [f"## {found['curve']}", "", found["note"] + ".", "", *(f"| {' | '.join(cells)} |" for cells in lines), ""]


def amount(value: float) -> str:
    """Three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def processor() -> str:
    """The processor's own name."""
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].split(":", 1)[1].strip() if names else platform.processor()


def versions() -> list[str]:
    """Of the packages that were compared."""
    installed = {found.metadata["Name"].lower(): found.version for found in distributions()}
    return [f"{name} {installed[name.lower()]}" for name in NAMED if name.lower() in installed]


if __name__ == "__main__":
    sys.exit(main())
