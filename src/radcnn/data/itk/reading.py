"""A MetaImage or NRRD file as a Volume."""

from __future__ import annotations

import numpy as np

from radcnn.core.case import Source
from radcnn.core.volume import Volume
from radcnn.data.grid.facts import volume_of
from radcnn.data.grid.voxels import grid_into
from radcnn.data.itk.facts import ItkFormat, itk_facts
from radcnn.data.reading import Reading


def read_itk(source: Source, form: ItkFormat) -> Volume:
    """A MetaImage ("mha") or NRRD ("nrrd") file as Volume (C, H, W) or (C, D, H, W); see `read_itk_reading`."""
    return read_itk_reading(source, form).volume


def read_itk_reading(source: Source, form: ItkFormat) -> Reading:
    """A MetaImage or NRRD file with what was noticed in it; stored numbers keep their type, colours become channels.

    Frame "patient" where the header has direction, origin and a space of the patient, "image" where it has spacings.
    Raises InputError when SimpleITK is not installed, otherwise as `itk_facts` and `grid_into`.
    """
    facts = itk_facts(source.path, form)
    voxels = np.empty(facts.shape, facts.dtype)
    noticed = grid_into(source.path, facts, voxels)
    return Reading(volume_of(facts, voxels), facts.findings + noticed)
