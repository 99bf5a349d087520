"""A Reading: an image with what its reader noticed while it was read."""

from __future__ import annotations

from dataclasses import dataclass

from radcnn.core.volume import Volume
from radcnn.data.findings import Finding


@dataclass(frozen=True, eq=False)
class Reading:
    """A Volume, and the findings that go with it: what was chosen, resampled or contradicted itself."""

    volume: Volume
    findings: tuple[Finding, ...] = ()
