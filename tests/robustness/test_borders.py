"""Frames of other patients' images: which voxels, whose, and what is said of the answers."""

from __future__ import annotations

import json
import math

import numpy as np

from radcnn.robustness.borders import Bordered, at_width, donors, frame, pieces

PATIENTS = [f"p{k // 2}" for k in range(24)]
KINDS = [k // 2 % 2 for k in range(24)]


def bordered(other: np.ndarray, same: np.ndarray) -> Bordered:
    one = at_width("whole border", 2, 1.5, 0.3, other, same, PATIENTS)
    return Bordered("tuning", 24, 12, "patient", "probability 0.5", (one,))


def test_the_pieces_of_a_frame_are_the_frame_and_do_not_overlap() -> None:
    parts = pieces((9, 12), 2)
    assert np.array_equal(sum(one.astype(int) for one in parts.values()), frame((9, 12), 2).astype(int))
    assert parts["upper right"][0, 11]
    assert parts["lower left"][8, 0]


def test_the_frame_of_a_volume_is_its_shell() -> None:
    assert frame((5, 5, 5), 1).sum() == 125 - 27


def test_donors_are_other_patients_of_the_kind_that_is_asked_for() -> None:
    for same in (True, False):
        for row, found in enumerate(donors(KINDS, PATIENTS, same=same, each=3, seed=1)):
            assert len(found) == 3
            assert all((KINDS[k] == KINDS[row]) == same and PATIENTS[k] != PATIENTS[row] for k in found)


def test_a_case_without_a_donor_is_not_counted() -> None:
    assert [len(one) for one in donors([0, 0, 1], ["a", "b", "c"], same=True, each=2)] == [1, 1, 0]
    half = np.where(np.arange(24) < 12, np.nan, 1.0)
    assert bordered(half, np.zeros(24)).widths[0].excess.n == 12


def test_what_both_frames_do_is_not_called_following() -> None:
    dice = np.random.default_rng(0)
    other, same = (dice.random(24) for _ in range(2))
    found = bordered(other, same)
    assert found.followed is None
    assert found.sentence.startswith("No sign")


def test_what_turned_nothing_has_a_limit_all_the_same() -> None:
    found = bordered(np.zeros(24), np.zeros(24))
    assert 0 < found.widths[0].other.high < 0.5
    assert "the difference is at most" in found.sentence


def test_answers_that_all_turn_are_called_following_although_nothing_varies() -> None:
    found = bordered(np.ones(24), np.zeros(24))
    assert math.isnan(found.widths[0].excess.low)
    assert "THE ANSWERS FOLLOW THE BORDER" in found.sentence
    assert "2 pixels (1.5 mm)" in found.sentence


def test_the_result_comes_back_from_json() -> None:
    found = bordered(np.linspace(0, 1, 24), np.zeros(24))
    again = Bordered.from_json(json.loads(json.dumps(found.as_json(), allow_nan=False)))
    assert again.as_json() == found.as_json()
