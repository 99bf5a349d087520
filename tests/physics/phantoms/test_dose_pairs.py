"""One chest at several doses: the same object, noise that follows the dose, and lesions of known contrast."""

from __future__ import annotations

import numpy as np
import pytest

from radcnn.core.chance import generator
from radcnn.core.errors import SettingsError
from radcnn.physics.noise import Dose
from radcnn.physics.phantoms.dose_pairs import FULL_DOSE, Chest, ChestField, disc_integrals, draw_chest
from radcnn.physics.phantoms.scan import image_hu

FIELD = ChestField(size=96, slices=2)


@pytest.fixture(scope="module")
def chest() -> Chest:
    return draw_chest(generator(0, "test", "chest"), FIELD)


def test_a_chest_is_lung_tissue_and_bone_in_air(chest: Chest) -> None:
    hu = chest.noiseless()
    assert hu.shape == (2, 96, 96)
    assert np.abs(hu[:, :4].mean() + 1000) < 20
    assert ((hu > -930) & (hu < -750)).mean() > 0.08
    assert ((hu > 0) & (hu < 100)).mean() > 0.1
    assert (hu > 150).mean() > 0.01


def test_noise_follows_the_dose_and_differs_from_scan_to_scan(chest: Chest) -> None:
    truth = chest.noiseless()
    middle = (slice(None), slice(40, 60), slice(40, 60))

    def noise(share: float, k: int) -> np.ndarray:
        return (chest.scanned(Dose(share * FULL_DOSE, 0.0), generator(k, "test", f"{share}")) - truth)[middle]

    full, quarter = (np.concatenate([noise(share, k) for k in range(4)]).std() for share in (1.0, 0.25))
    assert quarter / full == pytest.approx(2, rel=0.06)
    assert np.corrcoef(noise(1.0, 0).ravel(), noise(1.0, 1).ravel())[0, 1] < 0.15


def test_the_same_chance_gives_the_same_scan(chest: Chest) -> None:
    again = draw_chest(generator(0, "test", "chest"), FIELD)
    assert np.array_equal(again.integrals, chest.integrals)
    first, second = (c.scanned(Dose(1e4), generator(3, "test")) for c in (chest, again))
    assert np.array_equal(first, second)


def test_a_disc_adds_its_contrast_where_it_lies(chest: Chest) -> None:
    k, row, column = (int(v[0]) for v in np.nonzero(chest.tissue))
    lesion = np.zeros_like(chest.integrals)
    lesion[k] = disc_integrals(chest, row, column, 30.0, -30.0)
    change = image_hu(chest.integrals + lesion, FIELD.beam(), "soft") - chest.noiseless()
    assert change[k, row, column] == pytest.approx(-30, abs=2)
    assert np.abs(np.delete(change, k, axis=0)).max() < 0.01


def test_places_of_even_tissue_are_even(chest: Chest) -> None:
    truth = chest.noiseless()[chest.tissue]
    assert len(truth) > 20
    assert -40 < truth.mean() < 110
    assert truth.std() < 35


@pytest.mark.parametrize("changes", [{"size": 32}, {"slices": 0}, {"slice_mm": 0.0}])
def test_a_field_that_holds_no_chest_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="at least 64 pixels and a slice of some thickness"):
        ChestField(**changes)  # type: ignore[arg-type]


def test_one_slice_alone_is_a_chest_too() -> None:
    assert draw_chest(generator(1, "test"), ChestField(size=64, slices=1)).noiseless().shape == (1, 64, 64)
