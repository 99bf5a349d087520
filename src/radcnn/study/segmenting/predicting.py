"""`predict` of a network that outlines structures: masks on the image's own grid, as NIfTI and DICOM SEG; volumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Source
from radcnn.core.errors import InputError
from radcnn.core.files import refuse_used, whole_folder, write_json
from radcnn.core.volume import Volume
from radcnn.data.listing import images_at
from radcnn.data.matching import stem
from radcnn.data.nifti import check_nifti_place, write_nifti
from radcnn.data.units import read_in_unit
from radcnn.inference.segmented import Outlined, outlined
from radcnn.inference.segmenter import Segmenter, load_segmenter
from radcnn.learning.execution import Execution, logits_of
from radcnn.metrics.shape import shapes_of
from radcnn.networks.image_network import ImageNetwork
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.study.listener import Listener
from radcnn.study.predicted import OutlinedImage, OutlinedPart, Point, VolumeInterval
from radcnn.study.segmenting.cases import segmenting_execution

DESCRIPTION = "outlined by radcnn; research use only"
VOLUMES = "volumes.json"
MOST_PARTS = 20  # of a structure, that are told


def outline_images(
    bundle: Path, images: Path, *, out: Path | str | None, series: str | None, allow_gaps: bool | None,
    hu: bool, listener: Listener,
) -> tuple[OutlinedImage, ...]:  # fmt: skip
    """Outline the structures in an image, a DICOM series or a folder of them.

    out  a .nii or .nii.gz file for one image; or a new folder: a NIfTI file for each image, a DICOM SEG beside it where
         it came as DICOM, and volumes.json

    Raises InputError without `out`, for images in another unit than the network learned from, and where `out` exists.
    """
    if out is None:
        raise InputError("masks must be written somewhere; give --out FOLDER, or --out FILE.nii.gz")
    into = Path(out)
    segmenter, networks = load_segmenter(bundle)
    execution = segmenting_execution(segmenter.segmentation)
    for network in networks:
        execution.place(network)
    found = images_at(images)
    if into.name.endswith((".nii", ".nii.gz")):
        if len(found) > 1:
            raise InputError(f"{len(found)} images do not go into one file; give a new folder with --out")
        if segmenter.segmentation.mask_labels is None:
            raise InputError("regions share voxels, so one file cannot hold them; give a new folder with --out")
        check_nifti_place(into)
        volume, _, made = _outlined(found[0][1], segmenter, networks, execution, series, allow_gaps, hu)
        write_nifti(labelled(made.masks, volume, segmenter.segmentation), into)
        return (_told(found[0][0], into, made, volume, segmenter),)
    refuse_used(into)
    images_told = []
    with whole_folder(into) as partial:
        for done, (name, item) in enumerate(found, start=1):
            volume, files, made = _outlined(item, segmenter, networks, execution, series, allow_gaps, hu)
            below = Path(name).parent / stem(Path(name).name)
            path = partial / below.with_name(f"{below.name}.nii.gz")
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(made.masks, volume, files, segmenter.segmentation, path)
            images_told.append(_told(name, into / path.relative_to(partial), made, volume, segmenter))
            listener.progress("outlining", done, len(found))
        write_json(partial / VOLUMES, as_json(images_told, segmenter))
    return tuple(images_told)


def labelled(masks: NDArray[np.bool_], volume: Volume, plan: SegmentationPlan) -> Volume:
    """Masks as one mask on the image's grid, by the labels that the plan writes."""
    written = plan.mask_labels
    assert written is not None, "asked before"
    by_name = dict(zip((one.name for one in plan.structures), masks, strict=True))
    labels = np.zeros(volume.size, np.uint8 if max(written.values()) < 256 else np.uint16)
    for name, label in written.items():
        labels[by_name[name]] = label
    return Volume(labels[None], volume.affine, "mask", volume.frame)


def as_json(found: list[OutlinedImage], segmenter: Segmenter) -> dict[str, Any]:
    """Every image with the volumes of its structures."""
    return {
        "synthetic": segmenter.synthetic, "research_use_only": True, "images": [one.as_json() for one in found],
    }  # fmt: skip


def _outlined(
    item: Path, segmenter: Segmenter, networks: list[ImageNetwork], execution: Execution, series: str | None,
    allow_gaps: bool | None, hu: bool,
) -> tuple[Volume, tuple[Path, ...], Outlined]:  # fmt: skip
    """An image, the DICOM file of each of its slices, and its structures."""
    plan = segmenter.segmentation
    source = Source(item, series=series or "", allow_gaps=bool(allow_gaps))
    volume, read = read_in_unit(source, plan.units, hu=segmenter.hu or hu)
    made = outlined(networks, volume, plan, logits_of=lambda n, x: logits_of(n, x, execution))
    return volume, read.files, made


def _write(
    masks: NDArray[np.bool_], volume: Volume, files: tuple[Path, ...], plan: SegmentationPlan, path: Path
) -> None:
    """A NIfTI file, or one for each of several regions; of a DICOM series a SEG beside it."""
    if plan.mask_labels is not None:
        write_nifti(labelled(masks, volume, plan), path)
    else:
        for one, mask in zip(plan.structures, masks, strict=True):
            name = f"{path.name.removesuffix('.nii.gz')}-{one.name.replace(' ', '-')}.nii.gz"
            write_nifti(Volume(mask[None].astype(np.uint8), volume.affine, "mask", volume.frame), path.with_name(name))
    if files:
        from radcnn.data.dicom.outlined import write_segments

        names = [one.name for one in plan.structures]
        write_segments(
            masks, names, volume, files, path.with_name(path.name.removesuffix(".nii.gz") + ".dcm"), DESCRIPTION
        )


def _told(name: str, path: Path, made: Outlined, volume: Volume, segmenter: Segmenter) -> OutlinedImage:
    ml = volume.voxel_ml
    names = [one.name for one in segmenter.segmentation.structures]
    counts = {structure: int(mask.sum()) for structure, mask in zip(names, made.masks, strict=True)}
    expected = dict(zip(names, made.expected, strict=True))
    if ml is None:
        return OutlinedImage(name, path, counts, None, segmenter.synthetic, expected=expected)
    volumes = {structure: count * ml for structure, count in counts.items()}
    parts = {structure: parts_of(mask, volume) for structure, mask in zip(names, made.masks, strict=True)}
    intervals = {
        structure: VolumeInterval(*errors.about(volumes[structure]), errors.level)
        for structure, errors in segmenter.volume_errors.items()
    }
    return OutlinedImage(name, path, counts, volumes, segmenter.synthetic, parts, intervals, expected)


def parts_of(mask: NDArray[np.bool_], volume: Volume) -> tuple[OutlinedPart, ...]:
    """The largest parts of a structure in an image whose millimetres are known."""
    assert volume.spacing_mm is not None, "asked before"
    found = shapes_of(mask, volume.spacing_mm, voxel_ml=volume.voxel_ml, most=MOST_PARTS).largest
    return tuple(OutlinedPart(one, cast("Point", tuple(volume.world(one.centre).tolist()))) for one in found)
