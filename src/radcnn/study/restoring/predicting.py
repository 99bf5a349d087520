"""`predict` of a network that restores images: the image itself, on its own grid, as DICOM or NIfTI."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from radcnn.core.case import Source
from radcnn.core.errors import InputError, StorageError
from radcnn.core.files import refuse_used, whole_folder
from radcnn.core.volume import Volume
from radcnn.data.listing import images_at
from radcnn.data.nifti import check_nifti_place, write_nifti
from radcnn.data.prepared.pairs import one_channel
from radcnn.inference.restored import restored
from radcnn.inference.restorer import Restorer, load_restorer
from radcnn.learning.execution import Execution, logits_of
from radcnn.networks.image_network import ImageNetwork
from radcnn.study.each_image import of_each, read_aloud, target_names
from radcnn.study.listener import Listener
from radcnn.study.predicted import FailedImage, RestoredImage
from radcnn.study.restoring.execution import restoring_execution

DESCRIPTION = "restored by radcnn"


def restore_images(
    bundle: Path, images: Path, *, out: Path | str | None, series: str | None, allow_gaps: bool | None,
    hu: bool, listener: Listener,
) -> tuple[RestoredImage | FailedImage, ...]:  # fmt: skip
    """Restore an image, a DICOM series or a folder of them.

    out  a .nii or .nii.gz file for one image; a new folder for several, or for one DICOM series that stays DICOM where
         that can be

    An image of several that cannot be used is told with the reason, and the others are there. Raises InputError without
    `out`, for images in another unit than the network learned from, where `out` exists, and where two images would be
    written to one file.
    """
    if out is None:
        raise InputError("a restored image must be written somewhere; give --out FILE.nii.gz, or --out FOLDER")
    into = Path(out)
    restorer, networks = load_restorer(bundle)
    execution = restoring_execution(restorer.restoration)
    for network in networks:
        execution.place(network)
    found = images_at(images)
    work = _Work(restorer, networks, execution, series or "", bool(allow_gaps), restorer.hu or hu, listener)
    if into.name.endswith((".nii", ".nii.gz")):
        if len(found) > 1:
            raise InputError(f"{len(found)} images do not go into one file; give a new folder with --out")
        check_nifti_place(into)
        volume, _ = work.restored(*found[0], as_nifti=True)
        write_nifti(volume, into)
        return (RestoredImage(found[0][0], into, restorer.synthetic),)
    refuse_used(into)
    targets = target_names(found)
    with whole_folder(into) as partial:
        alone = len(found) == 1
        made = of_each(
            found, targets, lambda name, item, target: work.into_folder(name, item, target, partial, alone),
            "restoring", listener,
        )  # fmt: skip
    return tuple(
        replace(one, path=into / one.path.relative_to(partial)) if isinstance(one, RestoredImage) else one
        for one in made
    )


@dataclass(frozen=True, eq=False)
class _Work:
    """What restores images, and how they are read."""

    restorer: Restorer
    networks: list[ImageNetwork]
    execution: Execution
    series: str
    allow_gaps: bool
    hu: bool
    listener: Listener

    def restored(self, name: str, item: Path, *, as_nifti: bool) -> tuple[Volume, tuple[Path, ...]]:
        """One image, restored, in whole HU as scanners store them; and the DICOM file of each of its slices."""
        plan = self.restorer.restoration
        source = Source(item, series=self.series, allow_gaps=self.allow_gaps)
        volume, read = read_aloud(name, source, plan.units, hu=self.hu, listener=self.listener)
        volume = one_channel(volume)
        if volume.affine is None and (as_nifti or not read.files):
            raise InputError(
                f"the size of the voxels of {item.name} is not known, and NIfTI, as which a restored image is written, "
                "cannot say so; give it as NIfTI or DICOM"
            )
        if volume.rank < plan.dims:
            raise InputError(f"{item.name} is one slice, but the network restores volumes")
        values = restored(
            self.networks, volume.voxels[0], plan, outputs_of=lambda n, x: logits_of(n, x, self.execution)
        )
        if plan.units == "HU":
            values = np.clip(np.rint(values), -32768, 32767).astype(np.int16)
        return volume.with_voxels(values[None]), read.files

    def into_folder(self, name: str, item: Path, target: str, folder: Path, alone: bool) -> RestoredImage:
        """Restore an image into a folder: a DICOM series stays one where it can, the slices of one `alone` in it."""
        volume, files = self.restored(name, item, as_nifti=False)
        series, why = folder if alone else folder / target, ""
        if files:
            why = _write_series(volume, files, series)
            if not why:
                return RestoredImage(name, series, self.restorer.synthetic)
            self.listener.say(f"{name} is written as NIfTI, and not as DICOM: {why}")
        path = folder / f"{target}.nii.gz"
        write_nifti(volume, path)
        return RestoredImage(name, path, self.restorer.synthetic, why)


def _write_series(volume: Volume, files: tuple[Path, ...], folder: Path) -> str:
    """A DICOM series that stays one, in a new folder; where it cannot, why, and nothing is left of it."""
    from radcnn.data.dicom.derived import Derivation, write_derived

    try:
        with whole_folder(folder) as partial:
            write_derived(volume, files, partial, Derivation(f"{DESCRIPTION}; research use only", DESCRIPTION))
    except StorageError:
        raise
    except InputError as cause:
        return str(cause)
    return ""
