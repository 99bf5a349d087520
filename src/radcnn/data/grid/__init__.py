"""Files of one array of voxels behind a header: what their headers say, whichever format writes them."""

from radcnn.data.grid.facts import GridFacts, time_point, volume_of

__all__ = ["GridFacts", "time_point", "volume_of"]
