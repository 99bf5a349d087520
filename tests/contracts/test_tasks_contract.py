"""What the task of every row of Table 2 must do for training, inference and evaluation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from radcnn.core.chance import generator, torch_generator
from radcnn.core.target import Target
from radcnn.losses import LOSSES
from radcnn.tasks import TABLE_2, Task, make_task

TARGETS = {
    "binary": Target("binary", ("malignant",), ("benign", "malignant")),
    "multiclass": Target("multiclass", ("grade",), ("I", "II", "III")),
    "multilabel": Target("multilabel", ("mass", "effusion", "nodule"), ("absent", "present")),
    "regression": Target("regression", ("age", "volume")),
}
SCALE = ((60.0, 12.0), (3.0, 0.5))
KINDS = list(TABLE_2)


def task_of(kind: str) -> Task:
    return make_task(TARGETS[kind], scale=SCALE if kind == "regression" else ())


def truth_of(kind: str, n: int = 60) -> np.ndarray:
    """Targets (n, T), about a fifth of them missing."""
    chance = generator(0, "truth", kind)
    width = len(TARGETS[kind].names)
    if kind == "regression":
        truth = chance.normal([mean for mean, _ in SCALE], [sd for _, sd in SCALE], (n, width))
    else:
        truth = chance.integers(0, 3 if kind == "multiclass" else 2, (n, width)).astype(float)
    truth[chance.random(truth.shape) < 0.2] = np.nan
    return truth


def test_every_kind_of_target_is_here() -> None:
    assert set(TARGETS) == set(TABLE_2)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_have_the_range_of_the_last_layer(kind: str) -> None:
    task = task_of(kind)
    logits = 20 * torch.randn(50, task.outputs, generator=torch_generator(0, kind))
    scores = task.decode(logits)
    assert (scores.shape, scores.dtype) == ((50, task.outputs), np.float64)
    if kind == "regression":
        assert np.allclose(scores, logits.double().numpy() * [12.0, 0.5] + [60.0, 3.0], rtol=1e-12)
        return
    assert ((scores >= 0) & (scores <= 1)).all()
    if kind == "multiclass":
        assert np.allclose(scores.sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_decoding_keeps_the_order_of_logits(kind: str) -> None:
    task = task_of(kind)
    # 1e-7 apart near 15, probabilities still differ: ties made by rounding would change every ranking
    logits = torch.zeros(5, task.outputs, dtype=torch.float64)
    logits[:, 0] = 15 + torch.arange(5, dtype=torch.float64) * 1e-7
    assert (np.diff(task.decode(logits)[:, 0]) > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_descending_the_loss_raises_the_watched_figure(kind: str) -> None:
    task, truth = task_of(kind), truth_of(kind)
    targets = torch.from_numpy(truth).float()
    weights = task.class_weights(truth)
    logits = torch.randn(len(truth), task.outputs, generator=torch_generator(1, kind), requires_grad=True)
    before = task.monitor(task.decode(logits.detach()), truth)
    optimizer = torch.optim.Adam([logits], lr=0.5)
    for _ in range(80):
        optimizer.zero_grad()
        task.loss(logits, targets, class_weights=weights, smoothing=0.0).backward()
        optimizer.step()
    after = task.monitor(task.decode(logits.detach()), truth)
    assert before < 0.7 < 0.99 < after <= 1


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_guessing_costs_what_the_best_constant_answer_costs(kind: str, balanced: bool) -> None:
    task, truth = task_of(kind), truth_of(kind, 600)
    if kind == "regression":
        scale = [(float(np.nanmean(c)), float(np.nanstd(c))) for c in truth.T]
        task = make_task(TARGETS[kind], scale=scale)
    weights = task.class_weights(truth) if balanced else None
    targets = torch.from_numpy(truth)
    answer = torch.zeros(1, task.outputs, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([answer], max_iter=200)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = task.loss(answer.expand(len(truth), -1), targets, class_weights=weights, smoothing=0.0)
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        least = float(task.loss(answer.expand(len(truth), -1), targets, class_weights=weights, smoothing=0.0))
    assert task.guessing(truth, balanced=balanced) == pytest.approx(least, abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_figure_sees_the_labelled_cases_only(kind: str) -> None:
    task, truth = task_of(kind), truth_of(kind)
    scores = task.decode(torch.randn(len(truth), task.outputs, generator=torch_generator(2, kind)))
    missing = np.isnan(truth).any(axis=1)
    disturbed = scores.copy()
    columns = slice(None) if kind == "multiclass" else None
    for row in np.flatnonzero(missing):
        disturbed[row, columns if columns else np.isnan(truth[row])] = 0.5
    assert task.monitor(disturbed, truth) == task.monitor(scores, truth)


@pytest.mark.parametrize("kind", KINDS)
def test_the_figure_is_undefined_where_nothing_can_be_compared(kind: str) -> None:
    task = task_of(kind)
    scores = task.decode(torch.randn(8, task.outputs, generator=torch_generator(3, kind)))
    for truth in (np.full((8, len(TARGETS[kind].names)), np.nan), np.ones((8, len(TARGETS[kind].names)))):
        assert np.isnan(task.monitor(scores, truth))


@pytest.mark.parametrize("kind", KINDS)
def test_class_weights_make_classes_count_alike_and_fit_the_loss(kind: str) -> None:
    task, truth = task_of(kind), truth_of(kind)
    weights = task.class_weights(truth)
    if kind == "regression":
        assert weights is None
        return
    logits = torch.zeros(len(truth), task.outputs)
    loss = task.loss(logits, torch.from_numpy(truth).float(), class_weights=weights, smoothing=0.0)
    assert torch.isfinite(loss)
    counts = np.stack([(truth == value).sum(axis=0) for value in range(3 if kind == "multiclass" else 2)])
    totals = weights.numpy() * (counts[:, 0] if kind == "multiclass" else counts)
    assert np.allclose(totals, totals[0], rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_says_what_it_is(kind: str) -> None:
    task = task_of(kind)
    assert task.target == TARGETS[kind]
    assert task.panel == kind
    assert task.monitor_name
    assert TABLE_2[kind].loss in LOSSES
