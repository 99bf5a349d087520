"""`predict` of a network that restores images: the image itself, on its own grid, as DICOM or NIfTI."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radcnn.core.case import Source
from radcnn.core.errors import InputError
from radcnn.core.files import refuse_used, whole_folder
from radcnn.core.volume import Volume
from radcnn.data.listing import images_at
from radcnn.data.matching import stem
from radcnn.data.nifti import check_nifti_place, write_nifti
from radcnn.data.prepared.pairs import one_channel
from radcnn.data.units import read_in_unit
from radcnn.inference.restored import restored
from radcnn.inference.restorer import Restorer, load_restorer
from radcnn.learning.execution import Execution, logits_of
from radcnn.networks.image_network import ImageNetwork
from radcnn.study.listener import Listener
from radcnn.study.predicted import RestoredImage
from radcnn.study.restoring.execution import restoring_execution

DESCRIPTION = "restored by radcnn"


def restore_images(
    bundle: Path, images: Path, *, out: Path | str | None, series: str | None, allow_gaps: bool | None,
    hu: bool, listener: Listener,
) -> tuple[RestoredImage, ...]:  # fmt: skip
    """Restore an image, a DICOM series or a folder of them.

    out  a .nii or .nii.gz file for one image; a new folder for several, or for one DICOM series that stays DICOM

    Raises InputError without `out`, for images in another unit than the network learned from, and where `out` exists.
    """
    if out is None:
        raise InputError("a restored image must be written somewhere; give --out FILE.nii.gz, or --out FOLDER")
    into = Path(out)
    restorer, networks = load_restorer(bundle)
    execution = restoring_execution(restorer.restoration)
    for network in networks:
        execution.place(network)
    found = images_at(images)
    one_file = into.name.endswith((".nii", ".nii.gz"))
    if one_file and len(found) > 1:
        raise InputError(f"{len(found)} images do not go into one file; give a new folder with --out")
    if one_file:
        check_nifti_place(into)
        volume, _ = _restored(found[0][1], restorer, networks, execution, series, allow_gaps, hu)
        write_nifti(volume, into)
        return (RestoredImage(found[0][0], into, restorer.synthetic),)
    refuse_used(into)
    made = []
    with whole_folder(into) as partial:
        for done, (name, item) in enumerate(found, start=1):
            volume, files = _restored(item, restorer, networks, execution, series, allow_gaps, hu)
            below = stem(name) if files else Path(name).parent
            written = _write(volume, files, name, partial / below if len(found) > 1 else partial)
            made.append(RestoredImage(name, into / written.relative_to(partial), restorer.synthetic))
            listener.progress("restoring", done, len(found))
    return tuple(made)


def _restored(
    item: Path, restorer: Restorer, networks: list[ImageNetwork], execution: Execution, series: str | None,
    allow_gaps: bool | None, hu: bool,
) -> tuple[Volume, tuple[Path, ...]]:  # fmt: skip
    """One image, restored, in whole HU as scanners store them; and the DICOM file of each of its slices."""
    plan = restorer.restoration
    source = Source(item, series=series or "", allow_gaps=bool(allow_gaps))
    volume, read = read_in_unit(source, plan.units, hu=restorer.hu or hu)
    volume = one_channel(volume)
    if volume.rank < plan.dims:
        raise InputError(f"{item.name} is one slice, but the network restores volumes")
    values = restored(networks, volume.voxels[0], plan, outputs_of=lambda n, x: logits_of(n, x, execution))
    if plan.units == "HU":
        values = np.clip(np.rint(values), -32768, 32767).astype(np.int16)
    return volume.with_voxels(values[None]), read.files


def _write(volume: Volume, files: tuple[Path, ...], name: str, folder: Path) -> Path:
    """A DICOM series stays one; other images become NIfTI files."""
    if files:
        from radcnn.data.dicom.derived import Derivation, write_derived

        folder.mkdir(parents=True, exist_ok=True)
        write_derived(volume, files, folder, Derivation(f"{DESCRIPTION}; research use only", DESCRIPTION))
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem(Path(name).name)}.nii.gz"
    write_nifti(volume, path)
    return path
