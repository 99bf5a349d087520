"""Losses against arithmetic by hand: class weights, smoothing, and labels that are missing."""

from __future__ import annotations

from math import exp, log

import pytest
import torch

from radcnn.core.errors import SettingsError
from radcnn.losses import binary_cross_entropy, cross_entropy, mean_squared_error

NAN = float("nan")


def logistic(z: float) -> float:
    return 1 / (1 + exp(-z))


def test_binary_cross_entropy_by_hand() -> None:
    loss = binary_cross_entropy(torch.tensor([[2.0], [-1.0]]), torch.tensor([[1.0], [1.0]]))
    assert float(loss) == pytest.approx((-log(logistic(2)) - log(logistic(-1))) / 2, rel=1e-6)


def test_smoothing_moves_a_yes_and_a_no_to_the_middle() -> None:
    z, e = 1.5, 0.2
    yes = binary_cross_entropy(torch.tensor([[z]]), torch.tensor([[1.0]]), smoothing=e)
    assert float(yes) == pytest.approx(-0.9 * log(logistic(z)) - 0.1 * log(1 - logistic(z)), rel=1e-6)
    no = binary_cross_entropy(torch.tensor([[z]]), torch.tensor([[0.0]]), smoothing=e)
    assert float(no) == pytest.approx(-0.1 * log(logistic(z)) - 0.9 * log(1 - logistic(z)), rel=1e-6)


def test_each_label_has_weights_of_its_own() -> None:
    logits, truth = torch.zeros(2, 2), torch.tensor([[1.0, 0.0], [0.0, NAN]])
    weights = torch.tensor([[1.0, 5.0], [3.0, 7.0]])  # absent, present; one column per label
    loss = binary_cross_entropy(logits + torch.tensor([0.0, 1.0]), truth, class_weights=weights)
    assert float(loss) == pytest.approx((3 * log(2) + 5 * -log(1 - logistic(1)) + 1 * log(2)) / (3 + 5 + 1), rel=1e-6)


def test_cross_entropy_by_hand_with_smoothing_and_weights() -> None:
    logits = torch.tensor([[1.0, 0.0, -1.0], [0.0, 2.0, 0.0]])
    log_p = [[z - log(sum(map(exp, row))) for z in row] for row in logits.tolist()]
    e, weights = 0.3, [0.5, 2.0, 1.0]
    each = [-(1 - e) * log_p[0][0] - e / 3 * sum(log_p[0]), -(1 - e) * log_p[1][1] - e / 3 * sum(log_p[1])]
    truth = torch.tensor([[0.0], [1.0]])
    assert float(cross_entropy(logits, truth, smoothing=e)) == pytest.approx(sum(each) / 2, rel=1e-6)
    weighted = cross_entropy(logits, truth, smoothing=e, class_weights=torch.tensor(weights))
    assert float(weighted) == pytest.approx((0.5 * each[0] + 2 * each[1]) / 2.5, rel=1e-6)


def test_balancing_weights_make_a_rare_class_count_like_a_frequent_one() -> None:
    logits = torch.tensor([[-1.0]] * 9 + [[1.0]], requires_grad=True)
    truth = torch.tensor([[0.0]] * 9 + [[1.0]])
    weights = torch.tensor([[10 / 18], [10 / 2]])
    (gradient,) = torch.autograd.grad(binary_cross_entropy(logits, truth, class_weights=weights), logits)
    assert float(gradient[:9].sum()) == pytest.approx(-float(gradient[9]), rel=1e-5)


def test_mean_squared_error_by_hand_leaves_out_what_is_missing() -> None:
    outputs = torch.tensor([[1.0, 5.0], [2.0, 7.0]])
    truth = torch.tensor([[0.0, NAN], [4.0, 4.0]])
    assert float(mean_squared_error(outputs, truth)) == pytest.approx((1 + 4 + 9) / 3)


def test_values_have_no_classes_to_weight_or_smooth() -> None:
    for options in ({"class_weights": torch.ones(2)}, {"smoothing": 0.1}):
        with pytest.raises(SettingsError, match="mean squared error has no classes: leave"):
            mean_squared_error(torch.zeros(1, 1), torch.zeros(1, 1), **options)


@pytest.mark.parametrize("z", [-1e4, 1e4])
def test_extreme_logits_stay_finite(z: float) -> None:
    for loss, logits in ((binary_cross_entropy, [[z]]), (cross_entropy, [[z, 0.0]])):
        x = torch.tensor(logits, requires_grad=True)
        value = loss(x, torch.tensor([[1.0]]))
        value.backward()
        assert torch.isfinite(value)
        assert torch.isfinite(x.grad).all()
