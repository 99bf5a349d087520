"""A checkpoint holds everything an interrupted training needs to go on bit for bit: tensors and JSON, no pickle.

Chance needs no saving: every epoch and batch has its own stream, derived from the seed (radcnn.core.chance).
The weights file is written first, under a name of its own; the small JSON file that names it is then replaced
atomically. Whatever happens in between, the JSON points at a complete file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from torch.optim import Optimizer

from radcnn.core.errors import ReadError
from radcnn.core.files import read_json, sha256_of, sha256_of_json, write_bytes, write_json
from radcnn.learning.events import EpochEnded

State = dict[str, Tensor]


@dataclass
class Progress:
    """Where the training of one network stands.

    epoch    epochs done
    best     watched figure of the kept weights; -inf before the first epoch
    kept     state of the weights to keep, or empty
    waiting  epochs since the watched figure improved
    """

    epoch: int = 0
    best: float = float("-inf")
    waiting: int = 0
    kept: State = field(default_factory=dict)
    history: list[EpochEnded] = field(default_factory=list)
    stopped: bool = False


def save(
    folder: Path,
    progress: Progress,
    network: nn.Module,
    optimizer: Optimizer,
    averaged: nn.Module | None,
    *,
    lesson: str,
) -> None:
    """Write the state after an epoch; `lesson` is a hash of what is learned, which `load` compares."""
    tensors = _prefixed("network", network.state_dict()) | _prefixed("kept", progress.kept)
    if averaged is not None:
        tensors |= _prefixed("averaged", averaged.state_dict())
    state = optimizer.state_dict()["state"]
    for index, values in state.items():
        tensors |= _prefixed(f"optimizer/{index}", {k: torch.as_tensor(v) for k, v in values.items()})
    name = f"epoch-{progress.epoch:05d}.safetensors"
    write_bytes(folder / name, save_tensors({k: v.detach().clone().contiguous() for k, v in tensors.items()}))
    record = {
        "weights": name,
        "sha256": sha256_of(folder / name),
        "epoch": progress.epoch,
        "best": None if progress.best == float("-inf") else progress.best,
        "waiting": progress.waiting,
        "stopped": progress.stopped,
        "history": [event.as_json() for event in progress.history],
        "lesson": lesson,
    }
    write_json(folder / "checkpoint.json", {**record, "record": sha256_of_json(record)})
    # older weights, and what a process that was killed while writing left behind
    for old in [*folder.glob("epoch-*.safetensors"), *folder.glob(".epoch-*.safetensors")]:
        if old.name != name:
            old.unlink()


def load(
    folder: Path, network: nn.Module, optimizer: Optimizer, averaged: nn.Module | None, *, lesson: str
) -> Progress:
    """Restore what `save` wrote into network, optimizer and average; a fresh Progress when there is none.

    Raises ReadError when the checkpoint was changed, or belongs to another lesson or network.
    """
    if not (folder / "checkpoint.json").exists():
        return Progress()
    record = _record(folder, lesson)
    try:
        tensors = load_tensors((folder / record["weights"]).read_bytes())
        network.load_state_dict(_under("network", tensors))
        if averaged is not None:
            averaged.load_state_dict(_under("averaged", tensors))
        _restore(optimizer, _under("optimizer", tensors))
    except (SafetensorError, RuntimeError, ValueError, KeyError) as cause:
        raise ReadError(
            f"the checkpoint in {folder} is of another network; delete the folder to train this one anew"
        ) from cause
    return Progress(
        epoch=record["epoch"],
        best=float("-inf") if record["best"] is None else record["best"],
        waiting=record["waiting"],
        stopped=record["stopped"],
        kept=_under("kept", tensors),
        history=[EpochEnded.from_json(event) for event in record["history"]],
    )


def _record(folder: Path, lesson: str) -> dict[str, Any]:
    """The checked record of a checkpoint."""
    record = read_json(folder / "checkpoint.json")
    proof = record.pop("record", None) if isinstance(record, dict) else None
    if proof != sha256_of_json(record) or not _intact(folder / record["weights"], record["sha256"]):
        raise ReadError(f"the checkpoint in {folder} is damaged; delete the folder to train this network anew")
    if record["lesson"] != lesson:
        raise ReadError(
            f"the checkpoint in {folder} belongs to another training (settings, images or labels differ); "
            "start a new run, or delete the folder to train this network anew"
        )
    known: dict[str, Any] = record
    return known


def _intact(file: Path, digest: str) -> bool:
    return file.is_file() and sha256_of(file) == digest


def _prefixed(prefix: str, state: dict[str, Any]) -> State:
    return {f"{prefix}/{name}": value for name, value in state.items()}


def _under(prefix: str, tensors: State) -> State:
    start = f"{prefix}/"
    return {name[len(start) :]: value for name, value in tensors.items() if name.startswith(start)}


def _restore(optimizer: Optimizer, flat: State) -> None:
    """Moments get the memory layout of their parameters, as they had: another one may round otherwise."""
    optimizer.load_state_dict({**optimizer.state_dict(), "state": _optimizer_state(flat)})
    for parameter, values in optimizer.state.items():
        for key, value in values.items():
            if value.shape == parameter.shape:
                values[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _optimizer_state(flat: State) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in flat.items():
        index, key = name.split("/", 1)
        state.setdefault(int(index), {})[key] = value
    return state
