"""Which image of one folder is to become which of another, and what two of a pair must share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radcnn.core.errors import GeometryError, InputError
from radcnn.core.volume import Volume
from radcnn.data.nifti import write_nifti
from radcnn.data.pairing import draft_from_pairs
from radcnn.data.prepared.pairs import refuse_unlike
from written_pairs import dicom_pairs


def write(path: Path, *, shape: tuple[int, ...] = (1, 3, 8, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_nifti(Volume.from_spacing(np.zeros(shape, np.int16), (2.0, 1.0, 1.0)), path)
    return path


@pytest.mark.parametrize(
    ("low", "full"),
    [
        (["a.nii.gz", "b.nii.gz"], ["b.nii", "a.nii.gz"]),
        (["p1/ct.nii.gz", "p2/ct.nii.gz"], ["p1/ct.nii.gz", "p2/ct.nii.gz"]),
        (["L01_quarter.nii.gz", "L02_quarter.nii.gz"], ["L01_full.nii.gz", "L02_full.nii.gz"]),
        (["low-7.nii.gz", "low-12.nii.gz"], ["full-12.nii.gz", "full-7.nii.gz"]),
    ],
)
def test_images_find_their_references_by_name(tmp_path: Path, low: list[str], full: list[str]) -> None:
    for name in low:
        write(tmp_path / "low" / name)
    for name in full:
        write(tmp_path / "full" / name)
    draft = draft_from_pairs(tmp_path / "low", tmp_path / "full")
    assert draft.references is not None

    def key(path: Path) -> str:
        word = path.parent.name if path.name.startswith("ct") else path.name
        return "".join(letter for letter in word.split(".")[0] if letter.isdigit()) or word[0]

    for source, reference in zip(draft.sources, draft.references, strict=True):
        assert key(source.path) == key(reference.path)
        assert reference.path.is_relative_to(tmp_path / "full")


def test_dicom_series_are_matched_by_their_folder(tmp_path: Path) -> None:
    low, full = dicom_pairs(tmp_path, patients=2)
    draft = draft_from_pairs(low, full)
    assert draft.references is not None
    assert [s.path.name for s in draft.sources] == [r.path.name for r in draft.references] == ["patient0", "patient1"]


def test_images_without_a_partner_are_named(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write(tmp_path / "low" / f"{name}.nii.gz")
    for name in ("a", "d"):
        write(tmp_path / "full" / f"{name}.nii.gz")
    with pytest.raises(InputError) as caught:
        draft_from_pairs(tmp_path / "low", tmp_path / "full")
    assert "2 images of low have no partner (b.nii.gz, c.nii.gz)" in str(caught.value)
    assert "1 image of full has no partner (d.nii.gz)" in str(caught.value)


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.nii", "a.nii.gz"):
        write(tmp_path / "low" / name)
    write(tmp_path / "full" / "a.nii.gz")
    with pytest.raises(InputError, match="two images of low are called a"):
        draft_from_pairs(tmp_path / "low", tmp_path / "full")


def test_the_folder_of_the_images_is_no_reference(tmp_path: Path) -> None:
    write(tmp_path / "low" / "a.nii.gz")
    with pytest.raises(InputError, match="holds the images themselves"):
        draft_from_pairs(tmp_path / "low", tmp_path / "low" / ".." / "low")
    with pytest.raises(InputError, match="is not a folder"):
        draft_from_pairs(tmp_path / "low", tmp_path / "full")


def volume(*size: int, spacing: float = 1.0, units: str = "HU") -> Volume:
    return Volume.from_spacing(np.zeros((1, *size), np.int16), (2.0, spacing, spacing), units)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "kind", "said"),
    [
        (volume(4, 8, 9), GeometryError, "4 x 8 x 9; a pair must lie on one grid"),
        (volume(4, 8, 8, spacing=1.1), GeometryError, "mm apart; a pair must lie on one grid"),
        (Volume(np.zeros((1, 4, 8, 8), np.int16), None, "HU"), GeometryError, "the other does not"),
        (volume(4, 8, 8, units="arbitrary"), InputError, "its reference in arbitrary; a pair must have one unit"),
        (
            Volume.from_spacing(np.full((1, 4, 8, 8), 1024, np.int16), (2.0, 1.0, 1.0), "HU"),
            InputError,
            "1,024 HU below its reference in the median",
        ),
    ],
)
def test_pairs_that_do_not_fit_are_refused(other: Volume, kind: type[InputError], said: str) -> None:
    with pytest.raises(kind, match=said):
        refuse_unlike(volume(4, 8, 8), other)


def test_a_grid_that_differs_by_rounding_is_one() -> None:
    refuse_unlike(volume(4, 8, 8), volume(4, 8, 8, spacing=1.0004))
    with pytest.raises(GeometryError):
        refuse_unlike(volume(4, 8, 8), volume(4, 8, 8, spacing=1.02))
