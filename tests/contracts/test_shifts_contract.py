"""The contract every entry of SHIFTS keeps, for each kind of image that it is for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from radcnn.core.errors import GeometryError, InputError, SettingsError
from radcnn.core.volume import Volume
from radcnn.robustness.shifts import SEVERITIES, SHIFTS, shifted, suited
from radcnn.robustness.shifts.shift import padding, stored_range
from shifted_images import film, head, photograph, trunk

IMAGES = {"trunk": trunk, "slice": lambda: trunk(1), "head": head, "MR slice": lambda: head(2), "film": film,
          "photograph": photograph}  # fmt: skip
KINDS = {"ct": ("trunk", "slice"), "mr": ("head", "MR slice"), "radiograph": ("film",), "any": tuple(IMAGES)}
EACH = [
    (name, kind)
    for name, shift in SHIFTS.items()
    for kind in KINDS[shift.modality]
    if IMAGES[kind]().rank in shift.ranks
]
DRAWN = ("ct_dose", "ct_noise", "ct_metal", "mr_noise", "mr_bias", "mr_motion", "xr_exposure")  # by chance


def made(name: str, kind: str, severity: int, seed: int = 0) -> Volume:
    return shifted(IMAGES[kind](), SHIFTS[name], severity, seed=seed)


@pytest.fixture(scope="module", params=EACH, ids=lambda each: " of ".join(each))
def each(request: pytest.FixtureRequest) -> tuple[str, str, list[Volume]]:
    name, kind = request.param
    return name, kind, [made(name, kind, severity) for severity in SEVERITIES]


def test_severity_0_is_the_image_itself_and_distance_grows_with_severity(each):
    name, kind, worse = each
    image = IMAGES[kind]()
    assert np.array_equal(made(name, kind, 0).voxels, image.voxels)
    away = [float(np.sqrt(np.mean((one.voxels - image.voxels.astype(np.float32)) ** 2))) for one in worse]
    assert away[0] > 0
    assert away == sorted(away), away
    assert len(set(away)) == len(away)


def test_the_place_in_the_patient_and_the_unit_stay(each):
    _, kind, worse = each
    image = IMAGES[kind]()
    for one in worse:
        assert one.voxels.shape == image.voxels.shape
        assert (one.units, one.frame) == (image.units, image.frame)
        assert np.array_equal(one.affine, image.affine) if image.affine is not None else one.affine is None
        assert one.voxels.dtype == np.float32


def test_values_stay_finite_and_within_what_the_scanner_stores(each):
    _, kind, worse = each
    low, high = stored_range(IMAGES[kind]())
    for one in worse:
        assert np.isfinite(one.voxels).all()
        assert one.voxels.min() >= low
        assert one.voxels.max() <= high


def test_the_same_seed_gives_the_same_image_and_the_given_one_is_left_alone(each):
    name, kind, worse = each
    before = IMAGES[kind]().voxels.copy()
    assert np.array_equal(made(name, kind, 3).voxels, worse[2].voxels)
    assert np.array_equal(IMAGES[kind]().voxels, before)


def test_another_seed_draws_otherwise_where_anything_is_drawn(each):
    name, kind, worse = each
    differs = any(not np.array_equal(made(name, kind, 3, seed).voxels, worse[2].voxels) for seed in (1, 2, 3))
    assert differs == (name in (*DRAWN, "xr_rotation"))


@pytest.mark.parametrize("name", SHIFTS)
def test_an_entry_says_what_it_does_and_how_much(name):
    shift = SHIFTS[name]
    assert shift.what
    words = [shift.words(severity) for severity in SEVERITIES]
    assert len(set(words)) == 5
    assert shift.words(0) == "as it was"
    with pytest.raises(dataclasses.FrozenInstanceError):
        shift.title = "another"


@pytest.mark.parametrize("name", [name for name, shift in SHIFTS.items() if shift.modality != "any"])
def test_an_image_it_makes_no_sense_for_is_refused_in_a_sentence(name):
    with pytest.raises(InputError, match=r"is a shift of .* in rgb"):
        shifted(photograph(), SHIFTS[name], 1)


def test_thickness_needs_slices_and_severities_end_at_5():
    with pytest.raises(InputError, match="single image"):
        shifted(trunk(1), SHIFTS["ct_thickness"], 1)
    with pytest.raises(SettingsError, match=r"0 .* to 5, got 6"):
        shifted(film(), SHIFTS["spacing"], 6)


@pytest.mark.parametrize("name", ["ct_noise", "ct_softer", "ct_metal", "ct_dose"])
def test_what_is_known_per_mm_refuses_images_of_unknown_spacing(name):
    unknown = Volume(trunk(1).voxels, None, "HU")
    with pytest.raises(GeometryError):
        shifted(unknown, SHIFTS[name], 1)


@pytest.mark.parametrize("name", ["ct_noise", "ct_offset", "ct_softer", "resolution"])
def test_padding_of_a_ct_stays_as_it_was(name):
    hu = trunk(1).voxels.copy()
    hu[:, :10], hu[:, :, :10] = -2000, -2000
    image = Volume.from_spacing(hu, (2.5, 2.5), units="HU")
    there = padding(image)
    assert there is not None
    worse = shifted(image, SHIFTS[name], 5).voxels
    assert (worse[there] == -2000).all()
    assert (worse[~there] != image.voxels[~there]).mean() > 0.5


def test_a_ct_that_does_not_say_its_unit_is_taken_for_hu_on_the_users_word():
    silent = Volume(trunk(1).voxels, trunk(1).affine, "arbitrary", "image")
    worse = shifted(silent, SHIFTS["ct_offset"], 5)
    assert worse.units == "arbitrary"
    assert np.allclose(worse.voxels - silent.voxels, 80, atol=1e-2)


def test_each_kind_of_image_has_its_own_shifts():
    assert "ct_dose" in suited("HU", 3)
    assert "ct_thickness" not in suited("HU", 2)
    assert suited("arbitrary", 3)[0] == "mr_noise"
    assert "xr_inversion" in suited("grey", 2)
    assert suited("grey", 3) == suited("rgb", 2) == ("spacing", "resolution")
    with pytest.raises(InputError, match="a mask is not acquired"):
        suited("mask", 2)
