"""What is done with a DICOM file inside a bounded child to de-identify it: a child writes no file, so bytes cross."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from radcnn.data.bounded.tasks import Job
from radcnn.data.dicom.deidentify.object import LeftOut, clean
from radcnn.data.dicom.deidentify.profile import Options, profile
from radcnn.data.dicom.deidentify.secret import Secret
from radcnn.data.dicom.deidentify.types import types_of

AS_OBJECTS = 4  # times what reading takes: contours, decimals in text, become objects of 50 bytes for each byte
ANY_KIND = "1.2.840.10008.5.1.4.1.1.2"

profile(), types_of(ANY_KIND)  # the tables take a second to read, which is charged to no file


def cleaned(job: Job) -> Iterator[Any]:
    """Of each file {"cleaned": Cleaned}, the new file's bytes in a room, or {"left_out": LeftOut}.

    args: secret, and the fields of Options as options.
    """
    secret, options = Secret(job.args["secret"]), Options(**job.args["options"])
    for path in map(Path, job.args["paths"]):
        with job.limited(path, AS_OBJECTS):
            said = _cleaned(path, job, secret, options)
        yield said


def _cleaned(path: Path, job: Job, secret: Secret, options: Options) -> Any:
    made = clean(path, secret=secret, options=options)
    if isinstance(made, LeftOut):
        return {"left_out": asdict(made)}
    found, content = made
    job.room((len(content),), np.uint8)[:] = content
    return {"cleaned": asdict(found)}
