"""Checks of inputs: what is out of its unit or range, or unlike the others, is named; real variety is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from radcnn.core.case import Source
from radcnn.core.errors import InputError
from radcnn.core.volume import Volume
from radcnn.data.findings import Finding, finding
from radcnn.data.input_forms import (
    depth_findings,
    form_findings,
    orientation_findings,
    phase_findings,
    reading_findings,
    spacing_findings,
)
from radcnn.data.input_values import blank_findings, saturation_findings, suspicion, unit_findings
from radcnn.data.looked import Looked
from radcnn.data.outcome import NotApplicable, Verdict
from radcnn.data.survey import look_at, survey
from written_studies import blob, save_png


@dataclass(frozen=True)
class GlancedValues:
    """Grey values as the checks want them."""

    minimum: float
    maximum: float
    low: float
    high: float
    at_maximum: float
    distinct: int


@dataclass(frozen=True)
class Glance:
    """An image as the checks want it."""

    rank: int
    size: tuple[int, ...]
    channels: int
    grey_as_colour: bool
    dtype: str
    units: str
    spacing_mm: tuple[float, ...] | None
    orientation: str
    intensities: GlancedValues
    findings: tuple[Finding, ...] = ()


CT = GlancedValues(-1024, 1500, -1000, 800, 0.0001, 2000)
GREY = GlancedValues(0, 255, 3, 250, 0.001, 256)


def look(values: GlancedValues = CT, units: str = "HU", **changes: object) -> Glance:
    """A chest CT of 5 mm slices, or what differs from it."""
    made = Glance(3, (40, 512, 512), 1, False, "float32", units, (5.0, 0.7, 0.7), "SPL", values)
    return replace(made, **changes)  # type: ignore[arg-type]


def grey(**changes: object) -> Glance:
    """An 8-bit radiograph without any place."""
    flat = {"rank": 2, "size": (64, 64), "dtype": "uint8", "spacing_mm": None, "orientation": ""}
    return look(GREY, "grey", **{**flat, **changes})


def found_in(verdict: Verdict) -> Sequence[Finding]:
    assert isinstance(verdict, Sequence), verdict
    return verdict


def only(verdict: Verdict) -> Finding:
    (found,) = found_in(verdict)
    return found


def because(verdict: Verdict) -> str:
    assert isinstance(verdict, NotApplicable), verdict
    return verdict.because


def test_a_glance_is_all_that_the_checks_ask_for() -> None:
    wanted: Looked = look()
    assert wanted.intensities.low == -1000


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (CT, None),
        (GlancedValues(0, 255, 0, 255, 0.01, 256), "a window of 8 bits"),
        (GlancedValues(0, 2500, 10, 1900, 0, 2000), "stored values without the offset"),
        (GlancedValues(-150, 300, -110, 220, 0, 400), "no air"),
        (GlancedValues(7, 7, 7, 7, 1, 1), None),
    ],
)
def test_ct_without_air_is_not_in_hu(values: GlancedValues, word: str | None) -> None:
    assert suspicion(values) == word


def test_ct_that_is_not_in_hu_is_named_by_its_number() -> None:
    windowed = look(GlancedValues(0, 255, 0, 255, 0.01, 256))
    found = only(unit_findings([look(), windowed, look(), windowed]))
    assert (found.code, found.severity, found.subject) == ("RC070", "warning", "images")
    assert found.sentence == "2 of 4 CT images do not look like HU (a window of 8 bits): cases 2, 4"


def test_hu_beside_other_units_is_an_error() -> None:
    found = only(unit_findings([look(), grey()]))
    assert (found.code, found.severity) == ("RC071", "error")
    assert "(grey): case 2" in found.sentence
    assert because(unit_findings([grey()])) == "no image is in HU"


def test_hu_that_nothing_has_are_named_with_their_range() -> None:
    padded = look(replace(CT, minimum=-32768.0))
    metal = look(replace(CT, maximum=30710.0))
    found = only(unit_findings([look(), padded, metal]))
    assert found.code == "RC072"
    assert "-32768 to 1500" in found.sentence
    assert found.sentence.endswith("case 2")


def test_saturated_images_are_named_and_masks_are_none() -> None:
    burnt = grey(intensities=replace(GREY, at_maximum=0.31))
    found = only(saturation_findings([grey(), burnt]))
    assert (found.code, "up to 31%" in found.sentence) == ("RC073", True)
    mask = grey(intensities=GlancedValues(0, 255, 0, 255, 0.4, 2))
    assert because(saturation_findings([mask])) == "no image has more than two values"
    assert found_in(saturation_findings([mask, grey()])) == []


def test_blank_images_are_named() -> None:
    blank = grey(intensities=GlancedValues(9, 9, 9, 9, 1, 1))
    assert only(blank_findings([grey(), blank])).sentence == "1 of 2 images hold one value only: case 2"
    assert found_in(blank_findings([grey()])) == []


def test_a_spacing_in_another_unit_is_far_from_the_others() -> None:
    many = [look(spacing_mm=(5.0, 0.6 + 0.02 * i, 0.6 + 0.02 * i)) for i in range(12)]
    centimetres = look(spacing_mm=(0.5, 0.07, 0.07))
    found = found_in(spacing_findings([*many, centimetres]))
    assert [one.code for one in found] == ["RC075"] * 3
    assert "slice spacing far from the others' (0.5 mm, median 5 mm): case 13" in found[0].sentence


def test_ordinary_variety_of_spacings_says_nothing() -> None:
    dice = np.random.default_rng(0)
    many = [
        look(spacing_mm=(float(dice.choice([1.0, 1.25, 2.5, 5.0])), *[float(dice.uniform(0.5, 0.97))] * 2))
        for _ in range(200)
    ]
    assert found_in(spacing_findings(many)) == []
    assert because(spacing_findings([look()] * 9)).startswith("only 9 of 9 images state a spacing")
    assert because(spacing_findings([grey()] * 20)) == "no image states a spacing"


def test_planes_that_differ_are_named_and_axes_that_only_run_the_other_way_are_not() -> None:
    sagittal = look(spacing_mm=(4.0, 0.5, 0.5), orientation="LIP")
    found = only(orientation_findings([look(), look(), sagittal]))
    assert (found.code, "2 axial, 1 sagittal" in found.sentence) == ("RC076", True)
    assert found.sentence.endswith("case 3")
    assert found_in(orientation_findings([look(), look(orientation="IPR")])) == []
    equal = look(spacing_mm=(1.0, 1.0, 1.0), orientation="LIP")
    assert found_in(orientation_findings([look(), equal])) == [], "equal spacings have no plane of their own"
    assert because(orientation_findings([grey()])) == "no image says how the patient lies in it"


def test_frontal_and_lateral_radiographs_are_two_planes() -> None:
    frontal, lateral = (grey(orientation=way, spacing_mm=(0.2, 0.2)) for way in ("IL", "IP"))
    assert "1 coronal, 1 sagittal" in only(orientation_findings([frontal, lateral])).sentence


def test_volumes_that_cannot_be_turned_as_the_others_are_named() -> None:
    found = only(orientation_findings([look(), look(orientation="")]))
    assert "1 of 2 images do not say how the patient lies in them" in found.sentence


def test_bit_depths_that_differ_are_named() -> None:
    found = only(depth_findings([grey(), grey(), grey(dtype="uint16")]))
    assert found.sentence == "images are stored in 2 bit depths (2 8-bit, 1 16-bit); not 8-bit: case 3"
    assert found_in(depth_findings([grey(dtype="int16"), grey(dtype="uint16")])) == []
    assert "HU" in because(depth_findings([look()]))


def test_one_phase_among_cases_with_several_is_named() -> None:
    several = look(findings=(finding("one of several phases taken", "series7 holds 2 groups"),))
    found = only(phase_findings([several, look(), several]))
    assert (found.code, found.sentence.startswith("1 of 3 cases hold one phase")) == ("RC078", True)
    assert found_in(phase_findings([several, several])) == []
    assert because(phase_findings([look()])) == "no case holds several phases or time points"


def test_what_readers_noticed_is_said_once_and_names_no_file() -> None:
    tilted = look(findings=(finding("gantry tilt resampled", "Zebra_7 is tilted by 7 degrees (Zebra_7)"),))
    other = look(findings=(finding("header contradicts positions", "3 says 3 mm"),))
    names = [{"a"}, {"Zebra_7", "Zebra_7.dcm"}, {"3"}, {"y"}]
    found = found_in(reading_findings([look(), tilted, other, tilted], names.__getitem__))
    assert [one.code for one in found] == ["RC027", "RC029"]
    assert found[0].sentence == "2 of 4 cases (cases 2, 4); the first: case 2 is tilted by 7 degrees (case 2)"
    assert found[1].sentence == "case 3 says 3 mm"


def test_sizes_and_channels_are_said_of_all_images_and_mixtures_are_refused() -> None:
    found = found_in(form_findings([grey(), grey(size=(32, 32))], ["a", "b"]))
    assert [one.code for one in found] == ["RC018", "RC019"]
    with pytest.raises(InputError, match=r"case a is 2D.* case b is 3D"):
        form_findings([grey(), look()], ["a", "b"])


def test_a_look_measures_what_it_says(tmp_path: Path) -> None:
    voxels = np.zeros((3, 8, 8), np.uint8)
    voxels[:, :2] = 200
    path = save_png(tmp_path / "a.png", voxels[0])
    seen = look_at(Source(path), Volume(voxels, None))
    assert (seen.rank, seen.channels, seen.grey_as_colour, seen.dtype, seen.orientation) == (2, 3, True, "uint8", "")
    assert (seen.intensities.minimum, seen.intensities.maximum, seen.intensities.distinct) == (0, 200, 2)
    assert seen.intensities.at_maximum == 0.25
    ct = Volume(np.full((1, 2, 4, 4), -7.5, np.float32), np.diag([1.0, 1, 1, 1])[[2, 1, 0, 3]], "HU")
    assert look_at(Source(path), ct).orientation == "SPL"
    assert look_at(Source(path), ct).intensities.low == -7.5


def test_all_images_of_a_cohort_are_looked_at_in_order_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    from radcnn.data.cohort import CohortSettings, gather
    from written_studies import class_folders

    data = class_folders(tmp_path / "chest", patients=4, images=1)
    save_png(data / "sick" / "wide.png", blob(True, "wide", shape=(14, 20)))
    cohort = gather(CohortSettings(data, unit="image"), salt="s")
    told: list[tuple[int, int]] = []
    seen = survey(cohort, workers=2, told=lambda done, of: told.append((done, of)))
    assert [one.size for one in seen] == [
        (14, 20) if case.name.endswith("wide.png") else (14, 14) for case in cohort.cases
    ]
    assert told[-1] == (9, 9)
    (data / "sick" / "wide.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(InputError, match=r"^case 9 \(sick/wide\.png\): "):
        survey(cohort, workers=2)
