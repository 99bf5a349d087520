"""One function prints every figure: with its interval and n, or with the reason why it is undefined."""

from __future__ import annotations

import math

import pytest

from radcnn.core.estimate import Estimate
from radcnn.reports.numbers import decimals, in_words, number, short, shown


def test_a_figure_has_its_interval_level_and_n():
    told = str(shown(Estimate(0.9123, 0.88, 0.94, 200, 150, "DeLong", level=0.9)))
    assert told == "0.912 (90 % CI 0.880 to 0.940; n = 200 of 150 patients)"


def test_patients_are_left_out_where_the_unit_is_the_image_or_each_has_one_case():
    assert shown(Estimate(0.5, 0.4, 0.6, 20, 10, ""), "image").n == "n = 20"
    assert shown(Estimate(0.5, 0.4, 0.6, 20, 20, "")).n == "n = 20"


def test_an_undefined_figure_says_why_and_never_nan():
    told = shown(Estimate.missing("only one class", 7, 7))
    assert str(told) == "undefined (only one class; n = 7)"
    assert short(Estimate.missing("only one class", 7, 7)) == "undefined (only one class)"


def test_a_figure_without_interval_says_so():
    assert str(shown(Estimate(0.25, math.nan, math.nan, 9, 9, "none"))) == "0.250 (no interval; n = 9)"


@pytest.mark.parametrize(
    ("values", "digits"),
    [((0.0,), 3), ((0.5,), 3), ((9.99,), 3), ((10.2,), 2), ((123.4,), 1), ((51234.0,), 0), ((0.0012,), 5), ((), 3)],
)
def test_decimals_follow_the_size_of_the_number(values, digits):
    assert decimals(*values) == digits


def test_numbers_have_a_true_minus_and_no_negative_zero():
    assert number(-12.34, 1) == "−12.3"
    assert number(-0.0001, 3) == "0.000"
    assert number(12345.6, 0) == "12,346"


def test_an_unknown_figure_keeps_its_name():
    assert in_words("some_new_figure") == "some new figure"
