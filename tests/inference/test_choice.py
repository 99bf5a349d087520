import numpy as np
import pytest
import torch

from radcnn.core.errors import InputError
from radcnn.inference import choice
from radcnn.inference.choice import choose, masks_agree, scores_agree, spearman
from radcnn.inference.scores import plain_logits, scores
from radcnn.learning.lessons import first_network
from radcnn.tasks import planned_task
from written_lessons import tiny_plan

PLAN = tiny_plan()
TASK = planned_task(PLAN.target, PLAN.task)
NETWORK = first_network(PLAN, TASK, 0).eval()
SHAPE = (12, PLAN.preparation.channels, *PLAN.preparation.size)
IMAGES = np.random.default_rng(0).random(SHAPE).astype(np.float32)


class Clock:
    """A clock that only the computing moves on."""

    now = 0.0

    def perf_counter(self):
        return self.now


def chosen(monkeypatch, *, seconds, off=0.0, start=0.5, engines=("openvino-float32", "openvino-bfloat16")):
    """A choice among engines that take so many seconds a call, so many to start, and are so far off."""
    clock = Clock()

    def logits_by(engine, plain, networks, image, *, threads):
        if seconds[engine] is None:
            raise InputError("it cannot take this network")
        clock.now += start

        def compute(network, images):
            clock.now += seconds[engine]
            return plain_logits(network, images) + off * torch.linspace(-1, 1, len(images))[:, None]

        return compute

    def slow(network, images):
        clock.now += seconds["plain"]
        return plain_logits(network, images)

    monkeypatch.setattr(choice, "logits_by", logits_by)
    monkeypatch.setattr(choice, "time", clock)
    return choose([NETWORK], IMAGES, TASK, plain=slow, engines=engines, agree=scores_agree([(0, 0.5)]))


def test_the_fastest_engine_that_agrees_is_taken_and_its_times_are_said(monkeypatch):
    made = chosen(monkeypatch, seconds={"plain": 0.05, "openvino-float32": 0.02, "openvino-bfloat16": 0.0})
    assert made.engine == "openvino-bfloat16"
    assert "plain 50.0 ms, openvino-float32 20.0 ms, openvino-bfloat16 0.0 ms a case" in made.sentence
    assert "ranks agree to 1.0000" in made.sentence
    assert [name for name, _ in made.milliseconds] == ["plain", "openvino-float32", "openvino-bfloat16"]


def test_engines_whose_scores_differ_are_not_taken_however_fast(monkeypatch):
    made = chosen(monkeypatch, seconds={"plain": 0.05, "openvino-float32": 0, "openvino-bfloat16": 0}, off=30.0)
    assert made.engine == "plain"
    assert "scores differ" in made.sentence


def test_an_engine_that_is_no_faster_or_never_wins_back_its_start_is_not_taken(monkeypatch):
    seconds = {"plain": 0.02, "openvino-float32": 0.02, "openvino-bfloat16": None}
    assert chosen(monkeypatch, seconds=seconds).engine == "plain"
    seconds = {"plain": 0.02, "openvino-float32": 0.01}
    found = [chosen(monkeypatch, seconds=seconds, start=s, engines=("openvino-float32",)).engine for s in (0.9, 1.1)]
    assert found == ["openvino-float32", "plain"]


def test_an_engine_that_cannot_take_the_network_is_named_with_the_reason(monkeypatch):
    made = chosen(monkeypatch, seconds={"plain": 0.02, "openvino-float32": None}, engines=("openvino-float32",))
    assert made.engine == "plain"
    assert "openvino-float32: it cannot take this network" in made.sentence


def test_openvino_agrees_with_torch_on_real_scores():
    truth = scores([NETWORK], IMAGES, TASK)
    made = choose(
        [NETWORK], IMAGES, TASK, plain=plain_logits, engines=("openvino-float32",), agree=scores_agree([(0, 0.5)])
    )
    assert "openvino-float32: scores agree" in made.sentence
    assert np.isfinite(truth).all()


@pytest.mark.parametrize(
    ("change", "exact", "low"),
    [(0.0, True, True), (5e-4, True, True), (2e-3, False, True), (np.nan, False, False)],
)
def test_scores_agree_to_a_thousandth_or_by_rank_and_decision(change, exact, low):
    truth = np.linspace(0.05, 0.95, 40)[:, None]
    found = truth + change
    agree = scores_agree([(0, 0.5)])
    assert agree(truth, found, "openvino-float32")[0] is exact
    assert agree(truth, found, "openvino-bfloat16")[0] is low


def test_one_changed_decision_or_shuffled_ranks_refuse_bfloat16():
    truth = np.linspace(0.05, 0.95, 40)[:, None]
    moved = truth.copy()
    moved[20] = 0.499  # called positive before
    moved[19] = 0.498
    assert not scores_agree([(0, 0.5)])(truth, moved, "openvino-bfloat16")[0]
    assert scores_agree([])(truth, moved, "openvino-bfloat16")[0]
    assert not scores_agree([])(truth, truth[::-1], "openvino-bfloat16")[0]


def test_scores_of_bfloat16_are_compared_by_rank_and_decision_with_every_engine():
    truth = np.linspace(0.051, 0.951, 40)[:, None]
    assert not scores_agree([(0, 0.5)])(truth, truth + 2e-3, "openvino-float32")[0]
    assert scores_agree([(0, 0.5)], low=True)(truth, truth + 2e-3, "openvino-float32")[0]


def test_predicted_values_are_compared_in_units_of_their_spread():
    truth = np.linspace(0, 4000, 30)[:, None]
    found = truth + 0.5
    assert not scores_agree([])(truth, found, "openvino-float32")[0]
    assert scores_agree([], spread=truth.std(axis=0))(truth, found, "openvino-float32")[0]


@pytest.mark.parametrize("seed", range(3))
def test_spearman_is_scipys_and_defined_for_constants(seed):
    from scipy.stats import spearmanr

    chance = np.random.default_rng(seed)
    a, b = chance.integers(0, 9, size=(2, 50)).astype(float)
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)
    assert spearman(np.ones(5), np.ones(5)) == 1
    assert spearman(np.ones(5), np.arange(5.0)) == 0


def test_masks_agree_where_every_label_does():
    truth = torch.randn(1, 3, 20, 20, 20, generator=torch.Generator().manual_seed(0))
    assert masks_agree(truth, truth + 1e-6) == (True, "masks agree to Dice 1.0000")
    assert not masks_agree(truth, truth + 0.1 * torch.randn(truth.shape))[0]
    absent = torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1).expand(1, 2, 4, 4)
    assert masks_agree(absent, absent)[0]  # a label that neither has
