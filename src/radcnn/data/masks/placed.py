"""`mask`: a mask and its image, both as files, to a mask on the image's own voxels."""

from __future__ import annotations

from pathlib import Path

from radcnn.core.case import Source
from radcnn.core.errors import InputError
from radcnn.core.files import reading
from radcnn.data.masks.mask import Mask
from radcnn.data.masks.read import frame_of_reference_of, read_mask
from radcnn.data.masks.stacking import Overlap
from radcnn.data.nifti import check_nifti_place, write_nifti
from radcnn.data.read import read_noted


def mask(
    path: Path | str,
    image: Path | str,
    *,
    segment: str | None = None,
    overlap: Overlap = "refuse",
    series: str | None = None,
    out: Path | str | None = None,
) -> Mask:
    """The mask in a file (DICOM SEG, RTSTRUCT, NIfTI, npz, PNG) on the voxels of its image.

    image    the image's file, or the folder of its DICOM series
    segment  one segment or ROI alone, by number or name
    overlap  two labels in one voxel: "refuse" them, or let the "higher" number win
    series   which series of the image's folder
    out      a .nii or .nii.gz file to write the mask to

    Raises MisfitError when the mask does not lie on the image's voxels, by how many mm; InputError when labels overlap.
    """
    if overlap not in ("refuse", "higher"):
        raise InputError(f"overlap must be 'refuse' or 'higher', got {overlap!r}")
    if out is not None:
        check_nifti_place(out)
    for place in (Path(path), Path(image)):
        with reading(place):
            if not place.exists():
                raise InputError(f"{place} does not exist; give a mask, then its image")
    chosen = int(segment) if segment is not None and segment.isdecimal() else segment
    like = read_noted(Source(Path(image), series=series or ""))
    found = read_mask(
        path, like.volume, segment=chosen, overlap=overlap, frame_of_reference=frame_of_reference_of(like.files)
    )
    if out is not None:
        write_nifti(found.volume, out)
    return found
