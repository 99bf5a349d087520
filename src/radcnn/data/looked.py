"""What the checks of inputs must know of an image that was looked at: two Protocols, of plain values only."""

from __future__ import annotations

from typing import Protocol

from radcnn.data.findings import Finding


class GreyValues(Protocol):
    """Grey values of an image; `low` and `high` are its 0.5th and 99.5th percentile."""

    @property
    def minimum(self) -> float: ...
    @property
    def maximum(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def at_maximum(self) -> float:
        """Share of voxels at the highest value."""
        ...

    @property
    def distinct(self) -> int:
        """Number of distinct values, among those voxels that were counted."""
        ...


class Looked(Protocol):
    """An image that was looked at.

    size, spacing_mm  per spatial axis; spacing_mm is None where the image states none
    channels     as stored; `grey_as_colour` where three of them are equal
    dtype        of the stored numbers, such as "uint16"
    units        "HU", "grey", "rgb", "PET" ...; see core/volume.py
    orientation  where slices, rows and columns go in the patient, such as "SPL"; "" where nobody knows
    findings     what the reader noticed
    """

    @property
    def rank(self) -> int: ...
    @property
    def size(self) -> tuple[int, ...]: ...
    @property
    def channels(self) -> int: ...
    @property
    def grey_as_colour(self) -> bool: ...
    @property
    def dtype(self) -> str: ...
    @property
    def units(self) -> str: ...
    @property
    def spacing_mm(self) -> tuple[float, ...] | None: ...
    @property
    def orientation(self) -> str: ...
    @property
    def intensities(self) -> GreyValues: ...
    @property
    def findings(self) -> tuple[Finding, ...]: ...
