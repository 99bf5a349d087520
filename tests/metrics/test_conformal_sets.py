"""Sets of classes hold the true one as often as promised, for new patients with several cases each."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from radcnn.core.chance import generator
from radcnn.metrics.conformal_sets import SetRule, class_scores, class_sets, set_rule


def drawn(patients: int, seed: int, *, hot: float = 3.0) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Cases of patients, one to four each, whose network is far too sure of itself."""
    chance = generator(seed, "sets")
    names = np.repeat([f"p{k}" for k in range(patients)], chance.integers(1, 5, patients))
    own = {name: chance.normal(0, 1, 3) for name in set(names.tolist())}
    logits = np.stack([own[name] for name in names]) + chance.normal(0, 1, (len(names), 3))
    shares = special.softmax(logits, axis=1).cumsum(axis=1)
    labels = (chance.random((len(names), 1)) > shares).sum(axis=1)
    return special.softmax(hot * logits, axis=1), labels, tuple(names)


@pytest.mark.parametrize("way", ["LAC", "APS"])
def test_a_new_patients_class_is_in_the_set_as_often_as_promised(way):
    hits = []
    for seed in range(300):
        chance = generator(seed, "chance")
        p, labels, patients = drawn(31, seed)
        known = np.array([name != "p0" for name in patients])
        rule = set_rule(p[known], labels[known], tuple(np.array(patients)[known]), way=way, level=0.8, chance=chance)
        sets = class_sets(p[~known], rule, chance)
        hits.append(sets[np.arange((~known).sum()), labels[~known]].mean())
    assert 0.77 <= np.mean(hits) <= 0.88


def test_the_threshold_is_the_quantile_with_the_new_patient_counted():
    p = np.linspace(0.5, 0.95, 10)
    probability = np.stack([p, 1 - p], axis=1)
    rule = set_rule(probability, np.zeros(10, int), tuple("abcdefghij"), level=0.8)
    # 9 of the 10 scores: (10 + 1) * .8 = 8.8
    assert rule.most == pytest.approx(1 - p[1])


def test_too_few_patients_give_no_rule():
    probability = np.tile([[0.7, 0.3]], (8, 1))
    assert set_rule(probability, np.zeros(8, int), tuple("abcdefgh"), level=0.9) is None
    assert set_rule(np.tile(probability, (2, 1))[:9], np.zeros(9, int), tuple("abcdefghi"), level=0.9) is not None
    assert set_rule(np.tile(probability, (9, 1)), np.zeros(72, int), ("a",) * 72, level=0.9) is None


def test_scores_are_those_of_the_papers():
    p = np.array([[0.5, 0.2, 0.3]])
    assert np.allclose(class_scores(p, "LAC"), [[0.5, 0.8, 0.7]])
    assert np.allclose(class_scores(p, "APS"), [[0.5, 1.0, 0.8]])
    drawn_ = class_scores(p, "APS", generator(0, "u"))
    assert (drawn_ <= class_scores(p, "APS")).all()


def test_a_larger_threshold_never_gives_a_smaller_set():
    p, _, _ = drawn(20, 0)
    small, large = (class_sets(p, SetRule("LAC", most, 0.9, 20)) for most in (0.5, 0.9))
    assert (small <= large).all()
