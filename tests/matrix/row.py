"""A Row of the matrix: what is written, what is true of it, and what radcnn must make of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from matrix.grid import Array
from matrix.phantom import PHANTOMS, Phantom, Scale, Truth

Kind = Literal["volume", "plane", "film"]
RIGHT = "right"
GREY: tuple[tuple[float, float], ...] = ((1.0, 0.0),)

MARK = 100.0  # how far below the lowest value a marked pixel lies
MARKED = (16, 20)  # row and column

Writer = Callable[[Path, Sequence[Array]], object]


@dataclass(frozen=True, eq=False)
class Row:
    """One case.

    truths     the volumes in the folder; a reader is right when it gives one of them
    write      writes the folder, given the values of each volume
    expected   "right", or a regular expression that radcnn's refusal must match
    kind       "volume"; "plane", of which only the pixels' places count; "film", of which only the spacing counts
    spacing    whether a film says what its pixels measure
    within     how far values may be off, in their unit: more than rounding only where the coding has losses
    soft       values near the edges of blocks are not looked at: interpolation and lossy coding blur them
    channels   value * a + b of each colour channel
    outside    lowest value allowed where the volume has no data (padding)
    marked     one pixel of each slice lies below all others, so that what a reader fills in with the lowest value shows
    scales     by what a reader may have multiplied all values: 16 bits of colour are as right as 8
    asked      options of radcnn.read; other readers have no such question and are left out
    """

    name: str
    truths: tuple[Truth, ...]
    scale: Scale
    write: Writer
    expected: str = RIGHT
    kind: Kind = "volume"
    spacing: bool = True
    within: float = 0.5
    soft: bool = False
    unit: str = "HU"
    channels: tuple[tuple[float, float], ...] = GREY
    outside: float | None = None
    marked: bool = False
    scales: tuple[float, ...] = (1.0,)
    asked: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def phantoms(self) -> tuple[str, ...]:
        """Which of the four phantoms are written: a film has no place that ramps could show."""
        return PHANTOMS[:1] if self.kind == "film" else PHANTOMS

    @property
    def phantom(self) -> Phantom:
        return Phantom(self.scale, self.truths)

    def written(self, folder: Path, phantom: str) -> Path:
        """A new folder below `folder` with this row's files, holding that phantom."""
        made = folder / f"series_{phantom}"
        made.mkdir(parents=True)
        values = [self.phantom.values(phantom, truth) for truth in self.truths]
        if self.marked:
            for own in values:
                own[:, MARKED[0], MARKED[1]] = self.scale.low - MARK
        self.write(made, values)
        return made


@dataclass(frozen=True, eq=False)
class MaskRow:
    """A mask (D, H, W) of an image: `write` makes a folder "image" and a file "mask.dcm" in a folder."""

    name: str
    truth: Truth
    mask: np.ndarray
    write: Callable[[Path], object]
    expected: str = RIGHT
    asked: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
