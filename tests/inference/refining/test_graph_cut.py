"""Graph cuts: exact against every labelling of small grids, never more energy, spacings that count."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from radcnn.core.errors import GeometryError, SettingsError
from radcnn.inference.refining.graph_cut import CutSettings, costs_of, cut_labels, energy


def problem(seed: int, labels: int, size: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    return chance.random((labels, *size)).astype(np.float32) * 2, 60 * chance.random(size)


def best(costs: np.ndarray, image: np.ndarray, spacing: tuple[float, ...], settings: CutSettings) -> float:
    size = image.shape
    every = (np.array(values).reshape(size) for values in product(range(len(costs)), repeat=image.size))
    return min(energy(labels, costs, image, spacing, settings) for labels in every)


@pytest.mark.parametrize("neighbours", [6, 26])
@pytest.mark.parametrize("size", [(2, 2, 3), (3, 4)])
def test_two_labels_have_the_least_energy_of_all_labellings(size: tuple[int, ...], neighbours: int) -> None:
    spacing = (3.0, 1.0, 1.5)[-len(size) :]
    for seed in range(5):
        costs, image = problem(seed, 2, size)
        settings = CutSettings(0.2 + seed / 3, 25.0, neighbours)
        found = cut_labels(costs, image, spacing, settings)
        assert energy(found, costs, image, spacing, settings) == pytest.approx(
            best(costs, image, spacing, settings), rel=1e-5
        )


def test_expansions_end_within_twice_the_least_energy_and_mostly_at_it() -> None:
    settings, equal = CutSettings(0.8, 25.0), 0
    for seed in range(12):
        costs, image = problem(seed, 3, (2, 4))
        found = energy(cut_labels(costs, image, (1.0, 1.0), settings), costs, image, (1.0, 1.0), settings)
        least = best(costs, image, (1.0, 1.0), settings)
        assert least - 1e-5 <= found <= 2 * least
        equal += found <= least * (1 + 1e-5)
    assert equal >= 10


@pytest.mark.parametrize("labels", [2, 4])
def test_energy_never_rises(labels: int) -> None:
    costs, image = problem(3, labels, (6, 12, 10))
    before = np.argmin(costs, axis=0)
    for strength in (0.0, 0.5, 5.0):
        settings = CutSettings(strength, 25.0)
        found = cut_labels(costs, image, (2.0, 1.0, 1.0), settings)
        assert energy(found, costs, image, (2.0, 1.0, 1.0), settings) <= energy(
            before, costs, image, (2.0, 1.0, 1.0), settings
        ) * (1 + 1e-6)
        if strength == 0:
            assert np.array_equal(found, before)


def test_a_noisy_ball_becomes_a_ball_whose_border_lies_on_the_edge() -> None:
    at = np.indices((24, 24, 24)) - 11.5
    ball = (at**2).sum(0) < 64
    chance = np.random.default_rng(0)
    p = np.clip(0.5 + 0.25 * (2 * ball - 1) + 0.3 * chance.standard_normal(ball.shape), 0.02, 0.98)
    image = 100 * ball + 10 * chance.standard_normal(ball.shape)
    found = cut_labels(costs_of(np.stack([1 - p, p])), image, (1.0, 1.0, 1.0), CutSettings(2.0, 30.0)) > 0
    assert (found != ball).mean() < 0.1 * ((p > 0.5) != ball).mean()


def test_thick_slices_hold_together_less() -> None:
    image, costs = np.zeros((2, 5, 5)), np.zeros((2, 2, 5, 5), np.float32)
    costs[1, 0] = costs[0, 1] = 0.3  # the slices want different labels
    near, far = (cut_labels(costs, image, (mm, 1.0, 1.0), CutSettings(1.0, 30.0)) for mm in (1.0, 10.0))
    assert len(np.unique(near)) == 1
    assert (far[0] == 0).all()
    assert (far[1] == 1).all()


def test_what_does_not_fit_is_refused() -> None:
    costs, image = problem(0, 2, (3, 3))
    with pytest.raises(GeometryError, match="an image of that size"):
        cut_labels(costs, image[:2], (1.0, 1.0))
    with pytest.raises(SettingsError, match="2 to 255 labels"):
        cut_labels(costs[:1], image, (1.0, 1.0))
    with pytest.raises(SettingsError, match="6 or 26"):
        CutSettings(neighbours=18)
