"""One stored case: arrays that lie on the disk and are read where they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from radcnn.data.store.codes import decoded


@dataclass(frozen=True, eq=False)
class StoredCase:
    """A prepared case.

    image    (C, *size): float32 values, or codes whose values are in `palette`
    palette  the value of each code, None where the image holds values
    mask     (*size) labels, or None
    places   some voxels of each label, as flat indices
    affine   (4, 4) from indices to mm, LPS; None where the geometry is unknown
    """

    image: NDArray
    palette: NDArray[np.float32] | None = None
    mask: NDArray | None = None
    places: Mapping[int, NDArray[np.uint32]] = field(default_factory=dict)
    affine: NDArray[np.float64] | None = None

    @property
    def size(self) -> tuple[int, ...]:
        """Voxels per axis."""
        return tuple(self.image.shape[1:])

    def values(self) -> NDArray[np.float32]:
        """The whole image, (C, *size) float32."""
        return decoded(self.image, self.palette)
