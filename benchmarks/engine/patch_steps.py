"""Seconds of a training step of networks that answer at every voxel, beside what `plan.rules_patches` counts for it.

    python benchmarks/engine/patch_steps.py [PART_OF_A_NAME ...]

A step is all that training does with a batch that is there: loss with coarser answers, gradients, clipping, AdamW and
averaging; the median of five. `ratio` is counted / measured: 1 to 1.5 keeps the minutes on a shared machine.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

import numpy as np
import torch

from radcnn.core.cores import available_cores, vector_bits
from radcnn.data.store import StoredCase
from radcnn.learning.averaging import Averaged
from radcnn.learning.execution import Execution, keep_memory
from radcnn.learning.masked import Batch, MaskLesson, first_segmenting_network
from radcnn.learning.optimizers import make_optimizer
from radcnn.plan.rules_patches import WIDEST, step_seconds
from radcnn.plan.segmentation import SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, Precision, TrainingPlan

STRUCTURES = tuple(Structure(f"label {k}", (k,)) for k in (1, 2, 3))
DECAY = 0.99


def u_net(width: int, halvings: int) -> NetworkPlan:
    """A U-Net as the rules build it, with this many kernels at the image's own resolution."""
    kernels = [min(width * 2**k, WIDEST * width) for k in range(halvings + 1)]
    return NetworkPlan("modern_unet", {"kernels": kernels, "supervised": 2})


RESIDUAL = NetworkPlan("resenc_unet", {"kernels": [16, 32, 64, 128, 160], "down": [1, 3, 4, 6, 6], "supervised": 2})
NETWORKS: dict[str, tuple[NetworkPlan, tuple[int, ...], int]] = {  # with a patch and a batch
    **{f"2D, {w} kernels": (u_net(w, 5), (256, 224), 8) for w in (8, 16, 24, 32)},
    **{f"2D small, {w} kernels": (u_net(w, 4), (128, 128), 8) for w in (16, 32)},
    "2D residual": (RESIDUAL, (160, 160), 8),
    "3D, 8 kernels": (u_net(8, 4), (96, 96, 96), 2),
    "3D, 16 kernels": (u_net(16, 3), (64, 64, 64), 2),
    "3D, 24 kernels": (u_net(24, 3), (48, 48, 48), 2),
    "V-Net": (NetworkPlan("vnet"), (64, 64, 64), 2),
    "U-Net of 2015": (NetworkPlan("unet2015"), (388, 388), 1),
}


def main() -> None:
    """Print a line for each network and precision."""
    keep_memory()
    torch.set_num_threads(available_cores())
    for name, (network, patch, batch) in NETWORKS.items():
        for precision in ("float32", "bfloat16"):
            if any(part in name for part in sys.argv[1:] or [""]):
                training = TrainingPlan(epochs=1, batch=batch, precision=precision, averaging=DECAY)
                print(json.dumps(measured(name, SegmentationPlan(network, training, STRUCTURES, patch, len(patch)))))


def measured(name: str, plan: SegmentationPlan) -> dict[str, object]:
    """Median seconds of five steps, after two that nobody counts."""
    precision: Precision = plan.training.precision
    execution = Execution(bfloat16=precision == "bfloat16")
    network = execution.place(first_segmenting_network(plan, 0)).train()
    margins = network.margins
    case = StoredCase(np.zeros((1, *plan.patch), np.float32))
    lesson = MaskLesson(0, [case], [], "", plan, margins)
    optimizer = make_optimizer("adamw", network, learning_rate=1e-3, weight_decay=0.01)
    averaged, took = Averaged(network, DECAY), []
    size = tuple(side + sum(margins) for side in plan.patch)
    masks = torch.randint(0, len(STRUCTURES) + 1, (plan.training.batch, *plan.patch)).to(torch.uint8)
    batch = Batch(torch.randn(plan.training.batch, 1, *size), masks)
    for step in range(7):
        began = time.perf_counter()
        lesson.loss(network, batch, 0, step, execution).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        averaged.update(network, step)
        took.append(time.perf_counter() - began)
    seconds, counted = statistics.median(took[2:]), step_seconds(plan, available_cores(), vector_bits())
    return {
        "network": name, "precision": precision, "measured": round(seconds, 4), "counted": round(counted, 4),
        "ratio": round(counted / seconds, 2),
    }  # fmt: skip


if __name__ == "__main__":
    main()
