"""Files that would take a machine down are refused by name, and everything else goes on."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hostile_dicom import deflate_bomb, nested
from radcnn.core.errors import ReadError
from radcnn.data.bounded import Refused, child, each, pool
from radcnn.data.bounded.channel import ChannelClosedError, receive, send
from radcnn.data.bounded.children import Answer, ChildWornError
from radcnn.data.bounded.limits import allowance, most_voxel_bytes
from radcnn.data.bounded.memory import Store, mapped, new_memory
from radcnn.data.bounded.pool import POOL, Crew
from radcnn.data.bounded.tasks import TOO_MUCH_MEMORY
from radcnn.data.dicom.header import dicom_identities, dicom_identity
from radcnn.data.read import read
from written_dicom import written

PIXELS = np.zeros((4, 4), np.int16)


def peak_mib(pid: int) -> float:
    """The most memory that a process has held so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def test_a_deflate_bomb_is_refused_within_its_limits_and_names_only_the_file(tmp_path: Path) -> None:
    bomb = deflate_bomb(tmp_path / "bomb.dcm")
    assert bomb.stat().st_size < 2 << 20
    with pytest.raises(ReadError, match=r"^bomb\.dcm .*(memory|unpacks)") as refused:
        dicom_identity(bomb)
    assert "SECRET" not in str(refused.value)
    with Crew.lent(1) as crew:
        assert peak_mib(crew.children[0].process.pid) < 512


def test_three_thousand_nested_sequences_are_refused_in_seconds(tmp_path: Path) -> None:
    nest = nested(tmp_path / "nest.dcm")
    started = time.monotonic()
    with pytest.raises(ReadError, match=r"^nest\.dcm "):
        dicom_identity(nest)
    assert time.monotonic() - started < 20 * allowance(nest.stat().st_size).seconds


def test_a_file_that_kills_its_child_leaves_the_others_readable(tmp_path: Path) -> None:
    files = [written(tmp_path / f"{i}.dcm", PIXELS, PatientID=f"P{i}") for i in range(20)]
    deflate_bomb(files[7], 500 << 20)
    found = each("dicom identities", files)
    assert [i for i, one in enumerate(found) if isinstance(one, Refused)] == [7]
    assert [one["patient_id"] for i, one in enumerate(found) if i != 7] == [f"P{i}" for i in range(20) if i != 7]


def test_a_child_that_is_killed_is_replaced(tmp_path: Path) -> None:
    file = written(tmp_path / "a.dcm", PIXELS)
    assert dicom_identity(file).patient_id == "SECRET-4711"
    for idle in POOL.idle:
        os.kill(idle.process.pid, signal.SIGKILL)
        idle.process.wait()
    assert [dicom_identity(file).patient_id for _ in range(3)] == ["SECRET-4711"] * 3


class Worn:
    """A child that holds too much for its third file."""

    def ask(self, name: str, args: dict[str, Any], files: list[Path], arrays: object = ()) -> Answer:
        raise ChildWornError(Answer([path.name for path in files[:2]]))

    def close(self) -> None: ...


class New(Worn):
    """The one that takes its place."""

    def ask(self, name: str, args: dict[str, Any], files: list[Path], arrays: object = ()) -> Answer:
        return Answer([f"{Path(path).name} anew" for path in args["paths"]])


def test_files_are_asked_of_a_new_child_from_the_one_on_for_which_the_old_held_too_much(monkeypatch) -> None:
    monkeypatch.setattr(pool, "Child", New)
    found = Crew([Worn()]).each("dicom identities", [Path(name) for name in "abcd"])
    assert found == ["a", "b", "c anew", "d anew"]


@pytest.mark.parametrize(("worn", "new"), [(True, False), (True, True), (False, False)])
def test_only_a_worn_child_that_is_not_new_hands_a_file_on(monkeypatch, worn: bool, new: bool) -> None:
    monkeypatch.setattr(child, "_worn", worn)
    monkeypatch.setattr(child, "task", lambda name: lambda job: iter([{"refused": [TOO_MUCH_MEMORY, ""]}]))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child._serve(theirs, {"task": "any", "args": {}, "arrays": [], "new": new}, ())
        said, _ = receive(ours)
    assert said == ({"worn": True} if worn and not new else {"item": {"refused": [TOO_MUCH_MEMORY, ""]}})


def test_threads_share_the_children(tmp_path: Path) -> None:
    files = [written(tmp_path / f"{i}.dcm", PIXELS, PatientID=f"P{i}") for i in range(6)]
    found: dict[int, str] = {}

    def look(i: int) -> None:
        for _ in range(10):
            found[i] = dicom_identities([files[i]])[0].patient_id

    threads = [threading.Thread(target=look, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {i: f"P{i}" for i in range(6)}
    assert len(POOL.idle) <= POOL.most


def test_shared_memory_is_seen_by_both_sides_and_outlives_its_descriptor() -> None:
    handle = new_memory(4 * 6)
    first, second = mapped(handle, (2, 3), np.float32), mapped(handle, (2, 3), np.float32)
    os.close(handle)
    first[1, 2] = 7.5
    assert second[1, 2] == 7.5
    assert second.flags.writeable
    assert second.flags.c_contiguous


def test_messages_carry_json_and_descriptors_and_a_closed_end_is_noticed() -> None:
    import socket

    here, there = socket.socketpair()
    handle = new_memory(8)
    send(here, {"a": [1, "ü"]}, (handle,))
    value, (received,) = receive(there)
    assert value == {"a": [1, "ü"]}
    os.close(handle)
    os.close(received)
    there.close()
    with pytest.raises(ChannelClosedError):
        receive(here)
    here.close()


def test_allowances_grow_with_the_file_and_a_small_one_cannot_become_huge() -> None:
    assert allowance(100 << 20).memory_bytes > 1 << 30
    assert most_voxel_bytes(1 << 20) < 512 << 20
    assert most_voxel_bytes(10 << 20) > 2 << 30


def test_memory_is_lent_again_only_when_nobody_looks_at_it_any_more() -> None:
    store = Store()
    _, first = store.lend((4, 5), np.float32)
    first[...] = 1
    corner, tensor = first[1:2, 3:], torch.from_numpy(first[2])
    del first
    _, second = store.lend((4, 5), np.float32)
    second[...] = 2
    assert (corner == 1).all()
    assert (tensor == 1).all()
    del corner, tensor
    _, third = store.lend((4, 5), np.float32)
    assert (third == 1).all(), "the first one's memory, as it was left"
    assert (second == 2).all()


def test_memory_that_a_forked_process_may_see_is_not_lent_again() -> None:
    store = Store()
    _, seen = store.lend((3,), np.float32)
    seen[...] = 1
    store.forked()
    del seen
    _, other = store.lend((3,), np.float32)
    assert (other == 0).all()


def test_an_image_that_is_kept_is_not_changed_by_the_next_one(tmp_path: Path) -> None:
    files = [written(tmp_path / f"{i}.dcm", PIXELS + i) for i in range(6)]
    volumes = [read(file) for file in files]
    assert [int(volume.voxels.max()) for volume in volumes] == list(range(6))
