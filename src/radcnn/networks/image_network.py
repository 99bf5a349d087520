"""What networks from images to images offer: an image as large as the one that came in, whatever its size."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from radcnn.networks.initialisation import Initialisation


class ImageNetwork(nn.Module):
    """A network from images (B, C, H, W) or volumes (B, C, D, H, W) to images of the same size, (B, outputs, ...).

    maps(x)         the same for sizes that are multiples of `multiple`
    multiple        what sizes are filled up to inside, by zeros, and cut off again
    halo            voxels on each side that a voxel of the output may depend on; a patch that is larger by so much, and
                    begins at a multiple, gives the very voxels that the whole image would
    initialisation  how its first weights are drawn
    """

    maps: Callable[[Tensor], Tensor]
    multiple: int = 1
    halo: int
    initialisation: Initialisation = Initialisation()

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        missing = [-n % self.multiple for n in size]
        if not any(missing):
            return self.maps(x)
        padded = F.pad(x, [amount for more in reversed(missing) for amount in (0, more)])
        made = self.maps(padded)
        for axis, length in enumerate(size, start=2):
            made = made.narrow(axis, 0, length)
        return made
