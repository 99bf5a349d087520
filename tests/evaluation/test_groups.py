"""The groups of a subgroup column are few, in order, and hold every case once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radcnn.evaluation.groups import MOST_NUMBERS, groups


def names(words):
    return [name for name, _ in groups(words)]


def test_ages_are_parted_at_their_quartiles_and_named_by_the_numbers_inside():
    ages = [str(age) for age in range(30, 70)]
    assert names(ages) == ["30 to 39", "40 to 49", "50 to 59", "60 to 69"]
    assert [int(inside.sum()) for _, inside in groups(ages)] == [10, 10, 10, 10]


def test_a_few_numbers_stay_as_they_are_in_their_order():
    assert names(["10", "2", "1", "10"]) == ["1", "2", "10"]
    assert names([str(k) for k in range(MOST_NUMBERS)]) == [str(k) for k in range(MOST_NUMBERS)]


def test_words_stay_categories_even_beside_numbers():
    words = [f"{k}" for k in range(20)] + ["unknown"]
    assert len(names(words)) == 21
    assert names(["south", "north", "south"]) == ["north", "south"]


@pytest.mark.parametrize("missing", ["", "NA", "nan", "n/a"])
def test_missing_values_are_a_group_of_their_own_at_the_end(missing):
    assert names(["b", missing, "a"]) == ["a", "b", "not stated"]
    assert names([missing]) == ["not stated"]
    assert names([*map(str, range(12)), missing])[-1] == "not stated"


def test_no_case_has_no_group():
    assert groups([]) == ()


def test_many_equal_numbers_are_not_parted():
    made = groups(["0"] * 30 + [f"{k}.5" for k in range(1, 11)])
    assert made[0][0] == "0"
    assert int(made[0][1].sum()) == 30


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*(f"{k / 4}" for k in range(40)), ""]), min_size=1, max_size=80))
def test_every_case_is_in_one_group_and_ranges_do_not_overlap(words):
    made = groups(words)
    assert (np.sum([inside for _, inside in made], axis=0) == 1).all()
    ranges = [[float(end) for end in name.split(" to ")] for name, _ in made if name != "not stated"]
    ends = [end for pair in ranges for end in (pair[0], pair[-1])]
    assert ends == sorted(ends)
    assert len(ranges) <= max(4, MOST_NUMBERS)
