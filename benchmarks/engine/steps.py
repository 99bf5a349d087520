"""One training step of a network, as the training loop takes it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from radcnn.learning.execution import Execution, training_logits

NO_BFLOAT16 = "this machine has no bfloat16 that radcnn would use: in float32 only memory and its layout are gained"


def training_step(network: nn.Module, images: Tensor, execution: Execution) -> Callable[[], object]:
    """Forward, backward and a step of SGD on the mean square of the logits."""
    placed = execution.place(network.train())
    optimizer = torch.optim.SGD(placed.parameters(), lr=1e-4)

    def step() -> None:
        loss = training_logits(placed, images, execution)[0].square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step
