"""Labels that are images: masks from DICOM SEG, DICOM RTSTRUCT and image files, on their image's own grid.

    read.py        one way to read a mask; the file's first bytes choose how
    inside.py      what a bounded child does with a DICOM mask
    crossing.py    what it says, tested
    segments.py    what a DICOM SEG says, from its data set (in the child)
    bits.py        its frames of one bit per pixel, packed
    stacking.py    its frames on the image's grid, from plain facts
    contours.py    what a DICOM RTSTRUCT says, from its data set (in the child)
    outlining.py   its contours on the image's grid, from plain facts
    scanline.py    which pixel centres lie inside closed outlines
    lattice.py     whether two grids are the same voxels, perhaps in another order
    mask.py        what a mask is
    checking.py    findings about masks and boxes

Nothing is ever resampled: a mask lies on the voxels of its image, or is refused by name with the distance in mm.
"""
