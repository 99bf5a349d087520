"""Which file is the mask of which image: folders, patterns, npz arrays, and what has no partner."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radcnn.core.errors import InputError
from radcnn.data.cohort import CohortSettings, gather
from radcnn.data.outlined import draft_from_masks, masks_meant


def png(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8), value, np.uint8)).save(path)


def npz(path: Path, **arrays: np.ndarray) -> None:
    np.savez(path, **arrays)


def pairs(folder: Path, masks: str) -> list[tuple[str, str]]:
    found = draft_from_masks(folder, masks)
    assert found.masks is not None
    return [
        (source.path.name, mask.path.name if mask is not None else "")
        for source, mask in zip(found.sources, found.masks, strict=True)
    ]


def test_masks_are_found_by_a_pattern_of_names(tmp_path: Path) -> None:
    for name in ("p1", "p2"):
        png(tmp_path / f"{name}_t1.png")
        png(tmp_path / f"{name}_label.png")
    assert pairs(tmp_path, "*_label*") == [("p1_t1.png", "p1_label.png"), ("p2_t1.png", "p2_label.png")]


def test_masks_are_found_in_a_folder_of_their_own(tmp_path: Path) -> None:
    for name in ("p1", "p2"):
        png(tmp_path / "imagesTr" / f"{name}_0000.png")
        png(tmp_path / "labelsTr" / f"{name}.png")
    wanted = [("p1_0000.png", "p1.png"), ("p2_0000.png", "p2.png")]
    assert masks_meant(tmp_path) == "labelsTr"
    assert pairs(tmp_path, "labelsTr") == pairs(tmp_path / "imagesTr", str(tmp_path / "labelsTr")) == wanted


def test_masks_are_found_in_npz_files(tmp_path: Path) -> None:
    size = (2, 6, 6)
    for name in ("p1", "p2"):
        npz(tmp_path / f"{name}.npz", image=np.zeros(size), label=np.zeros(size, np.uint8), scribble=np.zeros(size))
    assert masks_meant(tmp_path) == "label"
    found = draft_from_masks(tmp_path, "scribble")
    assert found.masks is not None
    assert [mask.array for mask in found.masks if mask is not None] == ["scribble", "scribble"]
    cohort = gather(CohortSettings(tmp_path, masks="label", patient_from=r"p\d"), salt="s")
    assert (cohort.target.kind, len(cohort.by_patient), cohort.rank) == ("mask", 2, 3)


def test_nothing_is_guessed_of_a_folder_per_class(tmp_path: Path) -> None:
    png(tmp_path / "benign" / "a.png")
    png(tmp_path / "malignant" / "b.png")
    assert masks_meant(tmp_path) is None
    npz(tmp_path / "c.npz", image=np.zeros((4, 4)), label=np.zeros((4, 4)))
    assert masks_meant(tmp_path) is None, "other files lie beside it"


def test_what_has_no_partner_is_named(tmp_path: Path) -> None:
    png(tmp_path / "p1.png")
    png(tmp_path / "p2.png")
    png(tmp_path / "p1_seg.png")
    with pytest.raises(InputError, match=r"p2\.png"):
        draft_from_masks(tmp_path, "*_seg*")
    with pytest.raises(InputError, match=r"no file of .* fits the pattern \*_lesion\*"):
        draft_from_masks(tmp_path, "*_lesion*")
    with pytest.raises(InputError, match="every file"):
        draft_from_masks(tmp_path, "*")
    with pytest.raises(InputError, match="no array of p1"):
        draft_from_masks(tmp_path, "lesion")
