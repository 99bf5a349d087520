"""The dense random field beside one in which every pair of voxels is summed; specks, edges, millimetres."""

from __future__ import annotations

import numpy as np
import pytest

from radcnn.core.errors import GeometryError, SettingsError
from radcnn.inference.refining.crf import CrfSettings, crf_probabilities


def by_all_pairs(p: np.ndarray, image: np.ndarray, spacing: tuple[float, ...], settings: CrfSettings) -> np.ndarray:
    """Mean field with every pair of voxels, kernels normalised as there."""
    places = np.stack([at * mm for at, mm in zip(np.indices(image.shape), spacing, strict=True)], -1).reshape(
        -1, image.ndim
    )
    apart = ((places[:, None] - places[None]) ** 2).sum(-1)
    grey = (image.ravel()[:, None] - image.ravel()[None]) ** 2
    near = np.exp(-apart / (2 * settings.near_mm**2))
    wide = np.exp(-apart / (2 * settings.mm**2) - grey / (2 * settings.grey**2))
    kernels = []
    for kernel in (near, wide):
        norm = 1 / np.sqrt(kernel.sum(1))
        kernel = norm[:, None] * kernel * norm
        np.fill_diagonal(kernel, 0)
        kernels.append(kernel)
    costs = -np.log(np.clip(p.reshape(len(p), -1), 1e-6, None))
    q = p.reshape(len(p), -1)
    for _ in range(settings.steps):
        said = settings.near_weight * q @ kernels[0] + settings.weight * q @ kernels[1]
        q = np.exp(said - costs)
        q /= q.sum(0)
    return q.reshape(p.shape)


def noisy(size: tuple[int, ...], labels: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities, an image with an edge, and the truth."""
    chance = np.random.default_rng(seed)
    truth = np.zeros(size, int)
    truth[..., size[-1] // 2 :] = 1
    logits = 1.2 * (np.arange(labels).reshape(-1, *(1,) * len(size)) == truth) + chance.standard_normal((labels, *size))
    p = np.exp(logits) / np.exp(logits).sum(0)
    return p.astype(np.float32), 100.0 * truth + 8 * chance.standard_normal(size), truth


@pytest.mark.parametrize(("size", "spacing"), [((12, 16), (1.0, 1.0)), ((4, 9, 10), (4.0, 1.5, 1.0))])
@pytest.mark.parametrize("labels", [2, 3])
def test_it_is_the_mean_field_of_all_pairs(size: tuple[int, ...], spacing: tuple[float, ...], labels: int) -> None:
    p, image, _ = noisy(size, labels)
    settings = CrfSettings(near_mm=2.0, mm=6.0, grey=25.0, cells=3.0)
    found, wanted = crf_probabilities(p, image, spacing, settings), by_all_pairs(p, image, spacing, settings)
    assert np.abs(found - wanted).mean() < 0.01
    assert np.abs(found - wanted).max() < 0.08
    assert (found.argmax(0) == wanted.argmax(0)).mean() > 0.98


def test_specks_go_and_the_border_lies_on_the_edge() -> None:
    p, image, truth = noisy((6, 24, 24), seed=1)
    found = crf_probabilities(p, image, (1.0, 1.0, 1.0)).argmax(0)
    assert (found != truth).mean() < 0.1 * (p.argmax(0) != truth).mean()


def test_what_is_far_in_millimetres_says_less() -> None:
    p = np.full((2, 3, 9, 9), 0.5, np.float32)
    p[:, 1] = np.array([0.3, 0.7])[:, None, None]
    image = np.zeros((3, 9, 9))
    near, far = (
        crf_probabilities(p, image, (mm, 1.0, 1.0), CrfSettings(weight=0.0, near_mm=2.0, steps=1))[1, 0, 4, 4]
        for mm in (1.0, 8.0)
    )
    assert near > far
    assert far == pytest.approx(0.5, abs=0.01)


def test_weights_of_nothing_change_nothing() -> None:
    p, image, _ = noisy((8, 8))
    assert np.allclose(crf_probabilities(p, image, (1.0, 1.0), CrfSettings(near_weight=0.0, weight=0.0)), p, atol=1e-5)


def test_what_does_not_fit_is_refused() -> None:
    p, image, _ = noisy((8, 8))
    with pytest.raises(GeometryError, match="an image of that size"):
        crf_probabilities(p, image[:4], (1.0, 1.0))
    with pytest.raises(SettingsError, match="larger mm or grey"):
        crf_probabilities(p, 1e9 * image, (1.0, 1.0), CrfSettings(grey=1e-3))
    with pytest.raises(SettingsError, match="positive"):
        CrfSettings(mm=0.0)
