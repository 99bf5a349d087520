"""Weights of some epochs, kept beside the checkpoint, so that one can see what a network learned when.

checkpoints/network-0/snapshot-00003.safetensors   the weights that were judged after epoch 3
"""

from __future__ import annotations

import re
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from radcnn.core.errors import ReadError
from radcnn.core.files import write_bytes

NAMED = re.compile(r"snapshot-(\d{5})\.safetensors")


def epochs_kept(epochs: int, count: int) -> tuple[int, ...]:
    """Which of so many epochs are kept: the first, the last, and between them in equal ratios, since most comes early.

    >>> epochs_kept(64, 5), epochs_kept(4, 9), epochs_kept(10, 1), epochs_kept(10, 0)
    ((1, 3, 8, 23, 64), (1, 2, 3, 4), (10,), ())
    """
    if count < 2:
        return (epochs,) * count
    return tuple(sorted({round(epochs ** (k / (count - 1))) for k in range(count)}))


def keep(folder: Path, epoch: int, network: nn.Module) -> None:
    """Write the weights of an epoch, as they are judged: of the average where there is one."""
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    write_bytes(folder / f"snapshot-{epoch:05d}.safetensors", save_tensors(state))


def kept(folder: Path) -> tuple[tuple[int, Path], ...]:
    """(epoch, file) of what was kept, in order."""
    named = ((NAMED.fullmatch(file.name), file) for file in folder.glob("snapshot-*.safetensors"))
    return tuple(sorted((int(match[1]), file) for match, file in named if match))


def put_into(network: nn.Module, file: Path) -> None:
    """Give a network the weights of a snapshot; auxiliary heads that it no longer has are left out.

    Raises ReadError where the file is damaged or of another network.
    """
    try:
        state = load_tensors(file.read_bytes())
        own = network.state_dict()
        network.load_state_dict({name: value for name, value in state.items() if name in own})
    except (SafetensorError, RuntimeError, ValueError, OSError) as cause:
        raise ReadError(
            f"{file.name} does not hold the weights of this network; delete it, or train again with "
            "--set training.snapshots=N"
        ) from cause
