"""The training loop: it learns what is there and nothing that is not, the same numbers at the same seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from radcnn.core.chance import generator
from radcnn.core.errors import InputError
from radcnn.learning import case_lesson
from radcnn.learning.batches import Cases, shuffled
from radcnn.learning.case_lesson import CaseLesson
from radcnn.learning.events import EpochEnded, StepEnded, StoppedEarly
from radcnn.learning.execution import Execution, training_logits
from radcnn.learning.loop import fit
from radcnn.losses import binary_cross_entropy
from radcnn.metrics.ranking import auc
from radcnn.networks import build
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.pipeline import Pipeline
from written_lessons import CHAIN, PLAIN, lesson, planted, tiny_network


def trained(what: CaseLesson, folder: Path, execution: Execution = PLAIN) -> tuple[nn.Module, list]:
    network = tiny_network(what.seed)
    events = list(fit(what, network, folder, execution))
    return network, events


def epochs(events: list) -> list[EpochEnded]:
    return [event for event in events if isinstance(event, EpochEnded)]


def same(one: nn.Module, two: nn.Module) -> bool:
    others = two.state_dict()
    return all(torch.equal(value, others[name]) for name, value in one.state_dict().items())


def scores(network: nn.Module, cases: Cases) -> np.ndarray:
    with torch.no_grad():
        found: Tensor = network.eval()(torch.from_numpy(cases.images))
    return found[:, 0].numpy()


@pytest.mark.parametrize(
    "changes",
    [{}, {"optimizer": "momentum", "mixup": 0.3}, {"averaging": 0.9, "balance": True}, {"channels_last": True}],
)
def test_the_same_seed_gives_the_same_weights_bit_for_bit(tmp_path: Path, changes: dict) -> None:
    execution = replace(PLAIN, channels_last=changes.get("channels_last", False))
    one, first = trained(lesson(**changes), tmp_path / "a", execution)
    torch.rand(7)  # somebody else's chance
    two, second = trained(lesson(**changes), tmp_path / "b", replace(execution, workers=3))
    assert same(one, two)
    assert [replace(e, seconds=0.0) for e in epochs(first)] == [replace(e, seconds=0.0) for e in epochs(second)]


def test_another_seed_or_another_member_gives_other_weights(tmp_path: Path) -> None:
    network, _ = trained(lesson(), tmp_path / "a")
    seeded, _ = trained(lesson(seed=1), tmp_path / "b")
    assert not same(network, seeded)
    member = tiny_network(0)  # even from the same first weights, the order of cases differs
    list(fit(lesson(index=1), member, tmp_path / "c", PLAIN))
    assert not same(network, member)


def test_events_say_every_step_and_every_epoch(tmp_path: Path) -> None:
    _, events = trained(lesson(), tmp_path)
    steps = [event for event in events if isinstance(event, StepEnded)]
    assert [(e.epoch, e.step, e.steps) for e in steps] == [(e, s, 3) for e in (1, 2, 3) for s in (1, 2, 3)]
    assert [(e.epoch, e.epochs) for e in epochs(events)] == [(1, 3), (2, 3), (3, 3)]
    for event in epochs(events):
        assert EpochEnded.from_json(event.as_json()) == event
        assert 0 <= event.tuning_figure <= 1


def test_pairs_of_an_odd_number_of_cases_leave_no_case_alone(tmp_path: Path) -> None:
    odd = replace(lesson(batch=2), training=np.arange(7))
    # its last maps are one voxel: a batch of one case would give their normalisation a single value
    network = build("resnet18", channels=1, outputs=1, options={"stem": "strided", "base_width": 2}, seed=0)
    events = list(fit(odd, network, tmp_path, PLAIN))
    steps = [event for event in events if isinstance(event, StepEnded)]
    assert [(e.epoch, e.step, e.steps) for e in steps] == [(e, s, 3) for e in (1, 2, 3) for s in (1, 2, 3)]


@pytest.mark.parametrize("mixup", [0.0, 0.3])
def test_auxiliary_heads_are_trained_with_three_tenths_of_their_loss(tmp_path: Path, monkeypatch, mixup: float) -> None:
    options = {"stem": "small", "base_width": 4, "auxiliary": True}
    network = build("googlenet", channels=1, outputs=1, options=options, seed=0)
    first = {name: value.detach().clone() for name, value in network.named_parameters()}
    given: list[Tensor] = []

    def kept(*arguments: object) -> tuple[Tensor, ...]:
        found = training_logits(*arguments)
        given.extend(logits.detach().clone() for logits in found)
        return found

    monkeypatch.setattr(case_lesson, "training_logits", kept)
    what = lesson(epochs=1, batch=64, mixup=mixup, weight_decay=0.0)
    (ended,) = epochs(list(fit(what, network, tmp_path, PLAIN)))
    untrained = [name for name, value in network.named_parameters() if torch.equal(value, first[name])]
    assert untrained == []
    if mixup:
        return
    order = shuffled(len(what.training), 64, seed=0, path=("network", 0, "epoch", 0))[0]
    truth = torch.from_numpy(what.cases.targets[what.training[order]]).float()
    main, *others = (float(binary_cross_entropy(logits, truth)) for logits in given)
    assert len(others) == 2
    assert ended.training_loss == pytest.approx(main + 0.3 * sum(others), rel=1e-5)


def test_a_planted_signal_is_learned(tmp_path: Path) -> None:
    network, events = trained(lesson(planted(96), epochs=10, learning_rate=0.02, averaging=0.8), tmp_path)
    last = epochs(events)[-1]
    assert last.fit_loss < 0.5 * epochs(events)[0].fit_loss
    fresh = planted(60, seed=5)
    assert auc(scores(network, fresh), fresh.targets[:, 0]) > 0.95


def test_sixteen_cases_of_noise_can_be_learned_by_heart(tmp_path: Path) -> None:
    noise = Cases(planted(16, strength=0.0).images, np.array([[0.0], [1.0]] * 8))
    everything = replace(
        lesson(noise, epochs=60, batch=16, learning_rate=0.02, weight_decay=0.0, schedule="constant"),
        training=np.arange(16), tuning=np.arange(16), pipeline=Pipeline(Augmentation()),
    )  # fmt: skip
    network = tiny_network(dropout=0.0)
    last = epochs(list(fit(everything, network, tmp_path, PLAIN)))[-1]
    assert last.fit_loss < 0.05
    assert last.fit_figure == 1.0


def test_labels_at_random_teach_nothing_about_unseen_cases(tmp_path: Path) -> None:
    found = []
    for seed in range(4):
        drawn = planted(120, seed=seed)
        shuffled = Cases(drawn.images, generator(seed, "labels").permutation(drawn.targets))
        network, _ = trained(lesson(shuffled, seed=seed, epochs=4), tmp_path / str(seed))
        fresh = planted(200, seed=100 + seed, strength=0.0)
        found.append(auc(scores(network, fresh), fresh.targets[:, 0]))
    # each AUC of 100 against 100 has a standard error of 0.041, their mean 0.02
    assert abs(np.mean(found) - 0.5) < 4 * 0.021


def test_cases_without_a_label_teach_nothing_by_their_images(tmp_path: Path) -> None:
    cases = planted(30, missing=12)
    images = cases.images.copy()
    images[18:] = planted(12, seed=3).images[::-1]

    def learned(what: Cases, folder: str) -> nn.Module:
        # without batch normalisation, whose statistics are those of all cases of a batch
        network = build("chain", channels=1, outputs=1, options={**CHAIN, "norm": "none", "dropout": 0.2}, seed=0)
        events = list(fit(lesson(what), network, tmp_path / folder, PLAIN))
        assert all(np.isfinite(e.training_loss) for e in epochs(events))
        return network

    network = learned(cases, "a")
    assert same(network, learned(Cases(images, cases.targets), "b"))
    labelled = cases.targets.copy()
    labelled[18:] = 0.0
    assert not same(network, learned(Cases(cases.images, labelled), "c")), "a label would teach something"


def test_cases_without_any_label_leave_the_weights_as_they_were(tmp_path: Path) -> None:
    cases = planted(30)
    unlabelled = Cases(cases.images, np.full_like(cases.targets, np.nan))
    nothing, _ = trained(lesson(unlabelled, weight_decay=0.0), tmp_path)
    fresh = tiny_network(0)
    for (name, value), first in zip(nothing.named_parameters(), fresh.parameters(), strict=True):
        assert torch.equal(value, first), name


def test_the_tuning_side_never_touches_the_weights(tmp_path: Path) -> None:
    one = lesson(keep="last")
    flipped = Cases(one.cases.images, one.cases.targets.copy())
    flipped.targets[one.tuning] = 1 - flipped.targets[one.tuning]
    network, _ = trained(one, tmp_path / "a")
    twin, _ = trained(replace(one, cases=flipped), tmp_path / "b")
    assert same(network, twin)


class Told:
    """A task whose watched figure on the tuning side is told in advance."""

    def __init__(self, task, figures: list[float]) -> None:
        self.task, self.figures, self.asked = task, figures, 0

    def __getattr__(self, name: str):
        return getattr(self.task, name)

    def monitor(self, scores, targets) -> float:
        self.asked += 1  # the fit is measured first, the tuning side second
        return 0.5 if self.asked % 2 else self.figures[self.asked // 2 - 1]


def told(figures: list[float], **changes) -> CaseLesson:
    what = lesson(epochs=len(figures), **changes)
    return replace(what, task=Told(what.task, figures))


def weights_after(epoch: int, folder: Path, total: int = 5) -> nn.Module:
    """The network as it was after an epoch of a training of `total` epochs."""
    network = tiny_network()
    for event in fit(told([0.1] * total), network, folder, PLAIN):
        if isinstance(event, EpochEnded) and event.epoch == epoch:
            return network
    raise AssertionError("there is no such epoch")


@pytest.mark.parametrize(("keep", "epoch"), [("best", 2), ("last", 5)])
def test_the_best_epoch_or_the_last_is_kept(tmp_path: Path, keep: str, epoch: int) -> None:
    network = tiny_network()
    list(fit(told([0.6, 0.9, 0.7, 0.9, 0.8], keep=keep), network, tmp_path / "a", PLAIN))
    assert same(network, weights_after(epoch, tmp_path / "b"))


@pytest.mark.parametrize(("keep", "epoch"), [("best", 1), ("last", 3)])
def test_it_stops_when_the_tuning_figure_no_longer_improves(tmp_path: Path, keep: str, epoch: int) -> None:
    network = tiny_network()
    events = list(fit(told([0.9, 0.8, 0.9, 0.99, 0.99], keep=keep, patience=2), network, tmp_path / "a", PLAIN))
    assert len(epochs(events)) == 3
    assert events[-1] == StoppedEarly(0, 3, 2)
    assert same(network, weights_after(epoch, tmp_path / "b"))
    again = tiny_network()
    assert list(fit(told([0.9, 0.8, 0.9, 0.99, 0.99], keep=keep, patience=2), again, tmp_path / "a", PLAIN)) == []
    assert same(network, again)


def test_an_undefined_figure_never_stops_and_keeps_the_newest(tmp_path: Path) -> None:
    network = tiny_network()
    nan = float("nan")
    events = list(fit(told([nan] * 5, keep="best", patience=1), network, tmp_path / "a", PLAIN))
    assert len(epochs(events)) == 5
    assert same(network, weights_after(5, tmp_path / "b"))


def test_no_tuning_cases_leave_their_figures_undefined(tmp_path: Path) -> None:
    alone = replace(lesson(), tuning=np.array([], dtype=np.intp))
    network = tiny_network()
    ended = epochs(list(fit(alone, network, tmp_path, PLAIN)))
    assert all(np.isnan(e.tuning_loss) and np.isnan(e.tuning_figure) for e in ended)
    assert all(np.isfinite(e.fit_loss) for e in ended)


@pytest.mark.parametrize("bad", ["voxel", "rate"])
def test_a_loss_that_is_no_number_ends_with_a_sentence_and_keeps_no_such_weights(tmp_path: Path, bad: str) -> None:
    what = (
        lesson(gradient_clip=0.0, epochs=1)
        if bad == "voxel"
        else lesson(learning_rate=1e30, gradient_clip=0.0, optimizer="sgd")
    )
    if bad == "voxel":
        what.cases.images[what.training[0], 0, 0, 0] = np.nan
    with pytest.raises(InputError, match=r"loss became (nan|inf): lower training\.learning_rate \(try a tenth\)"):
        trained(what, tmp_path)
    assert not (tmp_path / "checkpoint.json").exists()


def test_weights_that_diverge_in_the_last_step_are_refused_too(tmp_path: Path) -> None:
    one_step = lesson(epochs=1, batch=64, learning_rate=1e30, weight_decay=0.0, gradient_clip=0.0, optimizer="sgd")
    with pytest.raises(InputError, match="loss became"):
        trained(one_step, tmp_path)


def test_measuring_is_as_at_prediction_and_in_any_batch(tmp_path: Path) -> None:
    network, _ = trained(lesson(), tmp_path)
    found = [lesson(batch=size).measure_rows(network, np.arange(32), PLAIN) for size in (1, 5, 64)]
    assert np.allclose(found, found[0], rtol=1e-5)
    values = torch.sigmoid(torch.from_numpy(scores(network, planted()))).numpy()
    truth = planted().targets[:, 0]
    by_hand = -np.mean(truth * np.log(values) + (1 - truth) * np.log(1 - values))
    assert found[0] == pytest.approx((by_hand, auc(values, truth)), rel=1e-4)


def test_the_fit_is_measured_on_as_many_cases_as_the_tuning_side_has() -> None:
    rows = lesson().fit_rows()
    assert len(rows) == len(lesson().tuning) == len(set(rows.tolist()))
    assert set(rows) <= set(lesson().training)
    everything = replace(lesson(), tuning=np.arange(32)).fit_rows()
    assert everything.tolist() == lesson().training.tolist()
