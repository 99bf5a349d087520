"""Weights of some epochs are kept, and nothing else changes: same numbers, same plans, same hashes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from radcnn.core.errors import ReadError
from radcnn.core.settings import from_plain, to_plain
from radcnn.learning import snapshots
from radcnn.learning.loop import fit
from radcnn.plan.settings import TrainingPlan
from written_lessons import PLAIN, lesson, tiny_network, training_plan


def test_the_epochs_that_were_asked_for_are_kept_and_no_weight_is_another(tmp_path: Path) -> None:
    plain, watched = tiny_network(), tiny_network()
    list(fit(lesson(averaging=0.5), plain, tmp_path / "plain", PLAIN))
    list(fit(lesson(averaging=0.5, snapshots=2), watched, tmp_path / "watched", PLAIN))
    for name, value in plain.state_dict().items():
        assert torch.equal(value, watched.state_dict()[name])
    assert snapshots.kept(tmp_path / "plain") == ()
    found = snapshots.kept(tmp_path / "watched")
    assert [epoch for epoch, _ in found] == [1, 3]
    again = tiny_network(seed=5)
    snapshots.put_into(again, found[-1][1])
    for name, value in watched.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


def test_a_plan_without_snapshots_is_written_as_it_was_before_there_were_any() -> None:
    assert "snapshots" not in to_plain(training_plan())
    assert to_plain(training_plan(snapshots=4))["snapshots"] == 4
    for plan in (training_plan(), training_plan(snapshots=4)):
        assert from_plain(TrainingPlan, to_plain(plan), "the plan") == plan


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    snapshots.keep(tmp_path, 1, tiny_network(outputs=2))
    (tmp_path / "snapshot-00002.safetensors").write_bytes(b"no weights")
    for _, file in snapshots.kept(tmp_path):
        with pytest.raises(ReadError, match="does not hold the weights of this network"):
            snapshots.put_into(tiny_network(), file)
