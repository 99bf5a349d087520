"""Figures of maps in words: who beats chance, and signs of a shortcut."""

from __future__ import annotations

import math

from radcnn.core.estimate import Estimate
from radcnn.reports.explaining.found import Figure, Looked
from radcnn.reports.explaining.ranked import sentences_of


def estimate(value: float, low: float, high: float, *, patients: int = 20) -> Estimate:
    return Estimate(value, low, high, patients, patients, "made up")


def way(name: str, beyond: Estimate, ratio: Estimate | None = None) -> Looked:
    own = estimate(0.4, 0.3, 0.5)
    figures = [Figure("auprc", own, estimate(0.1, 0.05, 0.15), beyond)]
    if ratio is not None:
        figures.append(Figure("border", estimate(0.6, 0.5, 0.7), estimate(0.3, 0.3, 0.3), ratio))
        figures.append(Figure("border: upper left", own, own, estimate(9.0, 8.0, 10.0)))
    return Looked(name, name, "last", tuple(figures))


def test_ways_are_ranked_and_those_no_better_than_chance_are_named() -> None:
    said = sentences_of(
        [
            way("weak", estimate(0.05, -0.01, 0.1)),
            way("good", estimate(0.2, 0.1, 0.3)),
            way("best", estimate(0.3, 0.2, 0.4)),
        ]
    )[0]
    assert said.startswith("2 of 3 ways of making maps find what was outlined better than chance")
    assert said.index("best (") < said.index("good (") < said.index("No better than chance: weak")


def test_where_none_beats_chance_it_is_said_aloud() -> None:
    assert sentences_of([way("weak", estimate(0.05, -0.01, 0.1))])[0].startswith("NO WAY OF MAKING MAPS")


def test_maps_that_all_agree_have_no_interval_and_count_where_patients_are_enough() -> None:
    few = sentences_of([way("same", estimate(0.9, math.nan, math.nan, patients=3))])[0]
    many = sentences_of([way("same", estimate(0.9, math.nan, math.nan, patients=9))])[0]
    assert few.startswith("NO WAY")
    assert many.startswith("1 of 1 way")


def test_maps_at_the_border_are_a_sign_of_a_shortcut_and_their_place_is_named() -> None:
    beyond = estimate(0.2, 0.1, 0.3)
    assert (
        "SIGN OF A SHORTCUT: 60 % of the maps by a lie" in sentences_of([way("a", beyond, estimate(2.0, 1.7, 2.3))])[1]
    )
    assert "upper left" in sentences_of([way("a", beyond, estimate(2.0, 1.7, 2.3))])[1]
    assert "No sign of a shortcut" in sentences_of([way("a", beyond, estimate(1.2, 1.1, 1.3))])[1]


def test_without_outlines_nothing_is_said_of_them() -> None:
    assert sentences_of([Looked("a", "a", "last")]) == ()


def test_ways_that_stay_when_the_network_forgets_are_named() -> None:
    same = Looked("same", "same", "last", (Figure("randomised", estimate(0.8, 0.7, 0.9)),))
    other = Looked("other", "other", "last", (Figure("randomised", estimate(0.6, 0.1, 0.99)),))
    assert "THE MAPS BY same (rank correlation 0.80) STAY MUCH THE SAME" in sentences_of([same, other])[0]
    assert "By none of 1 way" in sentences_of([other])[0]
