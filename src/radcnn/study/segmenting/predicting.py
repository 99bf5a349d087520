"""`predict` of a network that outlines structures: masks on the image's own grid, as files and DICOM SEG; volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Source
from radcnn.core.errors import InputError, StorageError
from radcnn.core.files import refuse_taken, refuse_used, whole_folder, write_json
from radcnn.core.volume import Volume
from radcnn.data.listing import images_at
from radcnn.data.masks.writing import MASK_FILES, mask_endings, refuse_ending, write_mask
from radcnn.data.reading import Reading
from radcnn.inference.bundle import verify
from radcnn.inference.segmented import Outlined, outlined
from radcnn.inference.segmenter import Segmenter, load_segmenter
from radcnn.learning.execution import Execution, logits_of
from radcnn.metrics.shape import shapes_of
from radcnn.networks.image_network import ImageNetwork
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.study.each_image import file_words, of_each, read_aloud, target_names
from radcnn.study.listener import Listener
from radcnn.study.predicted import (
    FailedImage,
    MaskFile,
    OutlinedImage,
    OutlinedPart,
    OutlinedStructure,
    Point,
    VolumeInterval,
)
from radcnn.study.segmenting.cases import segmenting_execution

DESCRIPTION = "outlined by radcnn; research use only"
VOLUMES = "volumes.json"
COORDINATES = "LPS, mm"  # of every point that is told
MOST_PARTS = 20  # of a structure, that are told; all are counted


def outline_images(
    bundle: Path, images: Path, *, out: Path | str | None, series: str | None, allow_gaps: bool | None,
    hu: bool, listener: Listener,
) -> tuple[OutlinedImage | FailedImage, ...]:  # fmt: skip
    """Outline the structures in an image, a DICOM series or a folder of them.

    out  a .nii.gz, .nii or .png file for one image; or a new folder: a file for each image (NIfTI, or PNG and npz where
         millimetres are not known), a DICOM SEG beside it where it came as DICOM, and volumes.json

    An image of several that cannot be used is told with the reason, and the others are there. Raises InputError without
    `out`, for images in another unit than the network learned from, where `out` exists, and where two images would be
    written to one file.
    """
    if out is None:
        raise InputError("masks must be written somewhere; give --out FOLDER, or --out FILE.nii.gz")
    into, model = Path(out), verify(bundle)
    segmenter, networks = load_segmenter(bundle)
    execution = segmenting_execution(segmenter.segmentation)
    for network in networks:
        execution.place(network)
    found = images_at(images)
    work = _Work(segmenter, networks, execution, series or "", bool(allow_gaps), segmenter.hu or hu, listener)
    if into.name.endswith(MASK_FILES):
        if len(found) > 1:
            raise InputError(f"{len(found)} images do not go into one file; give a new folder with --out")
        if segmenter.segmentation.mask_labels is None:
            raise InputError("regions share voxels, so one file cannot hold them; give a new folder with --out")
        return (work.into_file(*found[0], into),)
    refuse_used(into)
    targets = target_names(found, work.parts)
    with whole_folder(into) as partial:
        made = of_each(
            found, targets, lambda name, item, target: work.into_folder(name, item, target, partial), "outlining",
            listener,
        )  # fmt: skip
        write_json(partial / VOLUMES, as_json(made, segmenter, model))
    return tuple(replace(one, folder=into) if isinstance(one, OutlinedImage) else one for one in made)


def labelled(masks: NDArray[np.bool_], volume: Volume, plan: SegmentationPlan) -> Volume:
    """Masks as one mask on the image's grid, by the labels that the plan writes."""
    written = plan.mask_labels
    assert written is not None, "asked before"
    by_name = dict(zip((one.name for one in plan.structures), masks, strict=True))
    labels = np.zeros(volume.size, np.uint8 if max(written.values()) < 256 else np.uint16)
    for name, label in written.items():
        labels[by_name[name]] = label
    return Volume(labels[None], volume.affine, "mask", volume.frame)


