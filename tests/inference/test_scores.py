"""Scores of an ensemble: means of probabilities over networks and views, whatever the batch size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from radcnn.core.target import Target
from radcnn.inference.scores import scores
from radcnn.networks import build
from radcnn.tasks import make_task
from written_lessons import BINARY, planted, tiny_network

TASK = make_task(BINARY)
IMAGES = planted(10).images


class Says(nn.Module):
    """A network whose logit is the mean of the left half of an image, times a gain."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * x[..., : x.shape[-1] // 2].flatten(1).mean(1, keepdim=True)


def logistic(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z.astype(np.float64)))


def left(images: np.ndarray) -> np.ndarray:
    return images[..., : images.shape[-1] // 2].reshape(len(images), -1).mean(1, keepdims=True)


def test_scores_are_means_of_probabilities_over_networks() -> None:
    found = scores([Says(1.0), Says(-30.0)], IMAGES, TASK)
    by_hand = (logistic(left(IMAGES)) + logistic(-30 * left(IMAGES))) / 2
    assert (found.shape, found.dtype) == ((10, 1), np.float64)
    assert np.allclose(found, by_hand, atol=1e-6)


def test_scores_are_means_over_views() -> None:
    found = scores([Says(3.0)], IMAGES, TASK, views="left_right")
    assert np.allclose(found, (logistic(3 * left(IMAGES)) + logistic(3 * left(IMAGES[..., ::-1]))) / 2, atol=1e-6)


@pytest.mark.parametrize("views", ["flips", "left_right"])
def test_mirrored_images_have_the_same_scores_under_their_views(views: str) -> None:
    network = tiny_network()
    found = scores([network], IMAGES, TASK, views=views)
    assert np.allclose(scores([network], IMAGES[..., ::-1].copy(), TASK, views=views), found, atol=1e-6)


def test_volumes_have_views_along_three_axes() -> None:
    volumes = np.random.default_rng(0).normal(size=(3, 1, 6, 6, 6)).astype(np.float32)
    found = scores([Says(2.0)], volumes, TASK, views="flips")
    turned = scores([Says(2.0)], volumes[..., ::-1, :, ::-1].copy(), TASK, views="flips")
    assert np.allclose(found, turned, atol=1e-6)
    assert not np.allclose(found, scores([Says(2.0)], volumes, TASK), atol=1e-3)


@pytest.mark.parametrize("batch", [1, 3, 10, 64])
def test_the_batch_size_does_not_matter_and_progress_ends_at_the_whole(batch: int) -> None:
    told: list[tuple[int, int]] = []
    found = scores([tiny_network()], IMAGES, TASK, batch=batch, told=lambda done, of: told.append((done, of)))
    assert np.allclose(found, scores([tiny_network()], IMAGES, TASK), atol=1e-6)
    assert told[-1] == (10, 10)


def test_networks_are_judged_as_at_prediction_and_left_without_gradients() -> None:
    network = tiny_network(dropout=0.5).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert np.array_equal(scores([network], IMAGES, TASK), scores([network], IMAGES, TASK))
    assert not network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(p.grad is None for p in network.parameters())


def test_images_that_must_not_be_written_to_are_copied() -> None:
    locked = IMAGES.copy()
    locked.setflags(write=False)
    assert np.array_equal(scores([Says(1.0)], locked, TASK), scores([Says(1.0)], IMAGES, TASK))


@pytest.mark.parametrize(("kind", "width"), [("binary", 1), ("multiclass", 3), ("multilabel", 2), ("regression", 2)])
def test_each_task_has_its_columns_also_without_cases(kind: str, width: int) -> None:
    names, classes = (("a", "b"), ()) if width == 2 else (("y",), tuple("abc"[: max(2, width)]))
    target = Target(kind, names, classes)
    task = make_task(target, scale=[(1.0, 2.0)] * 2 if kind == "regression" else [])
    network = build("chain", channels=1, outputs=width, options={"kernels": [4], "dense": []}, seed=0)
    assert scores([network], IMAGES, task).shape == (10, width)
    assert scores([network], IMAGES[:0], task).shape == (0, width)


def test_logits_may_come_from_elsewhere() -> None:
    asked: list[tuple[int, ...]] = []

    def elsewhere(network: nn.Module, images: Tensor) -> Tensor:
        asked.append(tuple(images.shape))
        return torch.zeros(len(images), 1, dtype=torch.float16)

    assert (scores([Says(1.0)], IMAGES, TASK, batch=4, logits_of=elsewhere) == 0.5).all()
    assert asked == [(4, 1, 8, 8), (4, 1, 8, 8), (2, 1, 8, 8)]
