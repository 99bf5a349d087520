"""Whether maps point at what is there: pointing game and AUPRC of each method on real circles and on phantom masks.

python benchmarks/localisation.py [--data mias|chest|both] [--minutes 10] [--patients 60] [--folder F] [--json FILE]

mias   the mammograms of RADCNN_DATA/mini_mias with their circles (x, y in units of 1024 pixels, y from the bottom); one
       patient has two images; labels are "abnormal" and "normal"
chest  squares of 72 mm from simulated chest CTs (radcnn simulate chest), half of them with a nodule at a place drawn by
       chance, whose mask is known

A network is trained for the minutes, its test side is opened, and every way of `radcnn explain` is asked for the
abnormal class. Beside each figure stands what other patients' masks reach on the same maps. The last row of each way is
the rank correlation of its maps with those of a network drawn anew.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import radcnn
from radcnn.core.case import Source
from radcnn.core.chance import generator
from radcnn.data.masks.read import read_mask
from radcnn.data.read import read_source
from radcnn.reports.explaining.found import Explained, Looked

UNITS = 1024  # of mini-MIAS circles, whatever the images' pixels
FIELD_MM, PIXELS = 72.0, 72
WINDOW = (-1000.0, 400.0)  # HU, from black to white
MOST = 400  # cases: all of the test side
MUTED = ("RC040", "RC060", "RC061")  # copies among squares of one slice, and labels of films, which stay as they are


def main() -> None:
    """Make each study, train, explain and print a row for each method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=("mias", "chest", "both"), default="both")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--patients", type=int, default=60, help="of the phantom")
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--json", type=Path, default=None)
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="localisation-"))
    rows = []
    for name in ("mias", "chest") if asked.data == "both" else (asked.data,):
        table = mias(folder / name) if name == "mias" else chest(folder / name, asked.patients)
        if table is not None:
            rows += figures(name, table, asked.minutes)
    if asked.json is not None:
        asked.json.write_text("".join(json.dumps(row) + "\n" for row in rows))


def figures(name: str, table: Path, minutes: float) -> list[dict[str, Any]]:
    """Train on a table and its images, and judge every way of making maps on the test side, which is opened once."""
    run = radcnn.run(
        table.parent / "images", out=table.parent / "study", labels=str(table), patient="patient", target=["finding"],
        positive="abnormal", mask="mask", minutes=minutes, fractions=(0.6, 0.15, 0.25), synthetic=name == "chest",
        mute=dict.fromkeys(MUTED, "a benchmark"), keep_sealed=True,
    )  # fmt: skip
    found: Explained = radcnn.explain(run, of="abnormal", most=MOST, open_test=True, reason="localisation benchmark")
    radcnn.evaluate(run, open_test=True, reason="localisation benchmark")
    radcnn.report(run)
    print(f"\n{name}: {found.n} test cases ({found.rule}); {found.marked}; report {run / 'report.html'}")
    rows = [row for way in found.ways for row in rows_of(name, way)]
    for row in rows:
        print(
            f"  {row['way']:22s} {row['figure']:10s} {row['value']}   chance {row['chance']}   beyond {row['beyond']}"
        )
    for sentence in (*found.sentences, *(f"{what}: {why}" for what, why in found.not_applicable)):
        print(f"  {sentence}")
    return rows


def rows_of(data: str, way: Looked) -> list[dict[str, Any]]:
    """The figures of a way of making maps that say where it points, as estimates in words."""
    figures = [figure for key in ("pointing", "auprc", "iou", "randomised") if (figure := way.figure(key)) is not None]
    return [
        {
            "data": data, "way": way.way, "figure": figure.key, "value": str(figure.value),
            "chance": str(figure.chance), "beyond": str(figure.beyond), "n": figure.value.n,
            "patients": figure.value.patients,
        }
        for figure in figures
    ]  # fmt: skip


def mias(folder: Path) -> Path | None:
    """Mammograms with a mask for each image that has circles; None, saying so, where they are absent."""
    root = Path(os.environ.get("RADCNN_DATA", Path(__file__).parents[2] / "shared" / "data")) / "mini_mias"
    if not root.is_dir():
        print(f"{root} is absent: nothing is measured on mammograms", file=sys.stderr)
        return None
    with (root / "labels.csv").open(newline="", encoding="utf-8") as file:
        listed = list(csv.DictReader(file))
    by_name: dict[str, list[dict[str, str]]] = {}
    for row in listed:
        by_name.setdefault(row["Name"], []).append(row)
    rows = []
    for name, entries in by_name.items():
        path = root / "images" / f"{name}.png"
        if not path.is_file():
            continue
        with Image.open(path) as opened:
            image = np.asarray(opened.convert("L"))
        circles = [tuple(float(row[key]) for key in "xyr") for row in entries if row["x"].strip().isdigit()]
        save(folder / "images" / f"{name}.png", image)
        mask = ""
        if circles:
            mask = f"masks/{name}-mask.png"
            save(folder / "images" / mask, 255 * disc(image.shape, circles).astype(np.uint8))
        sick = any(row["Abnormality"].strip() != "NORM" for row in entries)
        patient = f"m{(int(name[3:]) + 1) // 2:03d}"  # images 2k - 1 and 2k are one patient
        rows.append((f"{name}.png", patient, ("normal", "abnormal")[sick], mask))
    return write_table(folder, rows)


