"""Lessons of pairs: patches of both images at one place, and networks that learn to take noise away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from radcnn.core.chance import generator
from radcnn.core.errors import ReadError, SettingsError
from radcnn.data.store import StoredCase
from radcnn.learning.events import EpochEnded
from radcnn.learning.execution import Execution
from radcnn.learning.loop import fit
from radcnn.learning.pairs import PairLesson, cut_pair, first_image_network, train_image_networks, turned
from radcnn.plan.restoration import RestorationPlan, Scale
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from written_pairs import noisy, scan

PLAIN = Execution(workers=0, channels_last=False)
NETWORK = NetworkPlan("chen2017", {"kernels": [8, 8], "kernel_sizes": [3, 3, 3]})


def plan_of(**changes) -> RestorationPlan:
    training = TrainingPlan(epochs=3, batch=4, learning_rate=3e-3, weight_decay=0.0, averaging=0.8)
    return replace(RestorationPlan(NETWORK, training, (16, 16), steps=12), **changes)


def pairs(count: int = 4) -> list[StoredCase]:
    return [StoredCase(np.stack([noisy(scan(k), k), scan(k)])) for k in range(count)]


def lesson(plan: RestorationPlan | None = None) -> PairLesson:
    return PairLesson(0, pairs()[:3], pairs()[3:], "digest", plan or plan_of())


def counting(shape: tuple[int, ...]) -> StoredCase:
    """A pair whose voxels say where they are; the reference says it by another million."""
    where = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    return StoredCase(np.stack([where, where + 1e6]))


@pytest.mark.parametrize("shape", [(20, 24), (5, 20, 24)])
def test_image_and_reference_are_cut_and_turned_alike(shape: tuple[int, ...]) -> None:
    chance = generator(0, "test")
    for _ in range(20):
        found = turned(cut_pair(counting(shape), plan_of(patch=(8, 8)), chance), chance, 2)
        assert found.shape == (2, 8, 8)
        assert np.array_equal(found[1], found[0] + np.float32(1e6))


def test_slices_beside_the_one_that_is_restored_come_along_and_repeat_at_the_ends() -> None:
    chance, plan = generator(1, "test"), plan_of(patch=(8, 8), neighbours=1)
    pair, seen = counting((3, 8, 8)), set()
    for _ in range(30):
        before, here, after, wanted = cut_pair(pair, plan, chance)
        k = int(here[0, 0]) // 64
        assert np.array_equal(wanted, here + np.float32(1e6))
        assert (int(before[0, 0]) // 64, int(after[0, 0]) // 64) == (max(k - 1, 0), min(k + 1, 2))
        seen.add(k)
    assert seen == {0, 1, 2}


def test_a_smaller_image_is_continued_at_its_edges() -> None:
    found = cut_pair(counting((6, 20)), plan_of(patch=(8, 8)), generator(2, "test"))
    assert found.shape == (2, 8, 8)
    assert np.array_equal(found[:, 6], found[:, 5])


def test_patches_of_nothing_are_drawn_again() -> None:
    empty = np.zeros((2, 40, 40), np.float32)
    empty[:, 18:22, 18:22] = 500.0
    what = PairLesson(0, [StoredCase(empty)], [], "digest", plan_of(patch=(8, 8)))
    shown = [float(y.max()) > 1 for _ in range(3) for y in what._batch(what.training, 20, ("test", _))[1]]
    alone = [cut_pair(StoredCase(empty), plan_of(patch=(8, 8)), generator(k, "test"))[1].max() > 0 for k in range(60)]
    assert np.mean(shown) > 2 * np.mean(alone)


def test_batches_are_the_same_for_any_number_of_workers() -> None:
    def batches(workers: int) -> list[torch.Tensor]:
        return [torch.cat(batch, 1) for batch in lesson().batches(1, workers)]

    for one, other in zip(batches(0), batches(2), strict=True):
        assert torch.equal(one, other)


def test_the_networks_numbers_are_those_of_the_scale() -> None:
    images, references = next(iter(lesson(plan_of(scale=Scale(-1000.0, 1000.0))).batches(0, 0)))
    assert images.shape == references.shape == (4, 1, 16, 16)
    assert float(references.min()) >= -0.1
    assert float(references.max()) < 2


def test_a_network_learns_to_take_noise_away(tmp_path: Path) -> None:
    plan = plan_of(network=NetworkPlan("unet", {"kernels": [8, 16], "norm": "none"}), steps=100, patch=(24, 24))
    network = first_image_network(plan, 0)
    ended = [e for e in fit(lesson(plan), network, tmp_path, PLAIN) if isinstance(e, EpochEnded)]
    given = lesson(plan)._batch(pairs()[3:], 64, ("given",))
    before = lesson(plan).task.monitor(*given)
    assert ended[-1].tuning_figure > before + 2
    assert ended[-1].tuning_loss < ended[0].tuning_loss


def test_an_interrupted_training_goes_on_bit_for_bit(tmp_path: Path) -> None:
    whole, parts = first_image_network(plan_of(), 0), first_image_network(plan_of(), 0)
    list(fit(lesson(), whole, tmp_path / "whole", PLAIN))
    for event in fit(lesson(), parts, tmp_path / "parts", PLAIN):
        if isinstance(event, EpochEnded) and event.epoch == 2:
            break
    again = first_image_network(plan_of(), 0)
    list(fit(lesson(), again, tmp_path / "parts", PLAIN))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_a_checkpoint_of_other_pairs_is_refused(tmp_path: Path) -> None:
    list(fit(lesson(), first_image_network(plan_of(), 0), tmp_path, PLAIN))
    other = replace(lesson(), digest="another")
    with pytest.raises(ReadError, match="belongs to another training"):
        list(fit(other, first_image_network(plan_of(), 0), tmp_path, PLAIN))


def test_members_begin_with_weights_of_their_own(tmp_path: Path) -> None:
    plan = plan_of(training=replace(plan_of().training, members=2, epochs=1), steps=1)
    found = [
        x for x in train_image_networks(plan, pairs()[:3], pairs()[3:], "d", tmp_path, PLAIN) if hasattr(x, "halo")
    ]
    assert len(found) == 2
    first, second = (network.state_dict()["maps.coding.weight"] for network in found)
    assert not torch.equal(first, second)


def test_a_lesson_without_pairs_is_refused() -> None:
    with pytest.raises(SettingsError, match="at least one pair"):
        PairLesson(0, [], [], "digest", plan_of())


def test_without_tuning_pairs_nothing_is_measured_on_them() -> None:
    alone = replace(lesson(), tuning=())
    assert alone.measure(first_image_network(plan_of(), 0), "tuning", PLAIN) is None
