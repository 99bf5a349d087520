"""Figures against severity: paired losses, relative errors, limits and the words for them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radcnn.core.chance import generator
from radcnn.core.errors import SettingsError
from radcnn.core.estimate import Estimate
from radcnn.core.target import Target
from radcnn.robustness.answers import Answered, balanced_error_lost, figures, relative_balanced_error
from radcnn.robustness.limits import Limit, first_broken, parse_limit
from radcnn.robustness.shifted import Shifted, curve_of, sentence

YES_NO = Target("binary", ("ill",), ("no", "yes"))
THREE = Target("multiclass", ("grade",), ("low", "middle", "high"))
SEVERAL = Target("multilabel", ("a", "b"), ("absent", "present"))


def answered(wrong: int, n: int = 40, seed: int = 0) -> Answered:
    """Half ill, half well, two cases a patient; the first `wrong` of the ill are answered with no."""
    truth = np.arange(n) % 2
    scores = np.where(truth, 0.8, 0.2) + generator(seed, "scores").uniform(-0.1, 0.1, n)
    scores[np.flatnonzero(truth)[:wrong]] -= 0.6
    return Answered(YES_NO, scores[:, None], truth[:, None].astype(float), tuple(str(i // 2) for i in range(n)))


def flat(value: float, half: float = 0.05) -> Estimate:
    return Estimate(value, value - half, value + half, 40, 20, "by hand")


def test_figures_of_yes_and_no_are_those_counted_by_hand():
    found = figures(answered(5))
    assert found["accuracy"].value == pytest.approx(35 / 40)
    assert found["balanced_accuracy"].value == pytest.approx((15 / 20 + 1) / 2)
    assert 0 < found["auc"].value < 1
    assert all(one.low < one.value < one.high for one in found.values())


def test_a_threshold_decides_what_is_called_ill():
    given = answered(0)
    low = Answered(YES_NO, given.scores, given.truth, given.patients, threshold=0.05)
    assert figures(low)["accuracy"].value == pytest.approx(0.5)


def test_several_classes_and_several_labels_have_their_figures():
    truth = np.arange(30) % 3
    scores = np.eye(3)[truth] * 0.6 + 0.2 * generator(0, "three").random((30, 3))
    found = figures(Answered(THREE, scores, truth[:, None].astype(float), tuple(map(str, range(30)))))
    assert found["balanced_accuracy"].value == found["accuracy"].value == 1
    labels = np.array([[0, 1], [1, np.nan], [0, 0], [1, 1]] * 5)
    given = np.where(np.nan_to_num(labels, nan=1.0) > 0, 0.9, 0.1)
    several = figures(Answered(SEVERAL, given, labels, tuple(map(str, range(20)))))
    assert several["accuracy"].value == 1
    assert "several labels" in several["balanced_accuracy"].undefined


def test_what_is_lost_is_the_paired_difference_and_the_relative_error_its_ratio():
    before, after = answered(2), answered(8)
    lost = balanced_error_lost(before, after)
    assert lost.value == pytest.approx(0.15)
    assert lost.low < 0.15 < lost.high
    ratio = relative_balanced_error(before, after)
    assert ratio.value == pytest.approx(4.0)
    assert 1 < ratio.low < 4 < ratio.high
    assert "no error" in relative_balanced_error(answered(0), after).undefined
    assert balanced_error_lost(before, before).value == 0


def test_the_interval_of_what_is_lost_covers():
    truth = (np.arange(80) % 2).astype(float)
    patients = tuple(str(i // 2) for i in range(80))

    def drawn(k: int) -> bool:
        chance = generator(k, "lost")
        first = chance.random(80) < 0.9
        second = first & (chance.random(80) < 0.85)
        made = [
            Answered(YES_NO, np.where(right, truth, 1 - truth)[:, None], truth[:, None], patients)
            for right in (first, second)
        ]
        found = balanced_error_lost(*made)
        return found.low <= 0.9 * 0.15 <= found.high

    assert np.mean([drawn(k) for k in range(200)]) > 0.9


def test_limits_are_read_from_words_and_wrong_ones_refused():
    assert parse_limit("balanced_accuracy=0.8") == Limit("balanced_accuracy", 0.8)
    assert parse_limit(" auc = -0.1 ") == Limit("auc", 0.1, fall=True)
    with pytest.raises(SettingsError, match="did you mean accuracy"):
        parse_limit("acuracy=0.8")
    with pytest.raises(SettingsError, match="FIGURE=VALUE"):
        parse_limit("auc")
    with pytest.raises(SettingsError, match="between 0 and 1"):
        parse_limit("auc=80")


def test_the_first_severity_that_breaks_a_limit_is_found():
    figures_of = list(enumerate([flat(0.9), flat(0.86), flat(0.79), flat(0.6)]))
    least = first_broken(parse_limit("auc=0.8"), figures_of)
    assert (least.severity, least.surely) == (2, False)
    fall = first_broken(parse_limit("auc=-0.15"), figures_of)
    assert (fall.severity, fall.surely) == (3, True)
    assert first_broken(parse_limit("auc=0.95"), figures_of).severity == 0
    assert first_broken(parse_limit("auc=0.5"), figures_of).severity is None
    unknown = first_broken(parse_limit("auc=0.5"), [(0, Estimate.missing("one class")), (1, flat(0.9))])
    assert not unknown.told


def test_a_curve_says_in_words_from_where_on_a_limit_is_broken_and_survives_json():
    levels = [(k, f"{k} HU", answered(wrong), Estimate.missing("by hand")) for k, wrong in enumerate((0, 1, 12))]
    curve = curve_of("ct_offset", "HU offset", "values higher", levels, [parse_limit("balanced_accuracy=0.8")])
    said = sentence(curve.broken[0], curve)
    assert "balanced accuracy is at least 0.8: broken from severity 2 on (2 HU), 0.700" in said
    kept = curve_of("ct_offset", "HU offset", "values higher", levels[:2], [parse_limit("auc=-0.9")])
    assert "falls by at most 0.9: holds up to severity 1 (1 HU)" in sentence(kept.broken[0], kept)
    whole = Shifted("tuning", 40, 20, "HU", "probability 0.5", ("a limit",), (curve,))
    again = Shifted.from_json(whole.as_json())
    assert again.as_json() == whole.as_json()
    assert "HU offset" in "\n".join(again.lines())
    assert again.tables()["curves"].count("\n") == 1 + 3 * 6
    assert math.isnan(again.curves[0].points[0].relative.value)
