"""How many planted copies are found, and how many pairs are found that nobody planted, on real images.

    PYTHONPATH=tests python benchmarks/leaks.py [FOLDER] [--sets NAME ...] [--planted N]

Thresholds were set with these sets in view, so that the figures are no test on unseen images; half A of chest_xray was
looked at most.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from planted_copies import COPIES, saved
from radcnn.data.cohort import Cohort, CohortSettings, gather
from radcnn.data.leaks.pairs import near_duplicate_pairs
from radcnn.data.read import read_source
from radcnn.data.survey import survey


def chest(folder: Path, half: int) -> tuple[list[NDArray], list[str]]:
    """Half of the patients, told by their numbers."""
    made = gather(CohortSettings(folder / "chest_xray", patient_from=r"person\d+|IM-\d+"), salt="s")
    cases = [case for case in made.cases if int(case.patient[1:], 16) % 2 == half]
    return [np.ascontiguousarray(read_source(case.source).voxels[0]) for case in cases], [c.patient for c in cases]


def pneumonia(folder: Path, half: int) -> tuple[list[NDArray], list[str]]:
    """Half of the 28 x 28 images; nobody knows their patients."""
    with np.load(folder / "medmnist" / "pneumoniamnist.npz") as file:
        images = np.concatenate([file[f"{side}_images"] for side in ("train", "val", "test")])[half::2]
    return list(images), [f"p{k}" for k in range(len(images))]


def lesions(folder: Path) -> tuple[list[NDArray], list[str]]:
    """Key slices; the first number of a name is the patient."""
    paths = sorted((folder / "deeplesion50").glob("**/*.jp*g"))
    return [np.asarray(Image.open(path).convert("L")) for path in paths], [path.name[:6] for path in paths]


def files(pattern: str, per_patient: int = 1) -> Callable[[Path], tuple[list[NDArray], list[str]]]:
    """Grey images of a set whose neighbours are one patient."""

    def load(folder: Path) -> tuple[list[NDArray], list[str]]:
        images = [np.asarray(Image.open(path).convert("L")) for path in sorted(folder.glob(pattern))]
        return images, [f"p{k // per_patient}" for k in range(len(images))]

    return load


def cardiac(folder: Path) -> tuple[list[NDArray], list[str]]:
    """Every slice of one phase per patient as an image of its own."""
    images, patients = [], []
    for path in sorted((folder / "acdc").glob("*frame01.npz")):
        with np.load(path) as file:
            volume = file["image"].astype(np.float64)
        for plane in volume:
            images.append(np.clip(255 * plane / np.percentile(volume, 99.5), 0, 255).astype(np.uint8))
            patients.append(path.name[:10])
    return images, patients


SETS: dict[str, Callable[[Path], tuple[list[NDArray], list[str]]]] = {
    "chest_xray half A": lambda folder: chest(folder, 0),
    "chest_xray half B": lambda folder: chest(folder, 1),
    "pneumoniamnist half A": lambda folder: pneumonia(folder, 0),
    "pneumoniamnist half B": lambda folder: pneumonia(folder, 1),
    "mini_mias": files("mini_mias/images/*", 2),
    "deeplesion50": lesions,
    "em_membrane": files("em_membrane/images/*", 100),
    "acdc slices": cardiac,
}


def measured(name: str, load: Callable[[Path], tuple[list[NDArray], list[str]]], folder: Path, planted: int) -> None:
    """Plant `planted` copies of each kind in a set, search it, and print what was found."""
    images, patients = load(folder)
    chance = np.random.default_rng(0)
    truth: dict[tuple[int, int], str] = {}
    owner = list(patients)
    everything = list(images)
    for kind, copy in COPIES.items():
        for k in chance.choice(len(images), min(planted, len(images)), replace=False):
            truth[int(k), len(everything)] = kind
            everything.append(copy(images[k], chance))
            owner.append(f"planted{len(everything)}")
    with tempfile.TemporaryDirectory() as scratch:
        made: Cohort = saved(Path(scratch), everything, patients=owner)
        started = time.perf_counter()
        looks = survey(made, workers=2)
        between = time.perf_counter()
        pairs = near_duplicate_pairs(made, looks, workers=2)
        ended = time.perf_counter()
    report(name, images, pairs, truth)
    print(
        f"   survey {between - started:.1f} s, search {ended - between:.1f} s for {len(everything)} images", flush=True
    )


def report(name: str, images: list[NDArray], pairs: tuple, truth: dict) -> None:
    """Copies found per kind; pairs of originals, equal pixels apart, whoever the patient is; copies of other images."""
    found = {(pair.first, pair.second) for pair in pairs}
    origin = {copy: original for original, copy in truth}
    root = [origin.get(k, k) for k in range(len(images) + len(truth))]
    strange = [p for p in pairs if root[p.first] != root[p.second]]
    equal = [p for p in strange if np.array_equal(images[root[p.first]], images[root[p.second]])]
    false = [p for p in strange if p not in equal]
    own = [p for p in false if max(p.first, p.second) < len(images)]
    hit = sum(pair in found for pair in truth)
    print(
        f"{name}: {len(images)} images, {hit} of {len(truth)} copies found; among the images themselves {len(own)} "
        f"pairs that are not pixel-identical, with copies {len(false)}; {len(equal)} pairs of equal images"
    )
    figures = {(pair.first, pair.second): pair.figure for pair in pairs}
    least = min((figures[pair], kind) for pair, kind in truth.items() if pair in figures)
    print(
        f"   least agreement of a copy {least[0]:.3f} ({least[1]}), largest of a false pair "
        f"{max((p.figure for p in false), default=0):.3f}"
    )
    for kind in COPIES:
        missed = [pair for pair, what in truth.items() if what == kind and pair not in found]
        if missed:
            print(f"   missed {len(missed)} of kind {kind!r}: {missed[:6]}")
    for pair in false[:8]:
        print(
            f"   not planted: {pair.first} {pair.second} (of {root[pair.first]} and {root[pair.second]}) "
            f"{pair.how} {pair.figure:.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=os.environ.get("RADCNN_DATA", "../shared/data"))
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--planted", type=int, default=25)
    given = parser.parse_args()
    for name in given.sets:
        measured(name, SETS[name], Path(given.folder), given.planted)


if __name__ == "__main__":
    main()
