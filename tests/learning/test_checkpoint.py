"""An interrupted training goes on bit for bit; a checkpoint that was changed, or is of something else, is refused."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from radcnn.core.errors import ReadError, StorageError
from radcnn.learning.batches import Cases
from radcnn.learning.case_lesson import CaseLesson
from radcnn.learning.events import EpochEnded, StepEnded
from radcnn.learning.execution import Execution
from radcnn.learning.loop import fit
from written_lessons import PLAIN, lesson, planted, tiny_network

LAST = replace(PLAIN, channels_last=True)


def train(what: CaseLesson, folder: Path, execution: Execution = PLAIN) -> tuple[nn.Module, list[EpochEnded]]:
    network = tiny_network(what.seed)
    events = fit(what, network, folder, execution)
    return network, [event for event in events if isinstance(event, EpochEnded)]


def interrupt(what: CaseLesson, folder: Path, epoch: int, step: int, execution: Execution = PLAIN) -> None:
    """Train until a step of an epoch (counted from 1) and let everything go."""
    events = fit(what, tiny_network(what.seed), folder, execution)
    for event in events:
        if isinstance(event, StepEnded) and (event.epoch, event.step) == (epoch, step):
            events.close()
            return


def weights(folder: Path) -> bytes:
    (file,) = folder.glob("*.safetensors")
    return file.read_bytes()


def record(folder: Path) -> dict:
    """The stored record without times and hashes of files (which hold the times)."""
    known = json.loads((folder / "checkpoint.json").read_text())
    known.pop("record")
    for event in known["history"]:
        event.pop("seconds")
    return known


SETTINGS = {
    "adamw": {},
    "momentum and mixup": {"optimizer": "momentum", "mixup": 0.4},
    "rmsprop and best": {"optimizer": "rmsprop", "keep": "best"},
    "plain descent": {"optimizer": "sgd", "gradient_clip": 0.0},
    "average and balance": {"averaging": 0.7, "balance": True, "optimizer": "adam", "label_smoothing": 0.1},
    "channels last": {"averaging": 0.7, "channels_last": True},
}


@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS)
def test_going_on_is_bit_identical_wherever_it_stopped(tmp_path: Path, changes: dict) -> None:
    what = lesson(**changes)
    execution = LAST if changes.get("channels_last") else PLAIN
    network, _ = train(what, tmp_path / "whole", execution)
    for epoch, step in ((1, 2), (2, 1), (3, 3)):
        interrupt(what, tmp_path / "parts", epoch, step, execution)
    again, _ = train(what, tmp_path / "parts", execution)
    for name, value in network.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")
    assert record(tmp_path / "parts") == record(tmp_path / "whole")


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_process_killed_while_it_wrote_loses_at_most_that_epoch(tmp_path: Path, monkeypatch, epoch: int) -> None:
    whole, _ = train(lesson(), tmp_path / "whole")
    calls = 0

    def killed(path: Path, content: object) -> None:
        nonlocal calls
        calls += 1
        if calls == epoch:
            (path.parent / f".epoch-{epoch:05d}.safetensors.x1.safetensors").write_bytes(b"half")
            raise KeyboardInterrupt
        write(path, content)

    from radcnn.learning import checkpoint

    write = checkpoint.write_json
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            train(lesson(), tmp_path / "parts")
    again, done = train(lesson(), tmp_path / "parts")
    assert len(done) == 4 - epoch
    assert all(torch.equal(v, whole.state_dict()[k]) for k, v in again.state_dict().items())
    assert len(list((tmp_path / "parts").iterdir())) == 2


def test_a_finished_training_is_only_read(tmp_path: Path) -> None:
    network, _ = train(lesson(keep="best"), tmp_path)
    again, done = train(lesson(keep="best"), tmp_path)
    assert done == []
    assert all(torch.equal(v, network.state_dict()[k]) for k, v in again.state_dict().items())


def test_two_files_are_kept_and_none_of_them_executes(tmp_path: Path, monkeypatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("nothing may be unpickled")

    for module, name in ((torch, "load"), (torch, "save"), (pickle, "load"), (pickle, "loads"), (pickle, "Unpickler")):
        monkeypatch.setattr(module, name, refused)
    interrupt(lesson(), tmp_path, 2, 1)
    train(lesson(), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint.json", "epoch-00003.safetensors"]


def damaged(folder: Path, what: str) -> None:
    (file,) = folder.glob("*.safetensors")
    text = (folder / "checkpoint.json").read_text()
    if what == "a flipped byte in the weights":
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif what == "no weights":
        file.unlink()
    elif what == "weights cut short":
        file.write_bytes(file.read_bytes()[:-5])
    elif what == "another epoch":
        (folder / "checkpoint.json").write_text(text.replace('"epoch": 1,', '"epoch": 2,', 1))
    elif what == "another best figure":
        known = json.loads(text)
        (folder / "checkpoint.json").write_text(json.dumps({**known, "best": 2.0}))
    elif what == "a record without its weights":
        known = json.loads(text)
        del known["weights"]
        (folder / "checkpoint.json").write_text(json.dumps(known))
    elif what == "a list":
        (folder / "checkpoint.json").write_text("[]")
    else:
        (folder / "checkpoint.json").write_text(text[:40])


@pytest.mark.parametrize(
    "what",
    ["a flipped byte in the weights", "no weights", "weights cut short", "another epoch", "another best figure",
     "a record without its weights", "a list", "a record cut short"],
)  # fmt: skip
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, what: str) -> None:
    interrupt(lesson(), tmp_path, 2, 1)
    damaged(tmp_path, what)
    with pytest.raises(ReadError, match=r"damaged; delete the folder|not readable JSON"):
        train(lesson(), tmp_path)


def relabelled() -> CaseLesson:
    one = lesson()
    return replace(one, cases=Cases(one.cases.images, 1 - one.cases.targets))


def with_one_voxel_changed() -> CaseLesson:
    one = lesson()
    images = one.cases.images.copy()
    images[-1, 0, 0, 0] += 1e-3
    return replace(one, cases=Cases(images, one.cases.targets))


OTHERS = {
    "images": with_one_voxel_changed(),
    "settings": lesson(learning_rate=0.1),
    "seed": lesson(seed=1),
    "member": lesson(index=1),
    "labels": relabelled(),
    "rows": replace(lesson(), training=np.arange(32)),
    "cases": lesson(planted(36)),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path, other: CaseLesson) -> None:
    interrupt(lesson(), tmp_path, 2, 1)
    with pytest.raises(ReadError, match="belongs to another training"):
        train(other, tmp_path)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    interrupt(lesson(), tmp_path, 2, 1)
    with pytest.raises(ReadError, match="is of another network; delete the folder"):
        list(fit(lesson(), tiny_network(outputs=2), tmp_path, PLAIN))


def test_a_full_disk_is_one_sentence_and_the_last_epoch_stays(tmp_path: Path, monkeypatch) -> None:
    import errno
    import os

    interrupt(lesson(), tmp_path, 2, 1)
    before = (tmp_path / "checkpoint.json").read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="No space left"):
            train(lesson(), tmp_path)
    assert (tmp_path / "checkpoint.json").read_bytes() == before
    assert len(train(lesson(), tmp_path)[1]) == 2
