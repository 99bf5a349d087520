"""radcnn in every row of the matrix of docs/reading.md: right within 0.1 mm and 0.5 HU, or refused by name.

The rows are in tests/matrix. What the peers make of them is written by benchmarks/reading_matrix.py; here they only
show whether the matrix is fair: what is plain must come out right in every reader's hands.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matrix.asking import Asked
from matrix.cells import as_expected, cell_of, mask_cell_of
from matrix.found import Answer, Found
from matrix.judging import Verdict, judged
from matrix.readers import MODULES
from matrix.readers import radcnn as read_by_radcnn
from matrix.rows import MASK_ROWS, ROWS
from matrix.worker import answer

PLAIN = ROWS["plain axial series"]
FAIR = (
    "plain axial series",
    "slices in decreasing order",
    "pixels that are not square",
    "sagittal",
    "oblique about two axes",
    "coding: JPEG 2000 lossless",
    "coding: RLE",
)
PEERS = tuple(name for name in MODULES if name != "radcnn")
has_masks = importlib.util.find_spec("radcnn.data.masks") is not None


def by_radcnn(folder: Path, asked: Mapping[str, Any], *, mask: bool = False) -> Answer:
    return answer("radcnn", folder, asked, mask=mask)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_right_or_refused_by_name(name: str) -> None:
    row = ROWS[name]
    cell = cell_of(row, "radcnn", by_radcnn)
    assert as_expected(row.expected, cell), (cell.words, cell.sentence)
    assert "series_levels" in cell.sentence or ".dcm" in cell.sentence or cell.outcome == "right"
    assert "planted" not in cell.sentence.lower()


@pytest.mark.skipif(not has_masks, reason="this version reads no masks")
@pytest.mark.parametrize("name", MASK_ROWS)
def test_a_mask_lies_on_its_image_or_is_refused(name: str) -> None:
    row = MASK_ROWS[name]
    cell = mask_cell_of(row, "radcnn", by_radcnn)
    assert as_expected(row.expected, cell), (cell.words, cell.sentence)


@pytest.mark.parametrize("name", PEERS)
def test_the_matrix_is_fair_to_peers(name: str) -> None:
    missing = [module for module in MODULES[name] if importlib.util.find_spec(module) is None]
    if missing:
        pytest.skip(f"{name} is not installed ({', '.join(missing)}); it is in the extra [peers]")
    asked = Asked(name)
    try:
        cells = {row: str(cell_of(ROWS[row], name, asked)) for row in FAIR}
    finally:
        asked.close()
    assert cells == dict.fromkeys(FAIR, "right")


def phantoms_of(folder: Path) -> dict[str, list[Found]]:
    return {name: read_by_radcnn(PLAIN.written(folder, name), {}) for name in PLAIN.phantoms}


def changed(found: Mapping[str, list[Found]], **changes: Any) -> Verdict:
    """The verdict over what `radcnn` read, when something was done to it."""
    made = {}
    for name, (one,) in found.items():
        voxels = changes.get("voxels", lambda v: v)(one.voxels)
        affine = changes.get("affine", lambda a: a)(np.array(one.affine))
        made[name] = [replace(one, voxels=voxels, affine=affine)]
    return judged(PLAIN, made)


def test_the_judge_measures_what_was_done_to_a_volume(tmp_path: Path) -> None:
    found = phantoms_of(tmp_path)
    assert changed(found).right(PLAIN)
    shift = np.zeros((4, 4))
    shift[:3, 3] = (3, 4, 12)
    moved = changed(found, affine=lambda a: a + shift)
    assert moved.mm == pytest.approx(13.0, abs=0.05)
    assert moved.values == pytest.approx(0.0, abs=0.5)
    unscaled = changed(found, voxels=lambda v: v + 1024)
    assert unscaled.mm < 0.05
    assert unscaled.values == pytest.approx(1024.0, abs=0.5)
    flipped = changed(found, voxels=lambda v: v[:, ::-1])
    assert flipped.mm == pytest.approx(20.0, abs=0.05)  # 9 slices of 2.5 mm
    stretched = changed(found, affine=lambda a: a @ np.diag([1.1, 1, 1, 1]))
    assert stretched.mm == pytest.approx(2.0, abs=0.05)


def test_the_judge_sees_a_mixture_and_a_single_wrong_slice(tmp_path: Path) -> None:
    found = phantoms_of(tmp_path)

    def swapped(v: np.ndarray) -> np.ndarray:
        return v[:, [0, 1, 2, 4, 3, 5, 6, 7, 8]]

    def one_brighter(v: np.ndarray) -> np.ndarray:
        made = v.copy()
        made[:, 4] += 10
        return made

    assert changed(found, voxels=swapped).mm == pytest.approx(2.5, abs=0.05)
    assert changed(found, voxels=one_brighter).values == pytest.approx(10.0, abs=0.5)
    assert changed(found, voxels=lambda v: v[:, :5]).words == "5 of 9 slices"
    two = ROWS["two series alike in one folder"]
    half = np.concatenate([found["levels"][0].voxels, found["levels"][0].voxels + 55.0], axis=1)
    mixed = {name: [replace(one, voxels=half)] for name, (one,) in found.items()}
    assert judged(two, mixed).words == "mixes volumes"
