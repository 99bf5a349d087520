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
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from torch.optim import Optimizer

from radcnn.core.errors import ReadError
from radcnn.core.files import read_json, sha256_of, write_bytes, write_json
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
    folder: Path, progress: Progress, network: nn.Module, optimizer: Optimizer, averaged: nn.Module | None
) -> None:
    """Write the state after an epoch."""
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
    }
    write_json(folder / "checkpoint.json", record)
    for old in folder.glob("epoch-*.safetensors"):
        if old.name != name:
            old.unlink()


def load(folder: Path, network: nn.Module, optimizer: Optimizer, averaged: nn.Module | None) -> Progress:
    """Restore what `save` wrote into network, optimizer and average; a fresh Progress when there is none.

    Raises ReadError when the checkpoint was changed or does not fit the network.
    """
    if not (folder / "checkpoint.json").exists():
        return Progress()
    record = read_json(folder / "checkpoint.json")
    weights = folder / record["weights"]
    if not weights.exists() or sha256_of(weights) != record["sha256"]:
        raise ReadError(f"the checkpoint in {folder} is damaged; delete the folder to train this network anew")
    tensors = load_tensors(weights.read_bytes())
    network.load_state_dict(_under("network", tensors))
    if averaged is not None:
        averaged.load_state_dict(_under("averaged", tensors))
    optimizer.load_state_dict({**optimizer.state_dict(), "state": _optimizer_state(_under("optimizer", tensors))})
    return Progress(
        epoch=record["epoch"],
        best=float("-inf") if record["best"] is None else record["best"],
        waiting=record["waiting"],
        stopped=record["stopped"],
        kept=_under("kept", tensors),
        history=[EpochEnded.from_json(event) for event in record["history"]],
    )


def _prefixed(prefix: str, state: dict[str, Any]) -> State:
    return {f"{prefix}/{name}": value for name, value in state.items()}


def _under(prefix: str, tensors: State) -> State:
    start = f"{prefix}/"
    return {name[len(start) :]: value for name, value in tensors.items() if name.startswith(start)}


def _optimizer_state(flat: State) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in flat.items():
        index, key = name.split("/", 1)
        state.setdefault(int(index), {})[key] = value
    return state
