"""One spatial transform's coordinate map: a pull-back, affine or bending, for each sample of a batch."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from torch import Tensor

from radcnn.transforms.splines import displacement

PaddingMode = Literal["border", "zeros"]


class Step:
    """One pull-back, one row per sample: u -> matrix u (homogeneous), or u -> u + displacement(u).

    matrix        (B, d + 1, d + 1) float64
    displacement  (B, d, *size) in voxels, linear between voxel centres and constant beyond the border
    control       (B, d, P ...) displacements of control points of a grid of `size`, in place of `displacement`: splines
                  run between them
    """

    def __init__(
        self,
        matrix: Tensor | None = None,
        displacement: Tensor | None = None,
        *,
        control: Tensor | None = None,
        size: tuple[int, ...] = (),
    ) -> None:
        self.matrix, self.control, self.size = matrix, control, size
        self._displacement = displacement

    @cached_property
    def displacement(self) -> Tensor | None:
        """Voxel by voxel; computed where control points were given and somebody asks."""
        return self._displacement if self.control is None else displacement(self.control, self.size)

    @property
    def bends(self) -> bool:
        """Whether it displaces, instead of being affine."""
        return self.matrix is None

    def bending(self) -> Tensor:
        """Which samples it displaces at all, (B,) bool."""
        given = self._displacement if self.control is None else self.control
        assert given is not None
        return (given != 0).flatten(1).any(1).cpu()

    def rows(self, rows: Tensor) -> Step:
        """The same of some samples."""

        def of(given: Tensor | None) -> Tensor | None:
            return None if given is None else given[rows.to(given.device)]

        return Step(of(self.matrix), of(self._displacement), control=of(self.control), size=self.size)
