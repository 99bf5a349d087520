"""Which file is the mask of which image: folders, patterns, npz arrays, and what has no partner."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from radcnn.core.errors import InputError
from radcnn.data.cohort import CohortSettings, gather
from radcnn.data.mask_findings import mask_findings
from radcnn.data.mask_print import mask_print
from radcnn.data.outlined import draft_from_masks, masks_meant
from written_dicom import write_seg, write_stack


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


def series_with_seg(folder: Path, number: int, *, name: str = "liver") -> Path:
    """A series in a folder called by a UID, and a segmentation of it somewhere else, called by another one."""
    uid = f"2.25.77{number}"
    write_stack(
        folder / f"1.2.{number}", np.zeros((3, 10, 12), np.int16), SeriesInstanceUID=uid, PatientID=f"P{number}"
    )
    liver = np.zeros((3, 10, 12), np.uint8)
    liver[:, 2:8, 2:9] = 1
    (folder / "objects").mkdir(exist_ok=True)
    refers = Dataset()
    refers.SeriesInstanceUID = uid
    path = folder / "objects" / f"9.9.{9 - number}"
    return write_seg(path, {1: liver}, names={1: name}, ReferencedSeriesSequence=Items([refers]))


def test_dicom_masks_are_found_by_the_series_that_they_name(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        series_with_seg(tmp_path / "tree", number)
    wanted = [("1.2.1", "9.9.8"), ("1.2.2", "9.9.7"), ("1.2.3", "9.9.6")]
    assert pairs(tmp_path / "tree", "dicom") == wanted
    assert pairs(tmp_path / "tree", "objects") == wanted
    write_stack(tmp_path / "tree" / "scout", np.zeros((3, 10, 12), np.int16), SeriesInstanceUID="2.25.9")
    draft = draft_from_masks(tmp_path / "tree", "dicom")
    assert len(draft.sources) == 3
    assert "1 of 4 series have no mask" in str(draft.findings[0])
    again = tmp_path / "tree" / "objects" / "again"
    again.write_bytes((tmp_path / "tree" / "objects" / "9.9.8").read_bytes())
    with pytest.raises(InputError, match=r"are masks of one series \(1\.2\.1\)"):
        draft_from_masks(tmp_path / "tree", "dicom")


def test_dicom_masks_of_series_that_are_not_there_are_named(tmp_path: Path) -> None:
    series_with_seg(tmp_path / "tree", 1)
    for file in (tmp_path / "tree" / "1.2.1").iterdir():
        file.unlink()
    write_stack(tmp_path / "tree" / "other", np.zeros((3, 10, 12), np.int16), SeriesInstanceUID="2.25.9")
    with pytest.raises(InputError, match=r"1 mask \(9\.9\.8\) refer to a series that is not among the images"):
        draft_from_masks(tmp_path / "tree", "dicom")
    with pytest.raises(InputError, match="no DICOM SEG or RTSTRUCT below other"):
        draft_from_masks(tmp_path / "tree" / "other", "dicom")


def test_segments_that_are_numbered_otherwise_in_another_file_are_refused(tmp_path: Path) -> None:
    for number, name in ((1, "Liver"), (2, "liver "), (3, "spleen")):
        series_with_seg(tmp_path / "tree", number, name=name)
    cohort = gather(CohortSettings(tmp_path / "tree", masks="dicom"), salt="s")
    with pytest.raises(InputError, match=r"segment 1 of case 3 .* has another name than in case 1") as raised:
        mask_print(cohort.cases, seed=0)
    assert "spleen" not in str(raised.value)


def test_a_segment_of_another_name_on_any_side_is_found_by_the_numbers_of_cases(tmp_path: Path) -> None:
    for number, name in ((1, "Liver"), (2, "liver "), (3, "spleen")):
        series_with_seg(tmp_path / "tree", number, name=name)
    (found,) = mask_findings(gather(CohortSettings(tmp_path / "tree", masks="dicom"), salt="s"))
    assert (found.code, found.severity) == ("RC083", "error")
    assert "1 segment has several names: 1 in case 3 otherwise than in cases 1, 2" in str(found)
    assert "spleen" not in str(found)
    by_name = CohortSettings(tmp_path / "tree", masks="dicom", segments=("liver", "spleen"))
    assert mask_findings(gather(by_name, salt="s")) == ()


def test_structures_by_name_may_be_numbered_otherwise_in_every_file(tmp_path: Path) -> None:
    for number, name in ((1, "Liver"), (2, "liver "), (3, "Liver, left lobe")):
        series_with_seg(tmp_path / "tree", number, name=name)
    cohort = gather(CohortSettings(tmp_path / "tree", masks="dicom", segments=("spleen", "liver*")), salt="s")
    found, _ = mask_print(cohort.cases, seed=0)
    assert dict(found.with_label) == {"2": 3}


def test_names_of_structures_in_files_without_names_are_refused(tmp_path: Path) -> None:
    png(tmp_path / "p1_t1.png")
    png(tmp_path / "p1_label.png")
    with pytest.raises(InputError, match="only DICOM SEG and RTSTRUCT have names"):
        draft_from_masks(tmp_path, "*_label*", segments=("liver",))
