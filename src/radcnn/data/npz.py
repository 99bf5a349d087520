"""npz files: MedMNIST's form (images and labels per side), a stack of images, or one image or volume.

    MedMNIST   {train,val,test}_images (n, H, W[, 3]) or (n, D, H, W[, 3]) and {train,val,test}_labels (n, k)
    a stack    images (n, ...) and, where known, labels (n, k)
    one image  any other array: (H, W[, 3]) or (D, H, W)

A stack is unpacked once per process, however many of its images are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Side, Source
from radcnn.core.errors import ReadError
from radcnn.core.volume import Units, Volume
from radcnn.data.archive import Headers, headers, unpacked, usable

KEPT_STACKS = 6  # unpacked stacks kept per process: the three sides of a study and of an external test
MEDMNIST_SIDES: dict[str, Side] = {"train": "training", "val": "tuning", "test": "test"}


@dataclass(frozen=True)
class NpzStack:
    """A stack of images in an npz file.

    array   its name, for example "train_images"
    side    "training", "tuning", "test", or None where the file has no sides
    n       images
    size    voxels per spatial axis of one image, (H, W) or (D, H, W)
    channels  1, or 3 for colour
    dtype   of the stored numbers, for example "uint8"
    labels  the name of its labels' array, or None
    """

    array: str
    side: Side | None
    n: int
    size: tuple[int, ...]
    channels: int
    dtype: str
    labels: str | None

    @property
    def rank(self) -> int:
        """Spatial rank: 2 or 3."""
        return len(self.size)


@dataclass(frozen=True)
class NpzStudy:
    """What an npz file holds: its stacks, in the order training, tuning, test."""

    path: Path
    stacks: tuple[NpzStack, ...]

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides it has; empty for a stack without sides."""
        return tuple(stack.side for stack in self.stacks if stack.side is not None)

    def labels(self, stack: NpzStack) -> NDArray:
        """Labels (n, k) of a stack in their stored type; raises ReadError when it has none or they do not fit."""
        if stack.labels is None:
            wanted = stack.array.replace("images", "labels")
            raise ReadError(f"{self.path.name} has {stack.array} but no {wanted}; add the labels' array")
        labels = unpacked(self.path, stack.labels)
        labels = labels[:, None] if labels.ndim == 1 else labels
        if labels.ndim != 2 or len(labels) != stack.n:
            raise ReadError(
                f"{stack.labels} of {self.path.name} must be ({stack.n}, k), one row per image, got {labels.shape}"
            )
        return labels

    def images(self, stack: NpzStack) -> NDArray:
        """All images of a stack as stored, (n, H, W[, 3]) or (n, D, H, W[, 3]); read-only and shared."""
        return _kept(self.path, stack.array)

    def source(self, stack: NpzStack, item: int) -> Source:
        """Where image `item` of a stack is."""
        return Source(self.path, stack.array, item)


def open_npz(path: Path | str) -> NpzStudy:
    """The stacks of an npz file, from its headers alone.

    Raises ReadError when it is no npz file, holds no stack of images, or its images or labels cannot be used.
    """
    path = Path(path)
    shapes = headers(path)
    stacks = [_stack(path, shapes, f"{word}_images", side) for word, side in MEDMNIST_SIDES.items()]
    found = [stack for stack in stacks if stack is not None]
    if not found and (plain := _stack(path, shapes, "images", None)) is not None:
        found = [plain]
    if not found:
        raise ReadError(
            f"{path.name} holds no stack of images; MedMNIST's form has train_images, val_images, test_images "
            f"and their labels, found were {', '.join(sorted(shapes)) or 'no arrays'}"
        )
    return NpzStudy(path, tuple(found))


def _stack(path: Path, shapes: Headers, name: str, side: Side | None) -> NpzStack | None:
    if name not in shapes:
        return None
    found = usable(path, name, shapes)
    size, channels = _image_form(path, name, found.shape[1:])
    if found.shape[0] == 0:
        raise ReadError(f"{name} of {path.name} holds no images; leave the array away or fill it")
    labels = name.replace("images", "labels")
    if labels in shapes:
        usable(path, labels, shapes)
    return NpzStack(name, side, found.shape[0], size, channels, str(found.dtype), labels if labels in shapes else None)


def _image_form(path: Path, name: str, shape: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """Spatial size and channels of one image of this shape: a last axis of 3 is colour."""
    channels = 3 if len(shape) in (3, 4) and shape[-1] == 3 else 1
    size = shape[:-1] if channels == 3 else shape
    if len(size) not in (2, 3) or 0 in size:
        raise ReadError(
            f"an image of {name} in {path.name} must be (rows, columns), (slices, rows, columns) or these with "
            f"3 colours, got {shape}"
        )
    return size, channels


@lru_cache(maxsize=KEPT_STACKS)
def _kept_version(path: Path, name: str, version: tuple[int, int]) -> NDArray:
    """A stack of a file as it was at this version, its time of change and size."""
    assert len(version) == 2, "time and size"
    array = unpacked(path, name)
    array.setflags(write=False)
    return array


def _kept(path: Path, name: str) -> NDArray:
    try:
        about = path.stat()
    except OSError:
        raise ReadError(f"{path.name} does not exist; check the spelling and the folder") from None
    return _kept_version(path, name, (about.st_mtime_ns, about.st_size))


def read_npz(source: Source) -> Volume:
    """One image of an npz file as Volume without place.

    With `source.item`, that image of a stack (the array "images" where none is named); else the named array, or the
    only one of the file. Units are "rgb" for three colours, "grey" for unsigned bytes, "arbitrary" otherwise. Raises
    ReadError when array or item do not exist or are not said.
    """
    path = source.path
    name = source.array or _only_array(path, source.item)
    if source.item is None and not name.endswith("images"):
        return _volume(path, name, unpacked(path, name))
    stack = _kept(path, name)
    item = 0 if source.item is None and len(stack) == 1 else source.item
    if item is None or stack.ndim < 3 or not 0 <= item < len(stack):
        came = "none was named" if item is None else f"got {item}"
        raise ReadError(f"{name} of {path.name} holds {len(stack) if stack.ndim > 2 else 0} images; say which, {came}")
    return _volume(path, name, stack[item].copy())


def _only_array(path: Path, item: int | None) -> str:
    """The array meant where none is named: "images" for an item, else the only one that can be an image."""
    shapes = headers(path)
    likely = [name for name, found in shapes.items() if len(found.shape) >= 2 and not name.endswith("labels")]
    if "images" in likely and (item is not None or "image" not in likely):
        return "images"
    if "image" in likely:
        return "image"
    if len(likely) != 1:
        names = ", ".join(sorted(shapes)) or "no arrays"
        raise ReadError(f"{path.name} does not say which of its arrays is the image: it holds {names}; name one")
    return likely[0]


def _volume(path: Path, name: str, stored: NDArray) -> Volume:
    """Channels first: (C, H, W) or (C, D, H, W)."""
    _, channels = _image_form(path, name, stored.shape)
    voxels = np.moveaxis(stored, -1, 0) if channels == 3 else stored[None]
    if stored.dtype == np.bool_:
        voxels = voxels.astype(np.uint8)
    units: Units = "rgb" if channels == 3 else "grey" if stored.dtype == np.uint8 else "arbitrary"
    return Volume(np.ascontiguousarray(voxels), None, units, frame="unknown")
