"""Which output is asked: one logit for each class, so that "healthy" of a yes/no network can be asked as "sick" can."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from radcnn.core.errors import SettingsError

Classes = Tensor | Sequence[int] | int


class BothSides(nn.Module):
    """A network of one logit z as one of two classes: logits (-z / 2, z / 2), of softmax (1 - sigmoid z, sigmoid z).

    >>> network = BothSides(nn.Sequential(nn.Flatten(), nn.Linear(4, 1)))
    >>> tuple(network(torch.zeros(3, 1, 2, 2)).shape)
    (3, 2)
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, 2) of images (B, C, *size)."""
        logit = self.network(images)
        if logit.shape[1:] != (1,):
            raise SettingsError(f"two sides are of a network of one logit, got {tuple(logit.shape[1:])}")
        return torch.cat([-logit / 2, logit / 2], dim=1)


def asked_of(classes: Classes, images: int) -> Tensor:
    """The class that is asked of each image, (B,): one for all, or one each; SettingsError for another number."""
    index = torch.as_tensor(classes)
    if index.ndim and len(index) != images:
        raise SettingsError(f"classes must be one for all images or one each of {images}, got {len(index)}")
    return index.expand(images)


def logits_asked(logits: Tensor, classes: Classes) -> Tensor:
    """The logit of each image's class, (B,); raises SettingsError when a class is no output.

    >>> logits_asked(torch.tensor([[0.0, 1.0], [2.0, 3.0]]), [1, 0]).tolist()
    [1.0, 2.0]
    """
    index = asked_of(classes, len(logits)).to(logits.device)
    if len(index) and not (int(index.min()) >= 0 and int(index.max()) < logits.shape[1]):
        raise SettingsError(f"classes must be outputs 0 to {logits.shape[1] - 1} of the network, got {index.tolist()}")
    return logits.gather(1, index[:, None])[:, 0]
