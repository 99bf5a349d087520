"""`lowdose`: a CT scan as a lower dose would have shown it, read from any file and written as NIfTI."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from radcnn.core.case import Source
from radcnn.core.catalogue import look_up
from radcnn.core.chance import generator
from radcnn.core.errors import InputError
from radcnn.data.nifti import check_nifti_place, write_nifti
from radcnn.data.read import read_noted
from radcnn.physics.kernels import KERNELS
from radcnn.physics.lower_dose import Lowered, lower_dose
from radcnn.study.listener import SILENCE, Listener


def lowdose(
    path: Path | str,
    *,
    dose: float = 0.25,
    out: Path | str | None = None,
    kernel: str = "soft",
    series: str | None = None,
    hu: bool = False,
    seed: int = 0,
    listener: Listener = SILENCE,
) -> Lowered:
    """The scan in a file, or a folder with a DICOM series, as this share of its dose would have shown it.

    dose    the share, above 0 and below 1
    out     a .nii or .nii.gz file to write it to, in whole HU as scanners store them
    kernel  how sharp the scan is taken to be: "soft", "sharp" or another of `physics.kernels`
    series  which series of a DICOM folder
    hu      take the values of a file that does not say so (NIfTI, MetaImage) for HU

    The volume keeps its grid. Raises InputError for another ending and for images that are not CT in HU,
    GeometryError for pixels that are not square or of unknown size, SettingsError for another share or kernel.
    """
    if out is not None:
        check_nifti_place(out)
    sharpness = look_up(KERNELS, kernel, "kernel")
    volume = read_noted(Source(Path(path), series=series or "")).volume
    if volume.units == "arbitrary" and hu:
        volume = replace(volume, units="HU")
    if volume.units == "arbitrary":
        raise InputError(f"{Path(path).name} does not say that its values are HU; say so with --hu if they are")
    listener.progress("lowering the dose", 0, 1)
    found = lower_dose(volume, dose, kernel=sharpness, chance=generator(seed, "lower dose"))
    listener.progress("lowering the dose", 1, 1)
    whole = found.volume.with_voxels(found.volume.voxels.round().clip(-32768, 32767).astype("int16"))
    found = replace(found, volume=whole)
    if out is not None:
        write_nifti(found.volume, out)
    return found
