"""A file of one array of voxels as a Volume, read in a bounded child."""

from __future__ import annotations

from typing import Literal

import numpy as np

from radcnn.core.case import Source
from radcnn.core.errors import ReadError
from radcnn.data.bounded import one
from radcnn.data.findings import Finding
from radcnn.data.grid.facts import GridFacts, volume_of
from radcnn.data.reading import Reading

GridFormat = Literal["nifti", "mha", "nrrd"]


def read_grid(source: Source, form: GridFormat) -> Reading:
    """A NIfTI, MetaImage ("mha") or NRRD file, plain or packed, as (C, H, W) or (C, D, H, W), with what was noticed.

    One channel, or the three of RGB voxels; `source.item` names one time point of a 4D NIfTI, counted from 0. Stored
    numbers keep their type; where the header scales them they become float32, or float64 where float32 would merge
    neighbours. Units are "rgb" for colours, "mask" for what the header calls labels, "arbitrary" otherwise. Frame is
    "patient" where the header says the place, "image" where it says spacings alone, "unknown" otherwise.

    Raises ReadError when the file is damaged, too large, holds several time points and none is named, or is no image
    that can be read without loss; GeometryError when it contradicts itself about its place; InputError for MetaImage
    and NRRD when SimpleITK is not installed.
    """
    answer = one("grid file", source.path, {"form": form, "item": source.item})
    try:
        (said,), (room,) = answer.items, answer.rooms
        facts = GridFacts.from_json(said["facts"])
        noticed = tuple(Finding(**found) for found in said["noticed"])
        voxels = room.view(np.dtype(facts.dtype)).reshape(facts.shape)
    except (ValueError, KeyError, TypeError):  # a child that a file took over says something else
        raise ReadError(f"{source.path.name} is damaged: it could not be read; copy it again") from None
    return Reading(volume_of(facts, voxels), facts.findings + noticed)
