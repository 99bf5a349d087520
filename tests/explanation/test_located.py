import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from radcnn.core.errors import InputError
from radcnn.explanation.located import figures_of, located, standing_of

PATIENTS = [f"p{k}" for k in range(12)]


def blobs(dims=2, side=12, cases=12):
    rng = np.random.default_rng(0)
    masks = np.zeros((cases, *(side,) * dims), dtype=bool)
    for mask in masks:
        corner = rng.integers(0, side - 3, dims)
        mask[tuple(slice(c, c + 3) for c in corner)] = True
    return masks


@pytest.mark.parametrize("ties", [False, True])
def test_the_area_is_scikit_learns_average_precision(ties):
    rng = np.random.default_rng(1)
    shown = rng.integers(0, 5, 200).astype(float) if ties else rng.normal(size=200)
    inside = rng.random(200) < 0.1
    found = figures_of(standing_of(shown), np.flatnonzero(inside))[1]
    assert found == pytest.approx(average_precision_score(inside, shown), abs=1e-12)


def test_the_overlap_is_that_of_as_many_highest_voxels_as_the_mask_has():
    rng = np.random.default_rng(2)
    shown, inside = rng.normal(size=100), np.arange(100) < 20
    highest = np.isin(np.arange(100), np.argsort(-shown)[:20])
    expected = (highest & inside).sum() / (highest | inside).sum()
    assert figures_of(standing_of(shown), np.flatnonzero(inside))[2] == pytest.approx(expected)


def test_a_constant_map_points_no_better_than_its_mask_is_large():
    inside = np.arange(7)
    pointing, auprc, _ = figures_of(standing_of(np.zeros(70)), inside)
    assert pointing == pytest.approx(0.1)
    assert auprc == pytest.approx(0.1)


@pytest.mark.parametrize("dims", [2, 3])
def test_maps_of_the_masks_themselves_are_perfect_and_above_chance(dims):
    masks = blobs(dims)
    rng = np.random.default_rng(3)
    made = located("planted", masks + 0.5 * rng.random(masks.shape), masks, PATIENTS)
    assert made.pointing.value == 1
    assert made.pointing.low > 0.5
    assert made.auprc.value == pytest.approx(1)
    assert made.iou.value == pytest.approx(1)
    assert all(figure.low > 0 for figure in made.above_chance.values())
    assert made.n == made.auprc.n == 12


def test_maps_that_say_nothing_of_their_own_image_are_at_chance():
    masks, others = np.split(blobs(cases=212), [12])
    middle = np.broadcast_to(others.mean(axis=0), masks.shape)
    noise = np.random.default_rng(4).random(masks.shape)
    for maps in (noise, np.zeros(masks.shape)):
        made = located("blind", maps, masks, PATIENTS)
        for figure in made.above_chance.values():
            assert figure.value == pytest.approx(0, abs=1e-12) or figure.low <= 0 <= figure.high
    # a map of where outlines usually are beats a constant one, and is not called good for it
    usual = located("usual", middle, masks, PATIENTS)
    assert usual.auprc_chance.value > 1.3 * masks.mean()
    assert usual.above_chance["auprc"].low <= 0 <= usual.above_chance["auprc"].high


def test_chance_takes_no_mask_of_the_same_patient():
    masks = np.zeros((3, 4, 4), dtype=bool)
    masks[0, 0] = masks[1, 0] = masks[2, 3] = True
    maps = masks.astype(float)
    made = located("planted", maps, masks, ["a", "a", "b"])
    assert made.pointing_chance.value == 0
    alone = located("planted", maps, masks, ["a", "a", "a"])
    assert math.isnan(alone.pointing_chance.value)
    assert "one patient" in alone.above_chance["iou"].undefined


def test_cases_without_an_outline_do_not_count():
    masks = blobs()
    masks[5:] = False
    assert located("any", masks.astype(float), masks, PATIENTS).n == 5
    masks[:] = False
    made = located("any", masks.astype(float), masks, PATIENTS)
    assert made.n == 0
    assert "no case has an outline" in str(made.iou)


def test_what_does_not_fit_is_refused():
    masks = blobs()
    with pytest.raises(InputError, match="one shape"):
        located("any", masks[:3], masks, PATIENTS)
    maps = masks.astype(float)
    maps[0, 0, 0] = math.nan
    with pytest.raises(InputError, match="NaN"):
        located("any", maps, masks, PATIENTS)
