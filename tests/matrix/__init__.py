"""Reading, proven: synthetic DICOM with a known truth, what each reader makes of it, and by how much that is wrong.

grid      where the voxels of a volume truly are
phantom   what they truly hold: levels of value, and ramps that say where each voxel is
objects   DICOM objects written from that
codings   their pixels in every transfer syntax
rows      the catalogue: one row per case of docs/reading.md
readers   radcnn and its peers, each called as its own documentation says
judging   a reader's array and affine against the truth, in mm and in units of value
worker    a reader in a process of its own: some crash, some hang
"""
