"""Files of one array of voxels behind a header: what they hold, and the voxels read into a given array."""

from radcnn.data.grid.facts import GridFacts, time_point, volume_of
from radcnn.data.grid.voxels import grid_into

__all__ = ["GridFacts", "grid_into", "time_point", "volume_of"]
