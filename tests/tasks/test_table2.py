"""Table 2 of the review, word by word; any other pair of last layer and loss is refused with the right one named."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from radcnn.core.errors import SettingsError
from radcnn.core.target import Target
from radcnn.plan.settings import TaskPlan
from radcnn.tasks import TABLE_2, make_task, planned_task, task_plan

TARGETS = {
    "binary": Target("binary", ("y",), ("no", "yes")),
    "multiclass": Target("multiclass", ("y",), ("a", "b", "c")),
    "multilabel": Target("multilabel", ("a", "b"), ("absent", "present")),
    "regression": Target("regression", ("age",)),
}
PUBLISHED = {  # Yamashita et al. 2018, Table 2
    "binary": ("sigmoid", "binary cross-entropy"),
    "multiclass": ("softmax", "cross-entropy"),
    "multilabel": ("sigmoid", "binary cross-entropy"),
    "regression": ("identity", "mean squared error"),
}
LAYERS = ("sigmoid", "softmax", "identity")
LOSSES = ("binary cross-entropy", "cross-entropy", "mean squared error")


def test_the_table_is_the_published_one() -> None:
    assert {kind: (pair.last_layer, pair.loss) for kind, pair in TABLE_2.items()} == PUBLISHED


@pytest.mark.parametrize("kind", TARGETS)
def test_one_pair_fits_and_every_other_is_refused_with_the_right_one(kind: str) -> None:
    target, scale = TARGETS[kind], [(0.0, 1.0)] if kind == "regression" else []
    right = PUBLISHED[kind]
    for layer, loss in itertools.product(LAYERS, LOSSES):
        if (layer, loss) == right:
            assert make_task(target, scale=scale, last_layer=layer, loss=loss).target == target
            continue
        with pytest.raises(SettingsError) as caught:
            make_task(target, scale=scale, last_layer=layer, loss=loss)
        assert f"{layer} with {loss} does not fit a {kind} target" in str(caught.value)
        assert str(caught.value).endswith(f"use {right[0]} with {right[1]}")


def test_half_of_a_wrong_pair_is_refused_too() -> None:
    with pytest.raises(SettingsError, match="softmax with binary cross-entropy does not fit a binary target"):
        make_task(TARGETS["binary"], last_layer="softmax")
    with pytest.raises(SettingsError, match="use softmax with cross-entropy"):
        task_plan(TARGETS["multiclass"], np.zeros((3, 1)), loss="mean squared error")


@pytest.mark.parametrize("kind", TARGETS)
def test_the_task_of_a_plan_has_the_pair_of_the_plan(kind: str) -> None:
    plan, _ = task_plan(TARGETS[kind], np.array([[0.0, 1.0], [1.0, 0.0]])[:, : len(TARGETS[kind].names)])
    assert planned_task(TARGETS[kind], plan).target == TARGETS[kind]
    for changes in ({"last_layer": "tanh"}, {"loss": "hinge"}):
        with pytest.raises(SettingsError, match=f"does not fit a {kind} target"):
            planned_task(TARGETS[kind], replace(plan, **changes))


@pytest.mark.parametrize("scale", [(), ((0.0, 1.0), (0.0, 1.0))])
def test_a_regression_without_its_scale_is_refused(scale) -> None:
    with pytest.raises(SettingsError, match="one mean and sd for each of age"):
        make_task(TARGETS["regression"], scale=scale)


def test_a_plan_keeps_mean_and_sd_of_the_labelled_training_cases() -> None:
    target = Target("regression", ("age", "volume", "constant"))
    truth = np.array([[50.0, np.nan, 3.0], [70.0, 1.0, 3.0], [np.nan, 2.0, 3.0]])
    plan, reason = task_plan(target, truth)
    assert plan == TaskPlan("identity", "mean squared error", ((60.0, 10.0), (1.5, 0.5), (3.0, 1.0)))
    assert "no bounds" in reason


def test_a_regression_target_without_any_label_is_refused() -> None:
    with pytest.raises(SettingsError, match="age has no value on the training side"):
        task_plan(TARGETS["regression"], np.full((3, 1), np.nan))


def test_values_are_learned_in_units_of_their_sd_and_decoded_back() -> None:
    task = make_task(TARGETS["regression"], scale=[(60.0, 10.0)])
    logits, truth = torch.tensor([[0.5], [-1.0]]), torch.tensor([[70.0], [float("nan")]])
    assert float(task.loss(logits, truth, class_weights=None, smoothing=0.0)) == pytest.approx(0.25)
    assert task.decode(logits).tolist() == [[65.0], [50.0]]
    assert task.monitor(np.array([[60.0], [70.0]]), np.array([[60.0], [80.0]])) == pytest.approx(1 - 100 / 200)


def test_the_watched_figure_is_the_mean_auc_over_labels_or_classes_that_have_both() -> None:
    labels = make_task(TARGETS["multilabel"])
    truth = np.array([[1.0, 1.0], [0.0, 1.0], [1.0, np.nan]])
    assert labels.monitor(np.array([[0.9, 0.1], [0.5, 0.2], [0.1, 0.3]]), truth) == 0.5  # label b: one class only
    classes = make_task(TARGETS["multiclass"])
    scores = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]])
    # class a: 1; class b: cases 1 > 0, so 1 against 0 and 2; class c never occurs
    assert classes.monitor(scores, np.array([[0.0], [1.0], [0.0]])) == 1.0


def test_a_class_that_never_occurs_gets_a_finite_weight() -> None:
    for kind, truth in (("multiclass", [[0.0], [1.0]]), ("binary", [[0.0], [0.0]]), ("multilabel", [[np.nan, 1.0]])):
        assert torch.isfinite(make_task(TARGETS[kind]).class_weights(np.array(truth))).all()
