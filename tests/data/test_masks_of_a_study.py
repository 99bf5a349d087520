"""A table names masks and boxes; the study knows them, and what is wrong with them is found with the case's number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli_in_process import told
from radcnn.core.case import Source
from radcnn.core.errors import ReadError, SettingsError, TableError
from radcnn.core.volume import Volume
from radcnn.data import mask_findings as module
from radcnn.data.cohort import Cohort, CohortSettings, gather
from radcnn.data.mask_findings import mask_findings
from radcnn.data.masks.checking import box_findings, mask_findings_of
from radcnn.data.masks.mask import Mask
from radcnn.data.read import read_noted
from radcnn.data.reading import Reading
from radcnn.study.options import settings_from
from radcnn.study.study_yaml import load_settings
from written_dicom import write_rtstruct, write_seg, write_stack
from written_studies import blob, save_png

BOX = ("x0", "y0", "x1", "y1")
COLUMNS = ("image", "mask", *BOX, "patient", "sick")


def table(folder: Path, *rows: tuple[Any, ...]) -> CohortSettings:
    lines = [",".join(COLUMNS), *(",".join("" if cell is None else str(cell) for cell in row) for row in rows)]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return CohortSettings(
        folder, labels=folder / "labels.csv", target=("sick",), patient="patient", mask="mask", box=BOX
    )


@pytest.fixture
def chest(tmp_path: Path) -> CohortSettings:
    """Six radiographs of 14 x 14 pixels with masks of the same names in another folder, and boxes for three."""
    rows: list[tuple[Any, ...]] = []
    for i in range(6):
        save_png(tmp_path / "images" / f"p{i}.png", blob(i % 2 == 1, i))
        mask = np.zeros((14, 14), np.uint8)
        mask[4:9, 4:9] = 1
        if i:
            save_png(tmp_path / "masks" / f"p{i}.png", mask)
        box = (4, 4, 9, 9) if i % 2 else (None, None, "NA", "")
        rows.append((f"p{i}.png", f"masks/p{i}.png" if i else "", *box, f"m{i}", i % 2))
    return table(tmp_path, *rows)


def codes(findings: Any) -> list[str]:
    return [finding.code for finding in findings]


def test_cases_know_their_masks_and_boxes(chest: CohortSettings) -> None:
    cohort = gather(chest, salt="s")
    assert [case.source.path.parent.name for case in cohort.cases] == ["images"] * 6
    assert cohort.cases[0].mask is None
    assert cohort.cases[3].mask == Source(chest.path / "masks" / "p3.png")
    assert cohort.cases[0].box is None
    assert cohort.cases[3].box == (4.0, 4.0, 9.0, 9.0)
    assert "RC011" not in codes(cohort.findings)
    assert mask_findings(cohort) == ()


def test_without_the_columns_there_are_none(chest: CohortSettings) -> None:
    cohort = gather(replace(chest, mask=None, box=None, path=chest.path / "images"), salt="s")
    assert all(case.mask is None and case.box is None for case in cohort.cases)
    assert mask_findings(cohort) == ()


def test_faults_of_masks_and_boxes_are_said_with_row_and_column(chest: CohortSettings) -> None:
    assert chest.labels is not None
    text = (
        chest.labels.read_text().replace("masks/p1.png,4,4", "masks/none.png,4,four").replace("p3.png,4,", "p3.png,,")
    )
    chest.labels.write_text(text.replace("masks/p5.png", "p5"))
    with pytest.raises(TableError) as error:
        gather(chest, salt="s")
    assert "row 3, column 'mask': mask file 'masks/none.png' was not found" in str(error.value)
    assert "row 3, column 'y0': 'four' is not an edge of a box" in str(error.value)
    assert "row 5, column 'x0': '' is not an edge of a box" in str(error.value)
    assert "row 7, column 'mask': 2 files are called 'p5'" in str(error.value)


def test_a_mask_column_that_is_the_patients_is_never_repeated(chest: CohortSettings) -> None:
    with pytest.raises(TableError) as error:
        gather(replace(chest, mask="patient"), salt="s")
    assert "mask file was not found" in str(error.value)
    assert "m1" not in str(error.value).replace(str(chest.path), "")


def test_several_boxes_of_an_image_are_cases_of_their_own(tmp_path: Path) -> None:
    for i in range(2):
        save_png(tmp_path / f"p{i}.png", blob(i == 1, i))
    rows = [
        ("p0.png", "", 1, 1, 5, 5, "m0", 0),
        ("p0.png", "", 6, 6, 9, 9, "m0", 0),
        ("p1.png", "", 1, 1, 9, 20, "m1", 1),
    ]
    cohort = gather(table(tmp_path, *rows), salt="s")
    assert [case.name for case in cohort.cases] == ["p0.png#1", "p0.png#2", "p1.png"]
    assert codes(mask_findings(cohort)) == ["RC054"]


def test_columns_need_a_table() -> None:
    with pytest.raises(SettingsError, match="mask, box name columns of a table"):
        gather(CohortSettings(Path.cwd(), mask="m", box=BOX), salt="s")


def test_the_options_travel_into_the_study(chest: CohortSettings, tmp_path: Path) -> None:
    for i in range(6, 40):
        save_png(tmp_path / "images" / f"p{i}.png", blob(i % 2 == 1, i))
        save_png(tmp_path / "masks" / f"p{i}.png", np.eye(14, dtype=np.uint8))
    assert chest.labels is not None
    with chest.labels.open("a") as file:
        file.writelines(f"p{i}.png,masks/p{i}.png,1,1,9,9,m{i},{i % 2}\n" for i in range(6, 40))
    study = tmp_path / "study"
    given = ("--labels", chest.labels, "--target", "sick", "--patient", "patient", "--mask", "mask", "--box", *BOX)
    told("new", tmp_path, "--out", study, *given)
    settings = load_settings(study / "study.yaml")
    assert (settings.mask, settings.box) == ("mask", BOX)
    assert gather(settings.cohort(), salt="s").cases[6].mask == Source(tmp_path / "masks" / "p6.png")
    with pytest.raises(SettingsError, match="centre or box, whose cells are shown"):
        settings_from({"data": "x", "patient": "x0", "box": BOX})


@pytest.fixture
def scans(tmp_path: Path) -> Cohort:
    """CTs of 4 slices: a mask that fits, one 3 mm off, an empty one, a full one, contours, and one of another frame."""
    size = (4, 8, 9)
    part = np.zeros(size, np.uint8)
    part[1:3, 2:6, 3:7] = 1
    pixels = np.random.default_rng(1).integers(0, 99, (6, *size)).astype(np.int16)
    for i in range(6):
        write_stack(tmp_path / f"ct{i}", pixels[i], SeriesInstanceUID=f"2.25.{i + 30}", PatientID=f"p{i}")
    write_seg(tmp_path / "ct0" / "seg.dcm", {1: part})
    write_seg(tmp_path / "far.dcm", {1: part}, first_mm=(0, 3, 0))
    write_seg(tmp_path / "empty.dcm", {1: 0 * part})
    write_seg(tmp_path / "full.dcm", {1: part, 2: 1 - part})
    square = np.array([(0.2, 0.3, 2), (2.2, 0.3, 2), (2.2, 3.3, 2), (0.2, 3.3, 2)])
    write_rtstruct(tmp_path / "plan.dcm", {1: [square], 7: [square * (0.5, 0.5, 1)]})
    write_seg(tmp_path / "other.dcm", {1: part}, FrameOfReferenceUID="2.25.78")
    masks = ("ct0/seg", "far.dcm", "empty.dcm", "full", "plan", "other.dcm")
    rows = [(f"ct{i}", mask, None, None, None, None, f"m{i}", i % 2) for i, mask in enumerate(masks)]
    return gather(table(tmp_path, *rows), salt="s")


def test_what_is_wrong_with_masks_is_found_by_the_number_of_the_case(scans: Cohort) -> None:
    misfit, empty, full = mask_findings(scans)
    assert (misfit.code, misfit.severity) == ("RC050", "error")
    assert "2 masks do not lie on their images' grids: case 2 (place, 3 mm off); case 6 (frame of reference)" in str(
        misfit
    )
    assert (empty.code, full.code) == ("RC051", "RC052")
    assert "1 mask is empty (case 3)" in str(empty)
    assert "1 mask has no background (case 4)" in str(full)
    assert ".dcm" not in str((misfit, empty, full))


def test_labels_that_were_never_declared_are_found(scans: Cohort) -> None:
    *_, undeclared = mask_findings(scans, declared={1: "lesion"})
    assert (undeclared.code, undeclared.severity) == ("RC053", "error")
    assert "never declared: 2 in case 4; 7 in case 5; declared are 1" in str(undeclared)
    assert "RC053" not in codes(mask_findings(scans, declared={1: "a", 2: "b", 7: "c"}))


def test_every_image_is_read_once_however_many_cases_it_has(scans: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def counting(source: Source) -> Reading:
        read.append(source)
        return read_noted(source)

    monkeypatch.setattr(module, "read_noted", counting)
    mask_findings(replace(scans, cases=(*scans.cases, *scans.cases)))
    assert len(read) == len(scans.cases)


def test_a_mask_that_cannot_be_read_stops_the_check(scans: Cohort) -> None:
    path = scans.cases[0].source.path.parent / "full.dcm"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ReadError, match=r"full\.dcm"):
        mask_findings(scans)


def image(size: tuple[int, ...] = (1, 6, 8)) -> Volume:
    return Volume.from_spacing(np.zeros(size), (1.0,) * (len(size) - 1))


def test_a_mask_in_memory_is_compared_with_its_image() -> None:
    patient = Volume(np.zeros((1, 4, 6, 8)), np.eye(4))
    near = Mask(Volume(np.ones((1, 4, 6, 8), np.uint8), np.eye(4) + np.eye(4, k=1) * 2, "mask"))
    sizes = Mask(Volume(np.eye(5, dtype=np.uint8)[None], None, "mask"))
    turned = Mask(Volume(np.ones((1, 4, 6, 8), np.uint8)[:, ::-1], np.eye(4) + np.eye(4, k=3) * 0, "mask"))
    backward = np.diag([-1.0, 1.0, 1.0, 1.0])
    backward[0, 3] = 3.0
    reversed_slices = Mask(Volume(turned.volume.voxels, backward, "mask"))
    found = mask_findings_of([(3, near, patient), (4, sizes, image()), (5, reversed_slices, patient)])
    assert "case 3 (orientation, " in str(found[0])
    assert "case 4 (size); case 5 (orientation)" in str(found[0])


def test_at_most_five_cases_are_named() -> None:
    empty = Mask(Volume(np.zeros((1, 6, 8), np.uint8), None, "mask"))
    (found,) = mask_findings_of((number, empty, image()) for number in range(1, 9))
    assert "8 masks are empty (cases 1, 2, 3, 4, 5, ...)" in str(found)


def test_boxes_outside_or_without_extent_are_found() -> None:
    boxes = {1: (0, 0, 8, 6), 2: (-3, 0, 4, 4), 3: (5, 5, 5, 6), 4: (6, 2, 3, 4), 5: (1, 1, 3, 7.5), 6: (-1, -1, 9, 7)}
    (found,) = box_findings((number, box, (6, 8)) for number, box in boxes.items())
    assert (found.code, found.severity) == ("RC054", "error")
    assert "4 of 6 boxes cannot be boxes of their images" in str(found)
    assert "outside the image in cases 2, 5; no extent in cases 3, 4" in str(found)


def test_boxes_that_are_fractions_are_known_as_such() -> None:
    boxes = [(0.1, 0.1, 0.3, 0.9), (0.0, 0.0, 1.0, 1.0), (0.5, 0.5, 1.4, 0.9)]
    (found,) = box_findings((i + 1, box, (20, 50, 50)) for i, box in enumerate(boxes))
    assert "1 of 3 boxes, taken as fractions of the image's width and height, cannot be" in str(found)
    assert "outside the image in case 3" in str(found)
    assert box_findings((i + 1, box, (50, 50)) for i, box in enumerate(boxes[:2])) == ()


def test_the_boxes_of_real_lesions_lie_in_their_images(real_data: Path) -> None:
    boxes = []
    for number, path in enumerate(sorted((real_data / "deeplesion50").rglob("*.tru")), start=1):
        for line in path.read_text().splitlines():
            _, y0, x0, y1, x1 = (float(word) for word in line.split())
            boxes.append((number, (x0, y0, x1, y1), (512, 512)))
    assert len(boxes) == 51
    assert box_findings(boxes) == ()
    shifted = [(number, (box[0] + 0.5, box[1], box[2] + 0.5, box[3]), size) for number, box, size in boxes]
    assert codes(box_findings(shifted)) in ([], ["RC054"])
