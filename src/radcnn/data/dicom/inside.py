"""What is done with DICOM files inside a bounded child: headers become plain values, pixels go into shared memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pydicom.pixels  # noqa: F401  (loaded before any file, so that its seconds count for none)

from radcnn.data.bounded.tasks import Job, per_file
from radcnn.data.dicom.header import identity_of, place_of


def identities(job: Job) -> Iterator[Any]:
    """The Identity of each file."""
    return per_file(job, lambda path: asdict(identity_of(path)))


def places(job: Job) -> Iterator[Any]:
    """The Place of each file, or None."""

    def one(path: Path) -> Any:
        found = place_of(path)
        return None if found is None else asdict(found)

    return per_file(job, one)
