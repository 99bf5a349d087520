"""Why a file was refused that a child could not bear: sentences that name the file and nothing that stands in it."""

from __future__ import annotations

import signal
from pathlib import Path

from radcnn.core.errors import RadcnnError, ReadError
from radcnn.data.bounded.limits import MIB, allowance, file_size
from radcnn.data.bounded.tasks import TOO_MUCH_MEMORY, raised


def error_of(said: list[str], path: Path) -> RadcnnError:
    """The error that a task said."""
    if said[0] == TOO_MUCH_MEMORY:
        return needs_memory(path)
    if not said[0]:
        return ReadError(f"{path.name} is damaged: it could not be read ({said[1]}); copy or export it again")
    return raised(said)


def died(return_code: int, path: Path) -> RadcnnError:
    """Why a child that ended with this code, negative for a signal, did so at a file."""
    number = -return_code
    if number in (signal.SIGPROF, signal.SIGXCPU):
        return takes_long(path)
    if number == signal.SIGKILL:
        return needs_memory(path)
    how = signal.Signals(number).name if number in list(signal.Signals) else f"code {return_code}"
    return ReadError(f"{path.name} is damaged: the decoder did not survive it ({how}); copy or export it again")


def takes_long(path: Path) -> ReadError:
    """The refusal of a file that takes too long."""
    seconds = allowance(file_size(path)).seconds
    return ReadError(
        f"{path.name} was not read: it takes more than {seconds:.0f} s of computing, far more than its size explains; "
        "it is damaged or made to do harm"
    )


def needs_memory(path: Path) -> ReadError:
    """The refusal of a file that takes too much memory."""
    most = allowance(file_size(path)).memory_bytes // MIB
    return ReadError(
        f"{path.name} was not read: it needs more than {most} MiB of memory, far more than its size explains; "
        "it is damaged or made to do harm"
    )


def too_large(path: Path, n_bytes: int) -> ReadError:
    """The refusal of a file whose header claims more voxels than its bytes can hold."""
    return ReadError(
        f"{path.name} was not read: its header claims {n_bytes / MIB:,.0f} MiB of voxels, far more than its size "
        "explains; it is damaged or made to do harm"
    )
