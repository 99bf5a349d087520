"""Labels shuffled across patients teach nothing: the interval of the test AUC contains one half.

Every patient has a texture of their own, the same in all their images. A network can learn to recognise patients, so
that images of one patient on two sides of the split would look like a finding. The last test shows that it would.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli_in_process import QUICK, told
from radcnn.core.chance import generator
from written_studies import Row, save_png, write_csv

COLUMNS = ("--patient", "patient_id", "--target", "label")


def textured_patients(folder: Path, *, patients: int, images: int, seed: int, side: int = 16) -> list[Row]:
    """Images with a texture per patient, shifted and with noise in each image; labels are dealt to patients by lot."""
    labels = generator(seed, "shuffled").permutation(np.arange(patients) % 2)
    rows = []
    for patient in range(patients):
        texture = generator(seed, "texture", patient).normal(0, 30, (side, side))
        for image in range(images):
            chance = generator(seed, "image", patient, image)
            moved = np.roll(texture, tuple(chance.integers(-1, 2, 2)), (0, 1))
            grey = np.clip(128 + moved + chance.normal(0, 15, (side, side)), 0, 255)
            name = f"p{patient:03d}-{image}.png"
            save_png(folder / name, grey.astype(np.uint8))
            rows.append({"image": name, "patient_id": f"patient {patient:03d}", "label": int(labels[patient])})
    return rows


def auc_of_test_side(
    folder: Path, rows: list[Row], *options: str, columns: tuple[str, ...] = COLUMNS
) -> dict[str, Any]:
    """The AUC of the test side with its interval, after a whole run."""
    labels = write_csv(folder / "labels.csv", rows)
    said = told("run", folder / "images", "--out", folder / "study", "--labels", labels, *columns, *options, "--json")
    found: dict[str, Any] = said.json["judgement"]["figures"]["auc"]
    return found


def test_shuffled_labels_give_an_auc_of_one_half_within_its_interval(tmp_path: Path) -> None:
    rows = textured_patients(tmp_path / "images", patients=60, images=4, seed=1)
    auc = auc_of_test_side(tmp_path, rows, *QUICK, "--set", "training.epochs=8", "--set", "training.learning_rate=0.01")
    assert auc["low"] < 0.5 < auc["high"]
    assert auc["high"] - auc["low"] < 0.95, "an interval that says something"


# a plan of fixed length: what fits into minutes differs between machines, and so would the numbers
LARGER = (
    *("--network", "resnet18", "--set", "network.options.base_width=8", "--set", "network.options.stem=small"),
    *("--set", "training.folds=0", "--set", "training.members=1", "--set", "training.precision=float32"),
    *("--set", "training.epochs=6", "--set", "training.batch=32"),
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_shuffled_labels_of_a_larger_study(tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    rows = textured_patients(tmp_path / "images", patients=400, images=4, seed=seed)
    auc = auc_of_test_side(tmp_path, rows, *LARGER, "--seed", str(seed), "--split-seed", str(seed))
    with capsys.disabled():
        print(f"\nseed {seed}: AUC {auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f}, n={auc['n']})")
    assert auc["low"] < 0.5 < auc["high"]


@pytest.mark.slow
def test_the_same_labels_split_by_image_would_look_like_a_finding(tmp_path: Path) -> None:
    rows = textured_patients(tmp_path / "images", patients=30, images=24, seed=0)
    longer = (*LARGER, "--set", "training.epochs=15")  # patients take longer to be learned by heart than noise does
    auc = auc_of_test_side(tmp_path, rows, *longer, columns=("--unit", "image", "--target", "label"))
    assert auc["low"] > 0.6
