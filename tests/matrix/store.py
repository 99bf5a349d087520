"""How values become stored numbers: type, bits, rescale; and the attributes that say so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


@dataclass(frozen=True)
class Store:
    """stored = (value - intercept) / slope, as `dtype` with `bits` of it in use.

    rescaled  whether the file says slope and intercept
    garbage   fill the unused high bits with something
    more      further attributes, such as a modality LUT
    """

    dtype: DTypeLike = np.uint16
    bits: int = 0
    slope: float = 1.0
    intercept: float = 0.0
    rescaled: bool = True
    kind: str = "HU"  # RescaleType
    garbage: bool = False
    more: dict[str, Any] = field(default_factory=dict)

    def numbers(self, values: NDArray, slope: float | None = None) -> NDArray:
        """Values as stored numbers, which they must be exactly."""
        exact = (values - self.intercept) / (slope or self.slope)
        kind = np.dtype(self.dtype)
        if kind.kind == "f":
            return exact.astype(kind)
        made = np.rint(exact).astype(kind)
        if self.garbage:
            there = np.arange(made.size, dtype=np.uint16).reshape(made.shape)
            made = (made | ((there * 7 + 3) << self.used).astype(kind)).astype(kind)
        return made

    @property
    def used(self) -> int:
        return self.bits or np.dtype(self.dtype).itemsize * 8

    def attributes(self, slope: float | None = None) -> dict[str, Any]:
        """What a data set says about the numbers."""
        kind = np.dtype(self.dtype)
        said: dict[str, Any] = {
            "BitsAllocated": kind.itemsize * 8,
            "BitsStored": self.used,
            "HighBit": self.used - 1,
            "PixelRepresentation": int(kind.kind == "i"),
            **self.rescale(slope),
            **self.more,
        }
        return said

    def rescale(self, slope: float | None = None) -> dict[str, Any]:
        """RescaleSlope, RescaleIntercept and RescaleType, where the file has them."""
        if not self.rescaled:
            return {}
        said: dict[str, Any] = {"RescaleSlope": slope or self.slope, "RescaleIntercept": self.intercept}
        return {**said, "RescaleType": self.kind} if self.kind else said


CT = Store(np.uint16, 12, intercept=-1024.0)
CT_SIGNED = Store(np.int16, 16, intercept=-1024.0)
MR = Store(np.uint16, 12, rescaled=False, more={"RepetitionTime": "500", "EchoTime": "20"})
BYTES = Store(np.uint8, 8, rescaled=False)