def as_json(found: Sequence[OutlinedImage | FailedImage], segmenter: Segmenter, model: str) -> dict[str, Any]:
    """Every image with the volumes of its structures, and by which network: the hash of its bundle."""
    return {
        "synthetic": segmenter.synthetic, "research_use_only": True, "model": model, "coordinates": COORDINATES,
        "images": [one.as_json() for one in found],
    }  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Work:
    """What outlines images, and how they are read."""

    segmenter: Segmenter
    networks: list[ImageNetwork]
    execution: Execution
    series: str
    allow_gaps: bool
    hu: bool
    listener: Listener

    @property
    def plan(self) -> SegmentationPlan:
        return self.segmenter.segmentation

    @property
    def names(self) -> tuple[str, ...]:
        """Of the structures."""
        return tuple(one.name for one in self.plan.structures)

    @property
    def parts(self) -> tuple[str, ...]:
        """What is put after an image's name: nothing, or each structure where it has a file of its own."""
        return ("",) if self.plan.mask_labels is not None else tuple(f"-{word}" for word in file_words(self.names))

    def into_file(self, name: str, item: Path, path: Path) -> OutlinedImage:
        """Outline an image into one file; whether it can hold the mask is asked before anything is computed."""
        refuse_taken(path)
        volume, read = self._read(name, item)
        refuse_ending(path, volume)
        made = self._outlined(volume)
        write_mask(labelled(made.masks, volume, self.plan), path)
        labels = self.plan.mask_labels or {}
        files = {structure: MaskFile(PurePath(path.name), labels[structure]) for structure in self.names}
        return self._told(name, item, made, volume, read, files, path.parent)

    def into_folder(self, name: str, item: Path, target: str, folder: Path) -> OutlinedImage:
        """Outline an image into files below a folder whose names begin with `target`."""
        volume, read = self._read(name, item)
        made = self._outlined(volume)
        files = self._write(made.masks, volume, target, folder)
        seg, why = None, ""
        if read.files:
            seg = PurePath(f"{target}.dcm")
            why = self._write_segments(name, made.masks, volume, read, folder / seg)
            seg = None if why else seg
        return self._told(name, item, made, volume, read, files, folder, seg, why)

    def _read(self, name: str, item: Path) -> tuple[Volume, Reading]:
        """An image, and what its reader found."""
        source = Source(item, series=self.series, allow_gaps=self.allow_gaps)
        return read_aloud(name, source, self.plan.units, hu=self.hu, listener=self.listener)

    def _outlined(self, volume: Volume) -> Outlined:
        return outlined(self.networks, volume, self.plan, logits_of=lambda n, x: logits_of(n, x, self.execution))

    def _write(self, masks: NDArray[np.bool_], volume: Volume, target: str, folder: Path) -> dict[str, MaskFile]:
        """One file of all structures, or one for each of several regions."""
        ending, labels = mask_endings(volume)[0], self.plan.mask_labels
        paths = [PurePath(f"{target}{part}{ending}") for part in self.parts]
        if labels is not None:
            write_mask(labelled(masks, volume, self.plan), folder / paths[0])
            return {name: MaskFile(paths[0], labels[name]) for name in self.names}
        for mask, path in zip(masks, paths, strict=True):
            write_mask(Volume(mask[None].view(np.uint8), volume.affine, "mask", volume.frame), folder / path)
        return {name: MaskFile(path, 1) for name, path in zip(self.names, paths, strict=True)}

    def _write_segments(self, name: str, masks: NDArray[np.bool_], volume: Volume, read: Reading, path: Path) -> str:
        """A SEG of a DICOM series; where there cannot be one, why: the masks are there all the same."""
        from radcnn.data.dicom.outlined import write_segments

        try:
            write_segments(masks, self.names, volume, read.files, path, DESCRIPTION)
        except StorageError:
            raise
        except InputError as cause:
            self.listener.say(f"{name}: no DICOM SEG was written: {cause}")
            return str(cause)
        return ""

    def _told(
        self, name: str, item: Path, made: Outlined, volume: Volume, read: Reading, files: dict[str, MaskFile],
        folder: Path, seg: PurePath | None = None, why: str = "",
    ) -> OutlinedImage:  # fmt: skip
        structures = {
            structure: self._structure(structure, mask, expected, volume, read.numbers, files[structure])
            for structure, mask, expected in zip(self.names, made.masks, made.expected, strict=True)
        }
        return OutlinedImage(
            name, structures, folder, self.segmenter.synthetic, volume.rank == 3, seg, why, read.nameless(item)
        )

    def _structure(
        self, name: str, mask: NDArray[np.bool_], expected: float, volume: Volume, numbers: Sequence[int | None],
        file: MaskFile,
    ) -> OutlinedStructure:  # fmt: skip
        voxels = int(np.count_nonzero(mask))
        cut_off = volume.rank == 3 and bool(mask[0].any() or mask[-1].any())
        if volume.voxel_ml is None:
            return OutlinedStructure(file, voxels, expected, cut_off=cut_off)
        ml, errors = voxels * volume.voxel_ml, self.segmenter.volume_errors.get(name)
        parts, many = parts_of(mask, volume, numbers)
        interval = None if errors is None else VolumeInterval(*errors.about(ml), errors.level)
        return OutlinedStructure(file, voxels, expected, ml, cut_off, parts, many, interval)


def parts_of(
    mask: NDArray[np.bool_], volume: Volume, numbers: Sequence[int | None] = ()
) -> tuple[tuple[OutlinedPart, ...], int]:
    """The largest parts of a structure in an image whose millimetres are known, and how many it has in all.

    numbers  InstanceNumber of each slice that was read; not told where others were made of them
    """
    assert volume.spacing_mm is not None, "asked before"
    found, many = shapes_of(mask, volume.spacing_mm, voxel_ml=volume.voxel_ml, most=MOST_PARTS)
    told = numbers if len(numbers) == len(mask) else [None] * len(mask)
    parts = (
        OutlinedPart(one, cast("Point", tuple(volume.world(one.centre).tolist())), told[one.slice]) for one in found
    )
    return tuple(parts), many
