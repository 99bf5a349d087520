"""How this machine runs networks that restore images."""

from __future__ import annotations

import torch

from radcnn.core.cores import available_cores
from radcnn.learning.execution import Execution, available_device, keep_memory
from radcnn.plan.restoration import RestorationPlan


def restoring_execution(plan: RestorationPlan) -> Execution:
    """How images are restored: in float32, whatever the network was trained in, since an image has more than 8 bits."""
    keep_memory()
    torch.set_num_threads(available_cores())
    return Execution(device=available_device(), workers=0, channels_last=plan.training.channels_last)
