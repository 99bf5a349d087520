"""A Header: one frame before it is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from radcnn.core.errors import RadcnnError
from radcnn.data.dicom.pixels import PixelFacts
from radcnn.data.dicom.slices import Slice


@dataclass(frozen=True, eq=False)
class Header:
    """One frame before it is decoded: its file, its place, and the facts of its values or why none are known."""

    file: Path
    slice: Slice
    facts: PixelFacts | RadcnnError

    @property
    def known(self) -> PixelFacts:
        """The facts; raises the error that stands in their place."""
        if isinstance(self.facts, RadcnnError):
            raise self.facts
        return self.facts
