"""Sliding windows over 256 x 256 x 128: what they cost beyond the network itself, beside MONAI's.

    python benchmarks/engine/sliding_window.py [--json FILE]

All three jobs call the same network, windows and batches; the first is the network alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from timing import measure, report, write_rows
from torch import Tensor
from unet import UNet

from radcnn.core.cores import available_cores
from radcnn.inference.engines import available_engines, compiled
from radcnn.inference.windows import slabs, windowed_labels

SIZE, WINDOW, BATCH, OUTPUTS = (128, 256, 256), (96, 96, 96), 2, 3
ALLOWED = 1.05


def network() -> tuple[str, Callable[[Tensor], Tensor]]:
    """The fastest engine there is: the faster the network, the more the rest weighs."""
    torch.manual_seed(0)
    unet = UNet(outputs=OUTPUTS).eval()
    fastest = available_engines()[-1]
    return fastest, compiled(unet, torch.zeros(1, 1, *WINDOW), fastest, threads=available_cores())


def main() -> None:
    """Time the three."""
    engine, compute = network()
    volume = np.random.default_rng(0).normal(size=(1, *SIZE)).astype(np.float32)
    shapes: list[int] = []

    def counting(images: Tensor) -> Tensor:
        shapes.append(len(images))
        return torch.zeros(len(images), OUTPUTS, *WINDOW)

    slab = max(part.logits.untyped_storage().nbytes() for part in slabs(volume, counting, window=WINDOW, batch=BATCH))
    batches = list(shapes)

    def alone() -> None:
        for size in batches:
            compute(torch.from_numpy(volume[None, :, :96, :96, :96]).expand(size, -1, -1, -1, -1))

    jobs: dict[str, Callable[[], object]] = {
        "radcnn, labels streamed": lambda: windowed_labels(volume, compute, window=WINDOW, batch=BATCH),
        "the network alone": alone,
    }
    if (peer := monai(volume, compute)) is not None:
        jobs["MONAI sliding_window_inference, Gaussian"] = peer
    timed = measure(jobs, runs=3)
    share = timed["radcnn, labels streamed"].median / timed["the network alone"].median
    row = report(
        "sliding window over 256x256x128, overlap 0.5", timed, ours="radcnn, labels streamed", reach=1 / ALLOWED,
        asked=f"under {ALLOWED} x the network alone", note=f"{engine}, {sum(batches)} windows in {len(batches)} calls",
        extra={"times_the_network": round(share, 3), "memory_mib": {"slab of logits": round(slab / 2**20, 1)}},
    )  # fmt: skip
    row["reached"] = share <= ALLOWED
    print(f"  ours / the network alone: {share:.3f}; slab of {OUTPUTS} outputs {slab / 2**20:.0f} MiB")
    write_rows([row])


def monai(volume: np.ndarray, compute: Callable[[Tensor], Tensor]) -> Callable[[], object] | None:
    """MONAI's own, with the same windows."""
    try:
        from monai.inferers import sliding_window_inference
    except ImportError:
        return None
    image = torch.from_numpy(volume)[None]
    return lambda: sliding_window_inference(image, WINDOW, BATCH, compute, overlap=0.5, mode="gaussian").argmax(1)


if __name__ == "__main__":
    main()
