"""What stands where part of an image is taken away."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from radcnn.core.catalogue import look_up

Fill = Literal["darkest", "mean"]
FILLS = {
    "darkest": lambda voxels: voxels.amin(2),
    "mean": lambda voxels: voxels.mean(2),
}


def filling(images: Tensor, fill: Fill) -> Tensor:
    """One value for each channel of each image, (B, C, 1, ...), of images (B, C, *size).

    darkest  the image's lowest value: air in CT, background in radiographs; takes tissue away
    mean     the image's mean: greys a part out, and leaves what a large bright or dark patch would itself suggest

    Raises SettingsError with "did you mean" for another name.

    >>> import torch
    >>> filling(torch.tensor([[[[0.0, 4.0]]]]), "mean").tolist()
    [[[[2.0]]]]
    """
    values: Tensor = look_up(FILLS, fill, "fill")(images.flatten(2))
    return values[(..., *(None,) * (images.ndim - 2))]
