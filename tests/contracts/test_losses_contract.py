"""What every entry of LOSSES must do: leave out what is not labelled, and have the gradient it says."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from radcnn.core.chance import torch_generator
from radcnn.core.errors import SettingsError
from radcnn.losses import LOSSES
from radcnn.tasks import TABLE_2

WIDTH = 3


def batch(name: str, n: int = 6, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Logits (n, 3) and targets that fit them, some of them not labelled."""
    stream = torch_generator(0, "losses", name)
    logits = torch.randn(n, WIDTH, generator=stream, dtype=dtype, requires_grad=True)
    if name == "cross-entropy":
        targets = torch.arange(n, dtype=dtype)[:, None] % WIDTH
    else:
        targets = torch.randint(0, 2, (n, WIDTH), generator=stream).to(dtype)
    targets[torch.rand(targets.shape, generator=stream) < 0.3] = torch.nan
    targets[0, 0], targets[1, 0] = torch.nan, 1.0
    return logits, targets


def options(name: str) -> list[dict[str, object]]:
    """The options a loss takes."""
    if name == "mean squared error":
        return [{}]
    shape = (WIDTH,) if name == "cross-entropy" else (2, WIDTH)
    weights = torch.rand(shape, generator=torch_generator(1), dtype=torch.float64) + 0.5
    return [{}, {"smoothing": 0.2}, {"class_weights": weights}, {"class_weights": weights, "smoothing": 0.2}]


CASES = [(name, given) for name in LOSSES for given in options(name)]


@pytest.mark.parametrize(("name", "given"), CASES)
def test_the_gradient_agrees_with_finite_differences(name: str, given: dict) -> None:
    logits, targets = batch(name)
    assert torch.autograd.gradcheck(lambda z: LOSSES[name](z, targets, **given), (logits,))


@pytest.mark.parametrize(("name", "given"), CASES)
def test_what_is_not_labelled_takes_no_part(name: str, given: dict) -> None:
    logits, targets = batch(name)
    loss = LOSSES[name](logits, targets, **given)
    (gradient,) = torch.autograd.grad(loss, logits)
    missing = torch.isnan(targets).expand_as(logits)
    assert (gradient[missing] == 0).all()
    assert (gradient[~missing] != 0).all()
    disturbed = torch.where(missing, logits.detach() + 100, logits.detach())
    assert LOSSES[name](disturbed, targets, **given).item() == loss.item()


@pytest.mark.parametrize(("name", "given"), CASES)
@pytest.mark.parametrize("n", [4, 0])
def test_nothing_labelled_costs_nothing(name: str, given: dict, n: int) -> None:
    logits, targets = batch(name)
    logits, targets = logits.detach()[:n].requires_grad_(), torch.full_like(targets[:n], torch.nan)
    loss = LOSSES[name](logits, targets, **given)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert (loss.ndim, loss.item()) == (0, 0.0)
    assert (gradient == 0).all()


@pytest.mark.parametrize(("name", "given"), CASES)
def test_a_loss_is_the_mean_over_cases_in_any_order(name: str, given: dict) -> None:
    logits, targets = batch(name)
    loss = LOSSES[name](logits, targets, **given).item()
    twice = LOSSES[name](torch.cat([logits, logits]), torch.cat([targets, targets]), **given)
    turned = LOSSES[name](logits.flip(0), targets.flip(0), **given)
    assert twice.item() == pytest.approx(loss, rel=1e-12)
    assert turned.item() == pytest.approx(loss, rel=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_equal_class_weights_change_nothing(name: str) -> None:
    logits, targets = batch(name)
    if name == "mean squared error":
        with pytest.raises(SettingsError):
            LOSSES[name](logits, targets, class_weights=torch.ones(WIDTH))
        return
    weights = torch.full_like(options(name)[2]["class_weights"], 4.0)
    weighted = LOSSES[name](logits, targets, class_weights=weights).item()
    assert weighted == pytest.approx(LOSSES[name](logits, targets).item(), rel=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_belongs_to_a_task(name: str) -> None:
    assert name in {pair.loss for pair in TABLE_2.values()}