def disc(shape: tuple[int, ...], circles: list[tuple[float, ...]]) -> np.ndarray:
    """Circles (x, y, r) in units of 1024 with y from the bottom, as a mask of an image."""
    rows, columns = np.indices(shape)
    down, across = UNITS / shape[0], UNITS / shape[1]
    found = np.zeros(shape, bool)
    for x, y, r in circles:
        found |= ((columns + 0.5) * across - x) ** 2 + ((UNITS - (rows + 0.5) * down) - y) ** 2 <= r**2
    return found


def chest(folder: Path, patients: int) -> Path:
    """Squares of simulated chest slices, with a nodule somewhere in them or none."""
    simulated = folder / "simulated"
    if not simulated.is_dir():
        radcnn.simulate("chest", out=simulated, patients=patients)
    rows = []
    for series in sorted((simulated / "images").glob("*/ct")):
        patient = series.parent.name
        volume = read_source(Source(series))
        file = simulated / "nodules" / f"{patient}.nii.gz"
        mask = read_mask(file, volume).volume.voxels[0] if file.is_file() else np.zeros(volume.size, np.uint8)
        tissue = read_mask(simulated / "tissues" / f"{patient}.nii.gz", volume).volume.voxels[0]
        chance = generator(0, "localisation", patient)
        spacing = volume.spacing_mm or (1.0, 1.0, 1.0)
        places = [(label, np.argwhere(mask == label)) for label in np.unique(mask[mask > 0])]
        lung = np.argwhere(volume.voxels[0] < -700)
        for k, (_, voxels) in enumerate(places[:3]):
            middle = voxels.mean(0)
            rows.append(cut(folder, f"{patient}-{k}", volume.voxels[0], mask, middle, spacing, chance, patient, True))
        inner = lung[tissue[tuple(lung.T)] > 0] if len(lung) else lung
        for k in range(max(1, len(places[:3]))):
            for middle in chance.permutation(inner)[:50]:
                row = cut(folder, f"{patient}-n{k}", volume.voxels[0], mask, middle, spacing, chance, patient, False)
                if row is not None:
                    rows.append(row)
                    break
    return write_table(folder, [row for row in rows if row is not None])


def cut(
    folder: Path, name: str, voxels: np.ndarray, mask: np.ndarray, middle: np.ndarray, spacing: tuple[float, ...],
    chance: np.random.Generator, patient: str, sick: bool,
) -> tuple[str, str, str, str] | None:  # fmt: skip
    """Write a square of 72 mm of the slice through a place, moved by chance; None where one without nodule has one."""
    slice_, row, column = (float(v) for v in middle)
    moved = chance.uniform(-0.3, 0.3, 2) * FIELD_MM
    at = [
        np.clip(np.rint(c + (m + (np.arange(PIXELS) + 0.5) * FIELD_MM / PIXELS - FIELD_MM / 2) / s), 0, n - 1).astype(
            int
        )
        for c, m, s, n in zip((row, column), moved, spacing[1:], voxels.shape[1:], strict=True)
    ]
    plane = voxels[round(slice_)][np.ix_(*at)]
    there = mask[round(slice_)][np.ix_(*at)] > 0
    if there.any() != sick:
        return None
    low, high = WINDOW
    save(
        folder / "images" / f"{name}.png", np.round(255 * np.clip((plane - low) / (high - low), 0, 1)).astype(np.uint8)
    )
    if sick:
        save(folder / "images" / "masks" / f"{name}-mask.png", 255 * there.astype(np.uint8))
    file = f"masks/{name}-mask.png" if sick else ""
    return f"{name}.png", patient, ("normal", "abnormal")[sick], file


def save(path: Path, image: np.ndarray) -> None:
    """A PNG, its folder made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def write_table(folder: Path, rows: list[tuple[str, str, str, str]]) -> Path:
    """The table of a study."""
    path = folder / "labels.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "patient", "finding", "mask"))
        writer.writerows(rows)
    return path


if __name__ == "__main__":
    main()
