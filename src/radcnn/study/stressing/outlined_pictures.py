"""Pictures of attacked outlines (Fig. 15 of the review): the image, its outlines, the change, and both after it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.files import write_bytes
from radcnn.robustness.dense import NOISE, DensePicture
from radcnn.study.pictures import SIDE, png_of
from radcnn.study.segmenting.picturing import grey_levels, with_contours
from radcnn.study.stressing.dense import Trial, Tried

MOST = 3  # cases that are pictured: those that lose most


class OutlinedPictures:
    """The cases that lose most, as PNGs; only theirs are in memory."""

    def __init__(self, main: str, stem: str, place: Path) -> None:
        self.main, self.stem, self.place = main, stem, place
        self.kept: list[tuple[float, int, DensePicture, dict[str, bytes]]] = []

    def keep(self, trial: Trial, tried: Tried) -> None:
        """Keep a case where it loses more than those that are kept."""
        attack = [name for name in tried.figures if name != NOISE][-1]  # the strongest, as they are usually asked for
        clean, worst = (tried.figures[attack][k][self.main] for k in (0, -1))
        lost = clean - worst
        if lost <= 0 or (len(self.kept) == MOST and lost <= self.kept[-1][0]):
            return
        picture, files = self._pictured(trial, tried, attack, clean, worst)
        self.kept = sorted([*self.kept, (lost, trial.number, picture, files)], key=lambda one: (-one[0], one[1]))
        self.kept = self.kept[:MOST]

    def written(self, budget: str) -> tuple[DensePicture, ...]:
        """The pictures, whose files are written now; `budget` is the largest in words."""
        for _, _, _, files in self.kept:
            for name, png in files.items():
                write_bytes(self.place / name, png)
        return tuple(
            DensePicture(one.case, f"{one.heading} with {budget}", one.files, one.words) for _, _, one, _ in self.kept
        )

    def _pictured(
        self, trial: Trial, tried: Tried, attack: str, clean: float, worst: float
    ) -> tuple[DensePicture, dict[str, bytes]]:
        start, after = trial.image.numpy(), tried.images[attack].numpy()
        truth, before = trial.seen(trial.image)
        _, now = trial.seen(tried.images[attack])
        k = None if start.ndim == 3 else int(np.argmax((before != now).sum(axis=(0, 2, 3))))
        first, second = (one if k is None else one[:, k] for one in (start, after))
        masks = [one if k is None else one[:, k] for one in (truth, before, now)]
        low, high = float(first.min()), float(first.max())
        change = second - first
        factor = 0.5 * (high - low) / max(float(np.abs(change).max()), 1e-12)
        shown = {
            "clean": png_of(first, low=low, high=high),
            "outlined": _contoured(first, masks[0], masks[1], low, high),
            "change": png_of((low + high) / 2 + factor * change, low=low, high=high),
            "attacked": png_of(np.clip(second, low, high), low=low, high=high),
            "attacked-outlined": _contoured(second, masks[0], masks[2], low, high),
        }
        files = {f"{self.stem}-{attack}-case-{trial.number}-{name}.png": png for name, png in shown.items()}
        words = (
            "as it is",
            f"its outlines in colour, the true ones dashed: {self.main} {clean:.3f}",
            f"the change, {factor:.3g} times magnified; grey is none",
            "attacked",
            f"its outlines then: {worst:.3f}",
        )
        return DensePicture(trial.number, f"Case {trial.number}: {attack}", tuple(files), words), files


def _contoured(
    plane: NDArray[np.float32], truth: NDArray[np.bool_], found: NDArray[np.bool_], low: float, high: float
) -> bytes:
    """A plane (C, rows, columns) with contours of masks (structures, rows, columns), as large as others are shown."""
    times = max(1, SIDE // max(plane.shape[1:]))

    def larger(image: NDArray) -> NDArray:
        return image.repeat(times, axis=-2).repeat(times, axis=-1)

    grey = larger(grey_levels(plane.mean(axis=0), (low, high)))
    drawn = with_contours(grey, larger(truth), larger(found))
    return png_of(np.moveaxis(drawn, -1, 0).astype(np.float32), low=0.0, high=255.0)
