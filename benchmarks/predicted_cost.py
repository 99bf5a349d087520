"""What `radcnn check` predicts of a training, and what it then took: minutes, peak memory, disk, on three studies.

    python benchmarks/predicted_cost.py [--data FOLDER] [--minutes M] [--patients N] [--only NAME]

The studies are PneumoniaMNIST (2D, npz), AdrenalMNIST3D (3D, npz) and simulated CT nodules (3D regions of DICOM
series). Each is made and checked, then trained in a process of its own, whose peak memory (ru_maxrss), wall and CPU
time and bytes on the disk are compared with the prediction. Beside wall minutes stand CPU minutes shared out over the
cores: what the wall would have shown on a machine without other work, if all cores were kept busy. `ratio` is
prediction / measurement; the aim is 0.5 to 2.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radcnn.core.cores import available_cores

MIB = 2**20
NODULES = {
    "labels": "nodules.csv", "target": "malignant", "patient": "patient", "site": "site", "image": "series",
    "case": "case", "centre": ["x_mm", "y_mm", "z_mm"], "synthetic": True,
}  # fmt: skip


@dataclass(frozen=True)
class Took:
    """What a process took."""

    wall_minutes: float
    cpu_minutes: float
    memory_bytes: int


def main() -> None:
    """Print one table per study and the ratios of all."""
    given = arguments()
    rows: list[dict[str, Any]] = []
    for name in STUDIES if given.only is None else [given.only]:
        with tempfile.TemporaryDirectory(prefix="predicted-cost-") as folder:
            rows.append({"study": name, **measured(STUDIES[name](Path(folder), given), Path(folder), given.minutes)})
        print(json.dumps(rows[-1]), flush=True)
    for what, unit in (("minutes", "min"), ("memory", "MiB"), ("disk", "MiB")):
        print(f"\n{what:<8}  study              predicted  measured  ratio   ({unit})")
        for row in rows:
            predicted, found = row[what]
            print(f"{'':8}  {row['study']:<16} {predicted:11.2f} {found:9.2f} {predicted / found:6.2f}")
    print("\nminutes are CPU minutes over the cores; wall minutes were", [round(row["wall"], 2) for row in rows])


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("/work/shared/data"))
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--patients", type=int, default=32, help="simulated patients")
    parser.add_argument("--only", choices=sorted(STUDIES))
    return parser.parse_args()


def measured(new: dict[str, Any], folder: Path, minutes: float) -> dict[str, Any]:
    """Predicted and measured minutes, MiB of memory and MiB of disk of one study."""
    study = folder / "study"
    call("radcnn.new(out={out!r}, minutes={minutes}, **{new!r})", out=str(study), minutes=minutes, new=new)
    before = size_of(study)
    checked = json.loads(command("check", study, "--json", "--quiet").stdout)
    took = timed(sys.executable, "-m", "radcnn", "train", str(study), "--quiet")
    disk = size_of(study) - before
    plan = json.loads((study / "runs" / "run-001" / "plan.json").read_text())
    networks = plan["training"]["folds"] or plan["training"]["members"]
    return {
        "minutes": (checked["minutes"], took.cpu_minutes / available_cores()),
        "memory": (checked["memory_mib"], took.memory_bytes / MIB),
        "disk": (checked["disk_mib"], disk / MIB),
        "wall": took.wall_minutes,
        "plan": [plan["network"], networks, plan["training"]["epochs"], plan["training"]["batch"],
                 plan["preparation"]["size"]],
    }  # fmt: skip


def npz(name: str) -> Any:
    """A study of one of MedMNIST's files."""
    return lambda _, given: {"data": str(given.data / "medmnist" / name)}


def nodules(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """A study of simulated CT series."""
    images = folder / "simulated-ct"
    call(
        "from radcnn.physics.phantoms.study import simulate_nodule_study as s; from pathlib import Path; "
        "s(Path({images!r}), patients={patients}, seed=0)",
        images=str(images), patients=given.patients,
    )  # fmt: skip
    return {**NODULES, "data": str(images), "labels": str(images / "nodules.csv")}


STUDIES = {
    "pneumoniamnist": npz("pneumoniamnist.npz"),
    "adrenalmnist3d": npz("adrenalmnist3d.npz"),
    "nodules": nodules,
}


def call(code: str, **values: Any) -> None:
    """Run a line of Python in a process of its own, so that this one's memory and threads stay out of it."""
    subprocess.run([sys.executable, "-c", "import radcnn; " + code.format(**values)], check=True)


def command(*words: object) -> subprocess.CompletedProcess[str]:
    """Run a verb; exit code 1 is an error finding, which changes no cost."""
    done = subprocess.run([sys.executable, "-m", "radcnn", *map(str, words)], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done


def timed(*words: str) -> Took:
    """Run a command and take what the system says it took."""
    started = time.monotonic()
    child = subprocess.Popen(words)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, words
    wall = time.monotonic() - started
    return Took(wall / 60, (usage.ru_utime + usage.ru_stime) / 60, usage.ru_maxrss * 1024)


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
