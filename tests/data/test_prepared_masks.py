"""Masks of cases to learn from: what they hold, where their classes lie, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from radcnn.core.case import Case, Source
from radcnn.core.errors import InputError
from radcnn.core.volume import Volume
from radcnn.data.mask_print import MaskPrint, mask_print
from radcnn.data.masks.read import read_mask
from radcnn.data.nifti import write_nifti
from radcnn.data.prepared.masked import UNLABELLED, MaskedGrid, prepare_masked
from radcnn.data.read import read, read_source
from radcnn.study.options import settings_from
from radcnn.transforms.intensity import Intensity
from written_dicom import write_rtstruct, write_seg, write_stack

GRID = MaskedGrid(1, None, Intensity("keep"), (0, 1, 3), 4)


def labels() -> NDArray[np.uint8]:
    """A scribble in each of three structures; all the rest has the label 4."""
    made = np.full((3, 20, 20), 4, np.uint8)
    made[:, 2, 2:18], made[:, 8, 3:9], made[1, 15, 4:14] = 0, 1, 3
    return made


def case(folder: Path, mask: NDArray, name: str = "one") -> Case:
    values = np.arange(mask.size, dtype=np.float32).reshape(mask.shape)
    np.savez(folder / f"{name}.npz", image=values, label=mask)
    path = folder / f"{name}.npz"
    return Case("1", "p1", Source(path, "image"), (0.0,), name=name, mask=Source(path, "label"))


def test_no_patch_is_drawn_about_what_nobody_looked_at(tmp_path: Path) -> None:
    found = prepare_masked([case(tmp_path, labels())], GRID, tmp_path / "cache").cases[0]
    assert found.mask is not None
    assert UNLABELLED in found.mask
    assert {label: len(places) for label, places in found.places.items()} == {1: 18, 2: 10}


def test_a_changed_mask_is_prepared_again(tmp_path: Path) -> None:
    one = case(tmp_path, labels())
    first = prepare_masked([one], GRID, tmp_path / "cache")
    assert prepare_masked([one], GRID, tmp_path / "cache").digest == first.digest
    changed = labels()
    changed[0, 15, 4:14] = 3
    again = prepare_masked([case(tmp_path, changed)], GRID, tmp_path / "cache")
    assert again.digest != first.digest
    assert len(again.cases[0].places[2]) == 20


def test_a_label_that_was_not_declared_is_named_with_its_case(tmp_path: Path) -> None:
    strange = labels()
    strange[2, 2, 2] = 9
    with pytest.raises(InputError, match=r"\(one\): the mask holds the label 9, which was not declared \(1, 3 are\)"):
        prepare_masked([case(tmp_path, strange)], GRID, tmp_path / "cache")


def test_images_of_nearly_the_grids_spacing_stay_as_they_are_and_others_are_brought_to_it() -> None:
    grid = MaskedGrid(1, (0.0, 1.0, 1.0), Intensity("keep"), (0, 1))
    for spacing, size in (
        ((5.0, 1.0, 1.04), (4, 20, 20)), ((2.0, 0.5, 1.0), (4, 10, 20)), ((2.0, 2.0, 2.0), (4, 40, 40)),
    ):  # fmt: skip
        image = Volume.from_spacing(np.ones((1, 4, 20, 20), np.int16), spacing)
        placed = grid.image(image)
        assert placed.size == size
        assert placed.spacing_mm == pytest.approx((spacing[0], 1.0, spacing[2] if size[2] == 20 else 1.0))


def test_what_masks_hold_is_counted_and_its_grey_values_are_of_structures(tmp_path: Path) -> None:
    found, said = mask_print([case(tmp_path, labels())], seed=0)
    assert (found.cases, dict(found.with_label), found.unlabelled) == (1, {"1": 1, "3": 1, "4": 1}, 4)
    assert found.shares["1"] == pytest.approx(18 / 1200)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert (found.low, found.high) == pytest.approx((163, 968), abs=5)
    assert [one.code for one in said] == ["RC046"]
    assert MaskPrint.from_json(found.as_json()) == found


def test_the_box_about_all_structures_is_told_along_the_axes_of_the_slices(tmp_path: Path) -> None:
    found, _ = mask_print([case(tmp_path, labels())], seed=0)
    assert found.reach is not None
    assert found.reach.median == (3, 8, 11)  # slices; rows 8 to 15; columns 3 to 13
    scan = np.zeros((6, 20, 24), np.int16)
    write_stack(tmp_path / "ct", scan, right=(0.0, 1.0, 0.0), down=(0.0, 0.0, -1.0), steps_mm=1.0, spacing=(1.0, 1.0))
    image = read_source(Source(tmp_path / "ct"))
    mask = np.zeros(image.size, np.uint8)
    mask[1:3, 4:11, 5:17] = 1
    write_nifti(Volume(mask[None], image.affine, "mask", "patient"), tmp_path / "mask.nii.gz")
    turned = Case("1", "p", Source(tmp_path / "ct"), (0.0,), mask=Source(tmp_path / "mask.nii.gz"))
    found, _ = mask_print([turned], seed=0)
    assert (found.plane, found.reach and found.reach.median) == ("sagittal", (2, 7, 12))


@pytest.mark.parametrize("unlabelled", [None, 3])
def test_a_person_says_which_label_nobody_looked_at(tmp_path: Path, unlabelled: int | None) -> None:
    found, _ = mask_print([case(tmp_path, labels())], seed=0, unlabelled=unlabelled)
    assert found.unlabelled == unlabelled
    assert found.labels(found.unlabelled) == tuple(k for k in (1, 3, 4) if k != unlabelled)


def test_a_structure_that_fills_most_of_the_image_is_one_where_a_person_says_so(tmp_path: Path) -> None:
    labels = np.pad(np.ones((3, 16, 16), np.uint8), ((0, 0), (1, 1), (1, 1)))
    body = case(tmp_path, labels)
    assert mask_print([body], seed=0)[0].unlabelled is None  # nothing else would be left
    labels[1, 8, 8] = 2
    both = case(tmp_path, labels)
    assert mask_print([both], seed=0)[0].labels(1) == (2,)
    for asked in ({"unlabelled": None}, {"named": {1}}):
        found, said = mask_print([both], seed=0, **asked)  # type: ignore[arg-type]
        assert (found.unlabelled, found.labels(None), said) == (None, (1, 2), ())
    assert mask_print([both], seed=0)[0].unlabelled == 1


def test_no_label_is_asked_for_by_null(tmp_path: Path) -> None:
    said = {"data": tmp_path, "masks": "label", "segmentation.unlabelled": None}
    assert settings_from(said).segmentation == {"unlabelled": None}


def test_labels_that_overlap_are_told(tmp_path: Path) -> None:
    write_stack(tmp_path / "ct", np.zeros((3, 10, 12), np.int16))
    liver = np.zeros((3, 10, 12), np.uint8)
    liver[:, 2:8, 2:9] = 1
    tumour = np.zeros_like(liver)
    tumour[1, 4:6, 4:6] = 1
    write_seg(tmp_path / "seg.dcm", {1: liver, 2: tumour})
    one = Case("1", "p1", Source(tmp_path / "ct"), (0.0,), mask=Source(tmp_path / "seg.dcm"))
    found, said = mask_print([one], seed=0)
    assert found.overlapping == 1
    assert found.shares["2"] == pytest.approx(4 / liver.size)
    assert "labels overlap in 1 of 1 training mask" in next(str(each) for each in said if each.code == "RC048")


def test_what_was_left_out_of_masks_is_told_with_the_cases(tmp_path: Path) -> None:
    """All skip the slice in the middle; one reaches beyond the image."""
    cases = []
    for number, x in enumerate((4.2, 4.2, 9.9), start=1):
        place = tmp_path / str(number)
        write_stack(place / "ct", np.zeros((3, 10, 12), np.int16))
        square = np.array([(0.8, 0.6, 0.0), (x, 0.6, 0.0), (x, 4.2, 0.0), (0.8, 4.2, 0.0)])
        write_rtstruct(place / "plan.dcm", {number: [square, square + np.array([0, 0, 4.0])]}, names={number: "Liver"})
        mask = Source(place / "plan.dcm", segments=("liver",))
        cases.append(Case(str(number), "p1", Source(place / "ct"), (0.0,), mask=mask))
    found, said = mask_print(cases, seed=0)
    told = next(str(each) for each in said if each.code == "RC049")
    skipped = "label 1 has contours on 2 of the 3 slices it spans; no others were filled"
    assert (
        f"of what 3 training masks hold something was left out or not compared. 3 cases (1, 2, 3): {skipped}. " in told
    )
    assert "Case 3: label 1 reaches beyond the rows and columns of the image" in told
    assert MaskPrint.from_json(found.as_json()) == found


def test_pictures_have_no_places_that_could_differ(tmp_path: Path) -> None:
    one = case(tmp_path, labels())
    assert one.mask is not None
    assert read_mask(one.mask.path, read(one.source.path, array="image"), array="label").doubts == ()
    assert mask_print([one], seed=0)[0].noticed == ()


def test_beyond_a_region_nothing_is_asked(tmp_path: Path) -> None:
    grid = MaskedGrid(1, None, Intensity("keep"), (0, 2), region=(1, 2))
    assert grid.coded(np.array([0, 1, 2])).tolist() == [UNLABELLED, 0, 1]
    with pytest.raises(InputError, match="label 7, which was not declared"):
        grid.coded(np.array([0, 7]))
