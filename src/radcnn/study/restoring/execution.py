"""How this machine runs networks that restore images."""

from __future__ import annotations

import torch

from radcnn.core.cores import available_cores
from radcnn.learning.execution import Execution, available_device, keep_memory
from radcnn.plan.restoration import RestorationPlan


def restoring_execution(plan: RestorationPlan, workers: int) -> Execution:
    """How this machine runs the plan."""
    keep_memory()
    torch.set_num_threads(available_cores())
    low = plan.training.precision == "bfloat16"
    return Execution(
        device=available_device(), workers=workers, channels_last=plan.training.channels_last, bfloat16=low
    )
