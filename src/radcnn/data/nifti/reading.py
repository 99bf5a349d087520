"""A NIfTI file as a Volume: what its header says, then its voxels."""

from __future__ import annotations

import numpy as np

from radcnn.core.case import Source
from radcnn.core.volume import Volume
from radcnn.data.grid.facts import time_point, volume_of
from radcnn.data.grid.voxels import grid_into
from radcnn.data.nifti.facts import nifti_facts
from radcnn.data.reading import Reading


def read_nifti(source: Source) -> Volume:
    """A NIfTI-1 or NIfTI-2 file, plain or gzipped, as Volume (C, H, W) or (C, D, H, W); see `read_nifti_reading`."""
    return read_nifti_reading(source).volume


def read_nifti_reading(source: Source) -> Reading:
    """A NIfTI-1 or NIfTI-2 file, plain or gzipped, with what was noticed in it.

    One channel, or the three of RGB voxels; `source.item` names one time point of a 4D file, counted from 0. Stored
    numbers keep their type; where the header scales them they become float32, or float64 where float32 would merge
    neighbours. Units are "rgb" for colours, "mask" for what the header calls labels, "arbitrary" otherwise. An affine
    from sform or qform gives frame "patient", spacings alone give "image".

    Raises ReadError when the file is damaged, too large, holds several time points and none is named, or is no image
    that can be read without loss; GeometryError when it contradicts itself about its place.
    """
    facts = nifti_facts(source.path)
    time_point(source.path.name, facts, source.item)
    voxels = np.empty(facts.shape, facts.dtype)
    noticed = grid_into(source.path, facts, voxels, source.item)
    return Reading(volume_of(facts, voxels), facts.findings + noticed)
