"""Overlap, distances and lesions of masks: by hand, and the written rules where one of them is empty."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radcnn.core.errors import GeometryError
from radcnn.metrics.overlap import Counts, Distances, Lesions, counts_of, distances_of, match_lesions

NOTHING = np.zeros((4, 8, 8), bool)
CUBE = NOTHING.copy()
CUBE[1:3, 2:6, 2:6] = True


def test_overlap_by_hand() -> None:
    found = Counts(reference=100, prediction=60, both=50)
    assert found.dice == 100 / 160
    assert found.iou == 50 / 110
    assert found.relative_volume_difference == -0.4
    assert (found.sensitivity, found.precision) == (0.5, 50 / 60)


def test_masks_are_counted() -> None:
    moved = np.roll(CUBE, 1, axis=2)
    assert counts_of(CUBE, moved) == Counts(32, 32, 24)


def test_a_miss_and_an_invention_cost_the_worst_value_and_agreement_that_nothing_is_there_the_best() -> None:
    spacing = (3.0, 1.0, 1.0)
    diagonal = math.sqrt(12**2 + 8**2 + 8**2)
    for first, second in ((CUBE, NOTHING), (NOTHING, CUBE)):
        assert (counts_of(first, second).dice, counts_of(first, second).iou) == (0, 0)
        assert distances_of(first, second, spacing, tolerance=1.0) == Distances(*[pytest.approx(diagonal)] * 4, 0.0)  # type: ignore[arg-type]
    assert counts_of(NOTHING, NOTHING).dice == counts_of(NOTHING, NOTHING).iou == 1
    assert distances_of(NOTHING, NOTHING, spacing, tolerance=1.0) == Distances(0, 0, 0, 0, 1)
    assert math.isnan(counts_of(NOTHING, CUBE).relative_volume_difference)
    assert counts_of(CUBE, NOTHING).relative_volume_difference == -1
    assert counts_of(NOTHING, NOTHING).relative_volume_difference == 0


def test_distances_are_in_the_unit_of_the_spacing() -> None:
    moved = np.roll(CUBE, 1, axis=0)
    thin, thick = (distances_of(CUBE, moved, (step, 1.0, 1.0), tolerance=1.0) for step in (1.0, 4.0))
    assert (thin.maximum, thick.maximum) == (1, 4)
    assert thin.dice == 1 > thick.dice
    assert thick.rms > thick.mean > thin.mean
    assert thick.most <= thick.maximum


def test_each_lesion_answers_one_other() -> None:
    there, said = np.zeros((9, 20), bool), np.zeros((9, 20), bool)
    there[2:5, 1:4] = there[2:5, 8:11] = True
    said[2:5, 2:10] = True  # one that lies over both
    assert match_lesions(there, said).counted() == Lesions(found=1, missed=1, made_up=0)
    assert match_lesions(there, said, overlap=0.5).counted() == Lesions(found=0, missed=2, made_up=1)
    assert match_lesions(there, there).counted().f1 == 1
    empty = np.zeros_like(there)
    assert match_lesions(there, empty).counted() == Lesions(0, 2, 0)
    assert match_lesions(empty, there).counted() == Lesions(0, 0, 2)
    assert (match_lesions(empty, empty).counted().f1, match_lesions(there, empty).counted().f1) == (1, 0)
    assert math.isnan(match_lesions(empty, there).counted().sensitivity)


def test_masks_of_other_sizes_are_refused() -> None:
    with pytest.raises(GeometryError, match="one size"):
        counts_of(CUBE, CUBE[:2])


def test_lesions_of_a_size_are_counted_by_their_own_size_those_made_up_by_what_was_marked() -> None:
    there, said = np.zeros((2, 20, 20), bool)
    there[1:3, 1:3] = there[10:16, 10:16] = True  # 4 and 36 pixels
    said[10:16, 10:14] = said[18, 1:4] = True  # the larger one is found, 3 pixels are made up
    found = match_lesions(there, said)
    assert found.counted() == Lesions(1, 1, 1)
    assert found.counted(0, 10) == Lesions(0, 1, 1)
    assert found.counted(10) == Lesions(1, 0, 0)
    assert found.counted(10).there == 1
