"""A Pipeline applies an Augmentation: one draw, one resampling for image, mask, points and boxes, then grey values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.core.errors import SettingsError
from radcnn.transforms.augmentation import Augmentation, name_of
from radcnn.transforms.drawing import Drawn, Shape
from radcnn.transforms.spatial import Grid, Spatial
from radcnn.transforms.steps import PaddingMode, Step
from radcnn.transforms.warp import move_boxes, move_points, resample


@dataclass(frozen=True, eq=False)
class Moved:
    """A batch and what belongs to it after the same spatial transforms; what was not given is None.

    image   (B, C, *size)
    mask    (B, *size) or (B, K, *size), of its own type
    points  (B, P, d), indices
    boxes   (B, N, 2 d), all low indices and then all high ones
    """

    image: Tensor
    mask: Tensor | None = None
    points: Tensor | None = None
    boxes: Tensor | None = None


@dataclass(frozen=True)
class Pipeline:
    """Random changes of batches, drawn once and replayed exactly.

    >>> from radcnn.core.chance import torch_generator
    >>> from radcnn.transforms.spatial import Rotate
    >>> pipeline = Pipeline(Augmentation((Rotate(degrees=5),)))
    >>> batch = torch.rand(2, 1, 8, 8)
    >>> drawn = pipeline.sample(torch_generator(0, "augment", 1), batch.shape)
    >>> bool((pipeline.apply(batch, drawn) == pipeline.apply(batch, drawn)).all())
    True
    """

    augmentation: Augmentation

    def sample(self, generator: torch.Generator, shape: Shape) -> dict[str, Tensor]:
        """Draw for a batch of shape (B, C, *size), on the CPU: a flat dict of tensors, each with the batch first.

        The draw depends on the generator's state and the shape only; see `radcnn.transforms.drawing`.
        """
        if len(shape) not in (4, 5):
            raise SettingsError(f"a batch must be (B, C, rows, columns) or (B, C, slices, rows, columns), got {shape}")
        self._check_spacing(len(shape) - 2)
        return {
            f"{place}.{name_of(transform)}.{key}": tensor
            for place, transform in enumerate(self.augmentation.transforms)
            for key, tensor in transform.sample(generator, shape).items()
        }

    def apply(self, batch: Tensor, drawn: Drawn) -> Tensor:
        """The changed batch (B, C, *size), of the same type and on the same device."""
        return self.apply_together(batch, drawn).image

    def apply_together(
        self,
        batch: Tensor,
        drawn: Drawn,
        *,
        mask: Tensor | None = None,
        points: Tensor | None = None,
        boxes: Tensor | None = None,
    ) -> Moved:
        """The changed batch with its mask (nearest), points and boxes moved the same way; see `Moved` for shapes.

        Points are moved by the inverse of the image's pull-back; they may leave the image.
        """
        size = tuple(batch.shape[2:])
        steps = self._steps(drawn, size)
        padding = self.augmentation.padding
        image = self._changed(resample(batch, steps, padding=padding) if steps else batch, drawn)
        if not steps:
            return Moved(image, mask, points, boxes)
        return Moved(
            image,
            None if mask is None else _moved_mask(mask, steps, batch.ndim, padding=padding),
            None if points is None else move_points(points, steps, size),
            None if boxes is None else move_boxes(boxes, steps, size),
        )

    def apply_to_patch(
        self,
        image: NDArray,
        drawn: Drawn,
        *,
        centre: Sequence[float],
        size: tuple[int, ...],
        mask: NDArray | None = None,
        palette: NDArray[np.float32] | None = None,
        beyond: int | None = None,
        threads: int = 1,
    ) -> Moved:
        """A changed patch of one large image, of which only the voxels are read that the patch shows.

        image    (C, *its size), values or codes of `palette`; it may lie on the disk
        drawn    by `sample` for the shape (1, C, *size)
        centre   the index of the image that the patch's middle shows where nothing moves
        mask     (*its size), labels
        beyond   the label of what lies beyond the image, such as "nobody looked there"; None: that of its edge
        threads  that share a large patch; changes no number

        Equal to cutting the patch out of the moved image. Returns image (1, C, *size) and mask (1, *size).
        """
        from radcnn.transforms.fused import read_into

        steps = self._steps(drawn, size)
        asked: dict[str, Any] = {"centre": centre, "padding": self.augmentation.padding}
        patch = np.empty((image.shape[0], *size), np.float32)
        read_into(patch, image, steps, 0, nearest=False, palette=palette, threads=threads, **asked)
        moved = self._changed(torch.from_numpy(patch)[None], drawn)
        if mask is None:
            return Moved(moved)
        labels = np.empty((1, *size), mask.dtype)
        read_into(labels, mask[None], steps, 0, nearest=True, beyond=beyond, threads=threads, **asked)
        return Moved(moved, torch.from_numpy(labels))

    def _changed(self, image: Tensor, drawn: Drawn) -> Tensor:
        """After all that moves nothing."""
        for place, transform in enumerate(self.augmentation.transforms):
            if not isinstance(transform, Spatial):
                image = transform.apply(image, self._own(drawn, place))
        return image

    def _steps(self, drawn: Drawn, size: tuple[int, ...]) -> list[Step]:
        grid = Grid(size, self.augmentation.spacing_mm)
        return [
            transform.step(self._own(drawn, place), grid)
            for place, transform in enumerate(self.augmentation.transforms)
            if isinstance(transform, Spatial)
        ]

    def _own(self, drawn: Drawn, place: int) -> Drawn:
        start = f"{place}.{name_of(self.augmentation.transforms[place])}."
        own = {key.removeprefix(start): tensor for key, tensor in drawn.items() if key.startswith(start)}
        if not own:
            raise SettingsError(
                f"this draw has nothing for transform {start[:-1]!r}: it belongs to another augmentation"
            )
        return own

    def _check_spacing(self, d: int) -> None:
        spacing = self.augmentation.spacing_mm
        if spacing is not None and len(spacing) != d:
            raise SettingsError(f"spacing_mm of the augmentation has {len(spacing)} numbers, the batch {d} axes")


def _moved_mask(mask: Tensor, steps: list[Step], ndim: int, *, padding: PaddingMode) -> Tensor:
    channelled = mask if mask.ndim == ndim else mask[:, None]
    moved = resample(channelled, steps, padding=padding, nearest=True)
    return moved if mask.ndim == ndim else moved[:, 0]
