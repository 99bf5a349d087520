"""Prediction with a 3D U-Net against the size of the volume: seconds, and memory beside the volume and its labels.

python benchmarks/curves/prediction.py [--json FILE]
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from measuring import MIB, drawn, watched

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))
from unet import UNet

from radcnn.core.cores import available_cores
from radcnn.inference.engines import available_engines, compiled
from radcnn.inference.windows import windowed_labels

WINDOW = (96, 96, 96)
SIZES = ((96, 96, 96), (96, 192, 192), (128, 256, 256), (192, 320, 320), (200, 512, 512))


def point(size: Sequence[int]) -> tuple[object, ...]:
    """One volume, once; the network was warmed up."""
    torch.manual_seed(0)
    torch.set_num_threads(available_cores())
    compute = compiled(UNet().eval(), torch.zeros(1, 1, *WINDOW), available_engines()[-1], threads=available_cores())
    volume = np.random.default_rng(0).normal(size=(1, *size)).astype(np.float32)
    windowed_labels(volume[:, :96, :96, :96], compute, window=WINDOW, batch=1)
    with watched() as grown:
        started = time.perf_counter()
        labels = windowed_labels(volume, compute, window=WINDOW, batch=1)
        seconds = time.perf_counter() - started
        beside = grown() - labels.nbytes / MIB
    voxels = math.prod(size)
    return (
        " x ".join(map(str, size)), round(volume.nbytes / MIB), round(seconds, 1), round(1e6 * seconds / voxels, 2),
        round(beside),
    )  # fmt: skip


if __name__ == "__main__":
    drawn(
        "Prediction against the size of the volume",
        ("volume", "its MiB", "seconds", "seconds per million voxels", "MiB beside volume and labels"),
        SIZES,
        point,
        "3D U-Net of 101 GFLOP a window of 96^3, three labels, overlap 0.5, the fastest engine of this machine",
    )
