"""Losses against torch's own functions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from radcnn.core.chance import torch_generator
from radcnn.losses import binary_cross_entropy, cross_entropy, mean_squared_error

LOGITS = 3 * torch.randn(40, 5, generator=torch_generator(0, "logits"), dtype=torch.float64)
LABELS = torch.randint(0, 2, (40, 5), generator=torch_generator(0, "labels")).double()
CLASSES = torch.randint(0, 5, (40,), generator=torch_generator(0, "classes"))
WEIGHTS = torch.rand(5, generator=torch_generator(0, "weights"), dtype=torch.float64) + 0.2


def test_binary_cross_entropy_is_torchs() -> None:
    ours = binary_cross_entropy(LOGITS, LABELS)
    assert float(ours) == pytest.approx(float(F.binary_cross_entropy_with_logits(LOGITS, LABELS)), rel=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_torchs(smoothing: float) -> None:
    ours = cross_entropy(LOGITS, CLASSES[:, None].double(), smoothing=smoothing)
    theirs = F.cross_entropy(LOGITS, CLASSES, label_smoothing=smoothing)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-12)


def test_weighted_cross_entropy_is_torchs() -> None:
    ours = cross_entropy(LOGITS, CLASSES[:, None].double(), class_weights=WEIGHTS)
    assert float(ours) == pytest.approx(float(F.cross_entropy(LOGITS, CLASSES, weight=WEIGHTS)), rel=1e-12)


def test_a_missing_class_is_torchs_ignored_index() -> None:
    ignored = torch.where(torch.arange(40) % 3 == 0, -100, CLASSES)
    missing = torch.where(ignored < 0, torch.nan, ignored.double())[:, None]
    theirs = F.cross_entropy(LOGITS, ignored, weight=WEIGHTS)
    assert float(cross_entropy(LOGITS, missing, class_weights=WEIGHTS)) == pytest.approx(float(theirs), rel=1e-12)


def test_mean_squared_error_is_torchs() -> None:
    assert float(mean_squared_error(LOGITS, LABELS)) == pytest.approx(float(F.mse_loss(LOGITS, LABELS)), rel=1e-12)
