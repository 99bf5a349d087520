"""NIfTI, MetaImage and NRRD files read: in a bounded child, the voxels straight into a given array."""
