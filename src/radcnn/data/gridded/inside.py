"""What is done with NIfTI, MetaImage and NRRD files in a bounded child: facts become JSON, voxels a shared array."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from radcnn.data.bounded.tasks import Job
from radcnn.data.grid.facts import GridFacts, time_point
from radcnn.data.gridded.voxels import grid_into
from radcnn.data.itk.facts import itk_facts, load_simpleitk
from radcnn.data.nifti.facts import nifti_facts

FACTS: dict[str, Callable[[Path], GridFacts]] = {
    "nifti": nifti_facts,
    "mha": partial(itk_facts, form="mha"),
    "nrrd": partial(itk_facts, form="nrrd"),
}


def grids(job: Job) -> Iterator[Any]:
    """Facts of each file, with its voxels of one time point in the array that is asked for; args: form, item."""
    if job.args["form"] != "nifti":
        load_simpleitk()
    for path in map(Path, job.args["paths"]):
        with job.limited(path):
            facts = FACTS[job.args["form"]](path)
            time_point(path.name, facts, job.args["item"])
            voxels = job.room(facts.shape, np.dtype(facts.dtype))
            noticed = grid_into(path, facts, voxels, job.args["item"])
        yield {"facts": facts.as_json(), "noticed": [found.as_json() for found in noticed]}
