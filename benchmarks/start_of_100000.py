"""How long a study of many small images takes to be built, and then to start: opened, cases found, the first batch.

    python benchmarks/start_of_100000.py [--form npz|png] [--images N] [--folder FOLDER]

Images of 28 x 28 are simulated, and written as an npz file of MedMNIST's form or as PNG files with a table. The study
is made and its cases are prepared; then a process of its own opens it and says what each step took, in seconds, and
how much memory it holds: its own (anonymous), and pages of files, which the system may take back. A folder is used
again.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

SIDE, BATCH, BATCHES = 28, 128, 200


def main() -> None:
    """Build once, start twice: the second time from a warm file cache."""
    given = arguments()
    with tempfile.TemporaryDirectory(prefix="start-of-many-") as made:
        folder = given.folder or Path(made)
        study = folder / f"study-{given.form}-{given.images}"
        for what in ("build", "start", "start"):
            words = [sys.executable, __file__, "--step", what, str(study), "--form", given.form]
            subprocess.run([*words, "--images", str(given.images)], check=True)


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--form", choices=("npz", "png"), default="npz")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--step", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


@contextmanager
def timed(took: dict[str, float], what: str) -> Iterator[None]:
    """Note the seconds of a step."""
    began = time.perf_counter()
    yield
    took[what] = round(time.perf_counter() - began, 3)


def build(study: Path, form: str, images: int) -> dict[str, float]:
    """Write the images, make the study, prepare its cases."""
    import radcnn
    from radcnn.study.folder import StudyFolder
    from radcnn.study.listener import SILENCE
    from radcnn.study.open_study import open_study

    took: dict[str, float] = {}
    study.parent.mkdir(parents=True, exist_ok=True)
    if not study.exists():
        with timed(took, "write images"):
            options = written(study.parent / f"images-{form}-{images}", form, images)
        with timed(took, "new"):
            radcnn.new(out=study, **options)
    opened = open_study(StudyFolder(study))
    plan = opened.propose()
    with timed(took, "prepare"):
        for sides in (("test",), ("training", "tuning")):
            opened.prepared(opened.rows(*sides), plan.preparation, SILENCE)
    took["cache MiB"] = sum(path.stat().st_size for path in (study / "cache").rglob("*") if path.is_file()) >> 20
    return took


def written(folder: Path, form: str, images: int) -> dict[str, object]:
    """The images on the disk, and how a study of them is made."""
    chance = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    pixels = chance.integers(0, 256, (images, SIDE, SIDE), dtype=np.uint8)
    labels = chance.integers(0, 2, images)
    if form == "npz":
        parts = np.split(np.arange(images), [8 * images // 10, 9 * images // 10])
        arrays = {}
        for side, rows in zip(("train", "val", "test"), parts, strict=True):
            arrays |= {f"{side}_images": pixels[rows], f"{side}_labels": labels[rows, None]}
        np.savez(folder / "many.npz", **arrays)
        return {"data": folder / "many.npz"}
    with (folder / "table.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "patient", "finding"])
        for number in range(images):
            name = f"{number // 1000:03d}/{number:06d}.png"
            (folder / name).parent.mkdir(exist_ok=True)
            Image.fromarray(pixels[number]).save(folder / name)
            table.writerow([name, f"p{number:06d}", labels[number]])
    return {
        "data": folder, "labels": folder / "table.csv", "image": "image", "patient": "patient", "target": ["finding"],
    }  # fmt: skip


def start(study: Path) -> dict[str, float]:
    """What `radcnn train` does before its first step, and batches."""
    from radcnn.core.collecting import collect_rarely

    took: dict[str, float] = {}
    began = time.perf_counter()
    collect_rarely()  # as the command does
    with timed(took, "import"):
        from radcnn.learning.batches import Cases
        from radcnn.study.clearance import predicted_cost
        from radcnn.study.folder import StudyFolder
        from radcnn.study.found import key_of
        from radcnn.study.listener import SILENCE
        from radcnn.study.open_study import open_study
    with timed(took, "open the study"):
        opened = open_study(StudyFolder(study))
        plan = opened.propose()
    with timed(took, "key of the checks"):
        key_of(opened)
    with timed(took, "predicted cost"):
        predicted_cost(opened, plan)
    with timed(took, "find test cases"):
        opened.prepared(opened.rows("test"), plan.preparation, SILENCE)
    with timed(took, "find training cases"):
        order = opened.rows("training", "tuning")
        cases = Cases(opened.prepared(order, plan.preparation, SILENCE), opened.targets(order))
    with timed(took, "digest"):
        _ = cases.digest
    chance = np.random.default_rng(0)
    with timed(took, "first batch"):
        cases.batch(chance.integers(0, len(cases), BATCH))
    took["all"] = round(time.perf_counter() - began, 3)
    runs = []
    for _ in range(BATCHES):
        rows = chance.integers(0, len(cases), BATCH)
        began = time.perf_counter()
        cases.batch(rows)
        runs.append(time.perf_counter() - began)
    took["batch ms"] = round(1000 * float(np.median(runs)), 3)
    said = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    for name, field in (("own MiB", "RssAnon"), ("file MiB", "RssFile")):
        took[name] = int(said[field].split()[0]) >> 10
    return took


if __name__ == "__main__":
    given = arguments()
    if given.step is None:
        main()
    else:
        what, place = given.step[0], Path(given.step[1])
        figures = build(place, given.form, given.images) if what == "build" else start(place)
        print(what, json.dumps(figures), flush=True)
