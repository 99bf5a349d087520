"""What tells the label without the patient is found where it was planted, and nothing is found where it was not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from radcnn.core.case import Case, Source
from radcnn.core.target import Kind, Target
from radcnn.core.volume import Volume
from radcnn.data.bounded import Refused, each
from radcnn.data.cohort import Cohort
from radcnn.data.dicom.traits import dicom_traits
from radcnn.data.shortcuts import Shortcut, header_traits, shortcut_findings, shortcuts
from radcnn.data.survey import Look, look_at
from written_dicom import written

PATIENTS, SIDE = 160, 64
LETTER = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]], bool)
YES = np.arange(PATIENTS) % 2 == 1


def picture(chance: np.random.Generator, ill: bool, side: int = SIDE, spot: int = 60) -> NDArray[np.uint8]:
    """A smooth body with a bright spot inside: of the ill it lies on the left, of the well on the right."""
    smooth = ndimage.gaussian_filter(chance.normal(size=(side, side)), side / 12)
    made = 110 + 40 * smooth / np.abs(smooth).max() + chance.normal(0, 4, (side, side))
    middle = side // 2 + chance.integers(-side // 10, side // 10, 2)
    middle[1] += -side // 8 if ill else side // 8
    made[middle[0] - 3 : middle[0] + 3, middle[1] - 3 : middle[1] + 3] += spot
    return np.clip(made, 0, 255).astype(np.uint8)


def pictures(seed: int = 0) -> list[NDArray]:
    chance = np.random.default_rng(seed)
    return [picture(chance, bool(ill)) for ill in YES]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """All images claim to come from it, so that they have the same bytes on the disk."""
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "any.png")
    return tmp_path / "any.png"


def looks_of(file: Path, images: list[NDArray]) -> list[Look]:
    return [look_at(Source(file), Volume(image[None], None, "grey", "unknown")) for image in images]


def cohort_of(file: Path, values: NDArray, *, kind: Kind = "binary", patients: list[str] | None = None) -> Cohort:
    columns = values[:, None] if values.ndim == 1 else values
    classes = {"binary": ("well", "ill"), "multiclass": ("a", "b", "c")}.get(kind, ())
    names = tuple(f"label{k}" for k in range(columns.shape[1]))
    cases = tuple(
        Case(f"c{i}", patients[i] if patients else f"p{i}", Source(file), tuple(map(float, row)))
        for i, row in enumerate(columns)
    )
    return Cohort(cases, Target(kind, names, classes), "patient", 2)


def with_sites(cohort: Cohort, sites: list[str]) -> Cohort:
    return replace(cohort, cases=tuple(replace(c, site=s) for c, s in zip(cohort.cases, sites, strict=True)))


def codes(found: tuple[Shortcut, ...]) -> set[str]:
    return {one.code for one in shortcut_findings(found)}


def told(found: tuple[Shortcut, ...], family: str) -> Shortcut:
    return next(one for one in found if one.family == family)


def test_a_clean_set_with_a_disease_inside_has_no_shortcut(file: Path) -> None:
    cohort = with_sites(cohort_of(file, YES), [("north", "south", "east")[i % 3] for i in range(PATIENTS)])
    found = shortcuts(cohort, looks_of(file, pictures()), seed=0)
    assert not codes(found), shortcut_findings(found)
    assert told(found, "border and corners").auc < 0.7
    assert told(found, "site").auc < 0.7


def test_a_disease_that_only_brightens_the_inside_is_a_warning_and_no_error(file: Path) -> None:
    chance = np.random.default_rng(4)
    looks = looks_of(file, [picture(chance, bool(ill), spot=90 if ill else 0) for ill in YES])
    assert codes(shortcuts(cohort_of(file, YES), looks, seed=0)) <= {"RC064", "RC066"}


def test_a_letter_in_a_corner_of_one_class_is_found_as_a_marker(file: Path) -> None:
    images = pictures()
    for image, ill in zip(images, YES, strict=True):
        if ill:
            image[3:8, 4:8][LETTER] = 255
    found = shortcuts(cohort_of(file, YES), looks_of(file, images), seed=0)
    marker = told(found, "marker")
    assert marker.auc > 0.95
    assert marker.low > 0.9
    assert "bright structure at the top left" in marker.what
    assert "RC063" in codes(found)
    assert all(one.severity == "error" for one in shortcut_findings(found) if one.code == "RC063")


def test_a_bar_along_the_border_of_one_class_is_an_error_and_a_disease_that_reaches_it_is_not(file: Path) -> None:
    barred, whitened = pictures(), pictures()
    for bar, white, ill in zip(barred, whitened, YES, strict=True):
        if ill:
            bar[-3:] = 60
            white[SIDE // 3 :] = np.clip(white[SIDE // 3 :].astype(int) + 50, 0, 255)
    assert "RC062" in codes(shortcuts(cohort_of(file, YES), looks_of(file, barred), seed=0))
    found = shortcuts(cohort_of(file, YES), looks_of(file, whitened), seed=0)
    assert "RC062" not in codes(found)
    assert "RC063" not in codes(found)
    assert "RC066" in codes(found), "it is still said, as a warning"


def test_a_scanner_that_only_one_class_saw_is_found_by_size_bits_and_site(file: Path) -> None:
    chance = np.random.default_rng(1)
    images: list[NDArray] = []
    for ill in YES:
        image = picture(chance, bool(ill), 72 if ill else 64)
        images.append(image.astype(np.uint16) * 16 if ill else image)
    cohort = with_sites(cohort_of(file, YES), ["new" if ill else "old" for ill in YES])
    found = shortcuts(cohort, looks_of(file, images), seed=0)
    assert {"RC060", "RC061"} <= codes(found)
    assert told(found, "file metadata").auc == 1.0
    assert "alone" in told(found, "file metadata").what


def test_an_intensity_shift_by_scanner_is_found_in_the_histogram_and_in_the_headers(file: Path) -> None:
    images = [
        np.clip(image * (1.3 if ill else 1.0), 0, 255).astype(np.uint8)
        for image, ill in zip(pictures(), YES, strict=True)
    ]
    traits = {f"c{i}": {"scanner model": "aa" if ill else "bb", "tube voltage": 100.0} for i, ill in enumerate(YES)}
    found = shortcuts(cohort_of(file, YES), looks_of(file, images), traits=traits, seed=0)
    assert {"RC061", "RC064"} <= codes(found)
    assert told(found, "scanner").what.startswith("scanner model")
    assert {one.severity for one in shortcut_findings(found) if one.code == "RC064"} == {"warning"}


def test_bytes_of_compressed_files_and_columns_of_the_table_are_warnings(file: Path) -> None:
    looks = [
        replace(look, stored_bytes=900 if ill else 700)
        for look, ill in zip(looks_of(file, pictures()), YES, strict=True)
    ]
    whole = cohort_of(file, YES)
    ages = [{"age": str(40 + i % 7 + 20 * ill), "site": "x"} for i, ill in enumerate(YES.tolist())]
    cohort = replace(
        whole, cases=tuple(replace(case, attributes=row) for case, row in zip(whole.cases, ages, strict=True))
    )
    found = shortcut_findings(shortcuts(cohort, looks, seed=0))
    assert {(one.code, one.severity) for one in found} == {("RC065", "warning"), ("RC067", "warning")}


def test_the_edge_of_the_body_is_no_marker(file: Path) -> None:
    """The bodies of the ill are wider: their edge is bright against the air, at another place than that of the well."""
    images = pictures()
    for image, ill in zip(images, YES, strict=True):
        margin = 5 if ill else 7
        image[:, :margin] = image[:, -margin:] = 0
        np.maximum(image[:, margin:-margin], 60, out=image[:, margin:-margin])
    found = told(shortcuts(cohort_of(file, YES), looks_of(file, images), seed=0), "marker")
    assert not found.loud


def test_what_marks_patients_and_not_the_label_is_not_learnt_from_their_other_images(file: Path) -> None:
    """Each patient has four images of one grey level of their own, by which a model would know them again."""
    chance = np.random.default_rng(2)
    ill = chance.permutation(np.arange(60) % 2 == 1)
    level = chance.permutation(60)
    images = [np.full((16, 16), 100, np.uint8) + level[p].astype(np.uint8) for p in range(60) for _ in range(4)]
    for image in images:
        image[0, :8] = 0
    cohort = cohort_of(file, np.repeat(ill, 4), patients=[f"p{p}" for p in range(60) for _ in range(4)])
    found = told(shortcuts(cohort, looks_of(file, images), seed=0), "mean and histogram")
    assert (found.cases, found.patients) == (240, 60)
    assert found.auc < 0.7
    assert not found.loud


def test_the_worst_class_or_label_is_told_and_a_number_is_asked_for_its_median(file: Path) -> None:
    looks = looks_of(file, pictures())
    third = np.arange(PATIENTS) % 3
    sites = ["far" if k == 1 else "near" for k in third]
    found = shortcuts(with_sites(cohort_of(file, third, kind="multiclass"), sites), looks, seed=0)
    assert told(found, "site").about == "'b' among 3 classes"
    assert told(found, "site").auc == 1.0
    labels = np.stack([np.arange(PATIENTS) % 5 == 0, third == 1], axis=1).astype(float)
    labels[0, 0] = np.nan
    found = shortcuts(with_sites(cohort_of(file, labels, kind="multilabel"), sites), looks, seed=0)
    assert told(found, "site").about == "'label1'"
    numbers = np.where(third == 1, 3.0, 1.0) + np.arange(PATIENTS) / 1000
    found = shortcuts(with_sites(cohort_of(file, numbers, kind="regression"), sites), looks, seed=0)
    assert told(found, "site").about == "'label0' above its median"
    assert told(found, "site").auc > 0.8


def test_too_few_patients_or_regions_are_not_asked_and_the_reason_is_said(file: Path) -> None:
    looks = looks_of(file, pictures())
    few = cohort_of(file, YES[:30])
    assert all("fewer than 40" in one.not_applicable for one in shortcuts(few, looks[:30], seed=0))
    rare = cohort_of(file, np.arange(PATIENTS) < 9)
    assert all("10 patients" in one.not_applicable for one in shortcuts(rare, looks, seed=0))
    whole = cohort_of(file, YES)
    regions = replace(whole, cases=tuple(replace(case, centre_mm=(0.0, 0.0, 0.0)) for case in whole.cases))
    found = shortcuts(regions, looks, seed=0)
    assert "regions" in told(found, "marker").not_applicable
    assert told(found, "site").not_applicable == "no site is given"
    assert not shortcut_findings(found)
    assert json.loads(json.dumps(told(found, "site").as_json()))["auc"] is None


def test_the_same_seed_gives_the_same_figures_whatever_the_patients_are_called(file: Path) -> None:
    looks = looks_of(file, pictures())
    one = shortcuts(cohort_of(file, YES), looks, seed=3)
    other = shortcuts(cohort_of(file, YES, patients=[f"z{-i}" for i in range(PATIENTS)]), looks, seed=3)
    assert [a.as_json() for a in one] == [b.as_json() for b in other]


def test_traits_are_marks_and_numbers_and_no_word_of_the_header(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4), np.int16)
    said = {"Manufacturer": "SECRET Maker", "KVP": 120, "SliceThickness": 2.5, "AcquisitionDate": "20190312"}
    first = written(tmp_path / "a.dcm", pixels, ConvolutionKernel=["SECRET", "B30"], **said)
    second = written(tmp_path / "b.dcm", pixels, ConvolutionKernel=["SECRET", "B60"], **said)
    (tmp_path / "broken.dcm").write_bytes(first.read_bytes()[:200])
    one, other, none = dicom_traits([first, second, tmp_path / "broken.dcm"])
    assert (one["tube voltage"], one["slice thickness"], one["month"]) == (120.0, 2.5, 12 * 2019 + 3)
    assert one["manufacturer"] == other["manufacturer"]
    assert one["kernel"] != other["kernel"]
    assert "SECRET" not in str(one)
    assert none == {}
    assert isinstance(each("dicom traits", [tmp_path / "broken.dcm"])[0], Refused)


def test_header_traits_come_by_case_and_only_for_dicom(tmp_path: Path, file: Path) -> None:
    image = written(tmp_path / "a.dcm", np.zeros((4, 4), np.int16), KVP=80)
    whole = cohort_of(file, YES)
    cohort = replace(whole, cases=(replace(whole.cases[0], source=Source(image)), *whole.cases[1:3]))
    forms = ("dicom", "png", "png")
    looks = [replace(look, form=form) for look, form in zip(looks_of(file, pictures()[:3]), forms, strict=True)]
    found = header_traits(cohort, looks)
    assert list(found) == ["c0"]
    assert found["c0"]["tube voltage"] == 80.0
