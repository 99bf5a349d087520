"""What networks from images to images offer: an image as large as the one that came in, whatever its size."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from radcnn.core.errors import SettingsError
from radcnn.networks.initialisation import Initialisation
from radcnn.networks.network import Ends


class ImageNetwork(nn.Module):
    """A network from images (B, C, H, W) or volumes (B, C, D, H, W) to images of the same size, (B, outputs, ...).

    maps(x)         the same for sizes that are multiples of `multiple`
    multiple        what sizes are filled up to inside, by zeros, and cut off again
    multiples       the same for each axis, where they differ
    margins         voxels that `maps` takes away before and after each axis; none for all but networks without padding,
                    whose `forward` mirrors images beyond their edges
    halo            voxels on each side that a voxel of the output may depend on; a patch that is larger by so much, and
                    begins at a multiple, gives the very voxels that the whole image would
    initialisation  how its first weights are drawn
    residual        whether it adds what it makes to its input; if not, the image itself passes through it
    """

    maps: Callable[[Tensor], Tensor]
    multiple: int = 1
    multiples: tuple[int, ...] = ()
    margins: tuple[int, int] = (0, 0)
    halo: int
    initialisation: Initialisation = Initialisation()
    residual: bool = False

    @staticmethod
    def carried(x: Tensor, outputs: int) -> Tensor:
        """What a residual network adds to: its input, or the middle one of several slices (B, outputs, ...)."""
        first = (x.shape[1] - outputs) // 2
        return x.narrow(1, first, outputs)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        multiples = self.multiples or (self.multiple,) * len(size)
        missing = [-n % multiple for n, multiple in zip(size, multiples, strict=True)]
        if not any(missing):
            return self.maps(x)
        padded = F.pad(x, [amount for more in reversed(missing) for amount in (0, more)])
        made = self.maps(padded)
        for axis, length in enumerate(size, start=2):
            made = made.narrow(axis, 0, length)
        return made

    def needed(self, length: int) -> int:
        """Voxels along an axis that `maps` has to be given for so many, or a few more, within its margins."""
        return length + -length % self.multiple

    def with_auxiliary(self, x: Tensor) -> tuple[Tensor, ...]:
        """What training looks at: the output, within the margins, and what coarser resolutions say."""
        return (self(x),)

    def leave_out_auxiliary(self) -> None:
        """Take away what only helps training."""


def refuse_lopsided(ends: Ends, name: str, way_out: str = "") -> None:
    """Raises SettingsError where a network that adds to its input has no middle channels to add to."""
    if ends.channels < ends.outputs or (ends.channels - ends.outputs) % 2:
        raise SettingsError(
            f"{name} adds to its input: it needs as many outputs as channels, or a middle one of an odd number, got "
            f"{ends.channels} channels and {ends.outputs} outputs{way_out}"
        )


def mirrored(x: Tensor, beyond: list[tuple[int, int]]) -> Tensor:
    """Images (B, C, *size) with so many voxels more before and after each axis, mirrored about the last ones.

    >>> mirrored(torch.arange(3.0)[None, None], [(2, 3)]).tolist()
    [[[2.0, 1.0, 0.0, 1.0, 2.0, 1.0, 0.0, 1.0]]]
    """
    for axis, (before, after) in enumerate(beyond, start=2):
        length = x.shape[axis]
        at = torch.arange(-before, length + after, device=x.device) % max(1, 2 * length - 2)
        x = x.index_select(axis, torch.minimum(at, (2 * length - 2 - at).clamp_min(0)))
    return x
