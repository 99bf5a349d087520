"""A detector of attacks: its statistics are those of `outside`, have slopes, and tell what differs apart."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from radcnn.attacks.answers import Answers
from radcnn.core.chance import generator
from radcnn.robustness.detector import STATISTICS, Statistics, fitted, statistics_of
from radcnn.robustness.outside import known_features


class Small(nn.Module):
    """A network of one dense layer, whose features are an image's pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(16, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, 1)."""
        return self.head(images.flatten(1))


def statistics() -> tuple[Statistics, Tensor]:
    chance = generator(0, "detector")
    images = chance.normal(0.5, 0.1, (30, 1, 4, 4)).astype(np.float32)
    known = known_features(images.reshape(30, 16), chance.integers(0, 2, 30))
    return Statistics((Small().eval(),), Answers("binary"), (known,)), torch.from_numpy(images)  # type: ignore[arg-type]


def test_its_distances_are_those_that_tell_foreign_images() -> None:
    told, images = statistics()
    strange = images + 0.3
    found = statistics_of(told, strange, [torch.arange(30)])
    features = strange.flatten(1).numpy()
    assert np.allclose(found[:, STATISTICS.index("distance")], np.log(told.known[0].mahalanobis(features)), rtol=1e-5)
    assert np.allclose(found[:, STATISTICS.index("neighbours")], told.known[0].neighbours(features), atol=1e-3)


def test_every_statistic_has_a_slope_even_at_a_training_case() -> None:
    told, images = statistics()
    held = images.clone().requires_grad_()
    for column in range(len(STATISTICS)):
        (slope,) = torch.autograd.grad(told(held)[:, column].sum(), held)
        assert slope.isfinite().all()
        assert slope.abs().max() > 0


def test_it_tells_noisier_images_and_stays_finite_where_they_are_told_perfectly() -> None:
    told, images = statistics()
    noise = torch.from_numpy(generator(1, "noise").normal(0, 0.5, images.shape).astype(np.float32))
    rows = [torch.arange(30)]
    clean, noisy = statistics_of(told, images, rows), statistics_of(told, images + noise, rows)
    detector = fitted(told, clean, noisy)
    assert torch.isfinite(detector.weights).all()
    assert (detector(images + noise) > 0).float().mean() > 0.9
    assert (detector(images) < 0).float().mean() > 0.9
