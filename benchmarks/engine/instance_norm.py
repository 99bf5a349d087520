"""A training step and a prediction of the default U-Net of slices: our instance normalisation beside torch's.

python benchmarks/engine/instance_norm.py [--bfloat16] [--json FILE]

torch's own is timed with maps in both orders: channels side by side, as convolutions like them, and one behind the
other, as its normalisation does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext

import torch
from timing import measure, report, versions, write_rows
from torch import Tensor

from radcnn.core.cores import available_cores
from radcnn.learning.execution import keep_memory
from radcnn.networks.image_network import ImageNetwork
from radcnn.networks.image_networks import build_image_network
from radcnn.networks.instance_norm import channels_side_by_side

KERNELS, PATCH, BATCH = (24, 48, 96, 192, 240, 240), (256, 224), 4
LOW = "--bfloat16" in sys.argv


def main() -> None:
    """Time training and prediction in three ways."""
    keep_memory()
    torch.set_num_threads(available_cores())
    rows = []
    for name, work in (("training step", _step), ("prediction", _predict)):
        timed = measure({way: _job(work, way) for way in WAYS}, runs=7)
        rows.append(
            report(
                f"U-Net of slices, {name}, {BATCH} slices of {PATCH}{', bfloat16' if LOW else ''}",
                timed,
                ours=OURS,
                reach=1.0,
                asked="faster than both",
                extra={"versions": versions("torch", "numba")},
            )
        )
    write_rows(rows)


OURS = "radcnn, channels side by side"
WAYS = {
    OURS: (torch.channels_last, True),
    "torch, channels side by side": (torch.channels_last, False),
    "torch, maps one behind the other": (torch.contiguous_format, False),
}


def _job(work: Callable[[ImageNetwork, Tensor], object], way: str) -> Callable[[], object]:
    layout, ours = WAYS[way]
    options = {"kernels": KERNELS, "supervised": 2}
    network = build_image_network("modern_unet", outputs=4, options=options, seed=0).to(memory_format=layout)
    images = torch.randn(BATCH, 1, *PATCH, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=layout)

    def job() -> object:
        with channels_side_by_side(network, images) if ours else nullcontext():
            return work(network, images)

    return job


def _step(network: ImageNetwork, images: Tensor) -> object:
    with torch.autocast("cpu", torch.bfloat16, enabled=LOW):
        outputs = network.with_auxiliary(images)
    network.zero_grad()
    sum(one.float().square().mean() for one in outputs).backward()  # type: ignore[union-attr]
    return outputs


def _predict(network: ImageNetwork, images: Tensor) -> object:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=LOW):
        return network(images)


if __name__ == "__main__":
    main()
