"""How a network runs on this machine: device, threads, memory format, precision."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from radcnn.networks import Network
from radcnn.networks.image_network import ImageNetwork
from radcnn.networks.instance_norm import channels_side_by_side
from radcnn.networks.narrow_maps import full_where_narrow
from radcnn.networks.small_volumes import fast_small_volumes

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # mallopt(3) of the GNU C library
FEW_CHANNELS = 16  # a vector register of floats: oneDNN's kernels for fewer channels are others


@dataclass(frozen=True)
class Execution:
    """Where and how a network runs.

    device         "cpu" or "cuda"
    workers        threads that make batches ahead of time; changes no number
    channels_last  memory format of network and batches, where the network may have it: see `overruns`
    bfloat16       convolutions in bfloat16; the last linear layer, the loss and, on a CPU, convolutions wider than
                   their maps stay in float32
    """

    device: str = "cpu"
    workers: int = 1
    channels_last: bool = True
    bfloat16: bool = False

    def memory_format(self, network: nn.Module, spatial_rank: int) -> torch.memory_format:
        """The memory format of this network's kernels and batches."""
        if not self.channels_last or (self.device == "cpu" and overruns(network)):
            return torch.contiguous_format
        return torch.channels_last if spatial_rank == 2 else torch.channels_last_3d

    def place(self, network: nn.Module) -> nn.Module:
        """The network on the device, its kernels in the memory format."""
        ranks = {p.ndim - 2 for p in network.parameters() if p.ndim >= 4}
        network = network.to(self.device)
        for rank in ranks:
            network = network.to(memory_format=self.memory_format(network, rank))  # type: ignore[call-overload]
        return network


def overruns(network: nn.Module) -> bool:
    """Whether a channels-last training of this network may end the process (docs/decisions/0006).

    With two threads and an odd batch, oneDNN 3.12 writes past its memory in the backward pass of a strided 1x1
    convolution of few channels. Neither threads nor batch are asked here: numbers must not depend on them.
    """
    return any(
        isinstance(layer, nn.Conv2d)
        and set(layer.kernel_size) == {1}
        and max(layer.stride) > 1
        and layer.in_channels < FEW_CHANNELS
        for layer in network.modules()
    )


def logits_of(network: nn.Module, images: Tensor, execution: Execution) -> Tensor:
    """Logits (B, outputs) in float32 for images (B, C, *size)."""
    return _computed(network, network, images, execution)[0]


def training_logits(network: nn.Module, images: Tensor, execution: Execution) -> tuple[Tensor, ...]:
    """The same, followed by the logits of the network's auxiliary heads; of a network without padding what is left."""
    forward = network.with_auxiliary if isinstance(network, Network | ImageNetwork) else network
    return _computed(network, forward, images, execution)


def _computed(
    network: nn.Module, forward: Callable[[Tensor], Tensor | tuple[Tensor, ...]], images: Tensor, execution: Execution
) -> tuple[Tensor, ...]:
    layout = execution.memory_format(network, images.ndim - 2)
    images = images.to(execution.device).contiguous(memory_format=layout)
    with channels_side_by_side(network, images):
        found = _forwarded(network, forward, images, execution)
    return tuple(logits.float() for logits in (found if isinstance(found, tuple) else (found,)))


def _forwarded(
    network: nn.Module, forward: Callable[[Tensor], Tensor | tuple[Tensor, ...]], images: Tensor, execution: Execution
) -> Tensor | tuple[Tensor, ...]:
    if execution.bfloat16:
        with torch.autocast(execution.device, torch.bfloat16), full_last_layer(network), full_where_narrow(images):
            return forward(images)
    with fast_small_volumes(images):
        return forward(images)


@contextmanager
def full_last_layer(network: nn.Module) -> Iterator[None]:
    """Within autocast, compute the network's last dense layer in its own precision.

    bfloat16 keeps 8 bits: scores of thousands of cases would fall on a few hundred values, and ranks would be ties.
    """
    head = getattr(network, "head", None)
    if not isinstance(head, nn.Linear):
        yield
        return

    def again(layer: nn.Module, given: tuple[Tensor, ...], _: Tensor) -> Tensor:
        assert isinstance(layer, nn.Linear)
        with torch.autocast(given[0].device.type, enabled=False):
            return nn.functional.linear(given[0].to(layer.weight.dtype), layer.weight, layer.bias)

    handle = head.register_forward_hook(again)
    try:
        yield
    finally:
        handle.remove()


def available_device() -> str:
    """ "cuda" where a CUDA device is there, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def available_memory() -> int | None:
    """Bytes of memory that this process may still have; None where the system does not say.

    The least of what the machine has free and what its control group leaves (Linux).
    """
    found = []
    with suppress(OSError, ValueError, IndexError):
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
        if "MemAvailable" in lines:
            found.append(int(lines["MemAvailable"].split()[0]) * 1024)
    with suppress(OSError, ValueError):
        limit, used = (Path(f"/sys/fs/cgroup/memory.{name}").read_text(encoding="ascii") for name in ("max", "current"))
        found.append(int(limit) - int(used))  # "max" is no number: no limit
    return max(0, min(found)) if found else None


def keep_memory() -> bool:
    """Tell the C library to keep freed blocks instead of returning them to the system at every step.

    Training allocates and frees the same large blocks over and over; not having the kernel zero them each time made
    a 3D training step 1.2 to 1.8 times faster. Does nothing (False) where the GNU C library is not in use.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    done = [mallopt(M_MMAP_MAX, 0), mallopt(M_TRIM_THRESHOLD, 2**31 - 1), mallopt(M_TOP_PAD, 256 << 20)]
    return all(done)
