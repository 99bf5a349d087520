"""Pictures of attacked images and what networks make of them (Fig. 15 of the review): before, the change, after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.files import write_bytes
from radcnn.robustness.dense import DensePicture
from radcnn.study.pictures import SIDE, png_of
from radcnn.study.segmenting.picturing import grey_levels, with_contours
from radcnn.study.stressing.dense import Trial, Tried, strongest

MOST = 3  # cases that are pictured: those that an attack costs most
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Shown:
    """One slice of a case, before and after: planes (C, rows, columns), and what is made of them (n, rows, columns)."""

    image: Floats
    attacked: Floats
    truth: NDArray
    before: NDArray
    after: NDArray

    @property
    def change(self) -> tuple[Floats, float]:
        """The change about the middle of the image's values, and by how much it is magnified."""
        low, high = float(self.image.min()), float(self.image.max())
        change = self.attacked - self.image
        factor = 0.5 * (high - low) / max(float(np.abs(change).max()), 1e-12)
        return (low + high) / 2 + factor * change, factor


Drawn = list[tuple[str, str, bytes]]
"""Each picture's name, the words under it, and its PNG."""
Draw = Callable[[Shown, float, float], Drawn]


@dataclass(eq=False)
class Pictures:
    """The cases that an attack costs most, as PNGs; only theirs are in memory.

    main    the figure by which they are chosen; rising, where it grows as things get worse
    draw    the pictures of a slice, of a case whose main figure goes from one value to another
    stem    the beginning of files' names, in `place`
    """

    main: str
    rising: bool
    draw: Draw
    stem: str
    place: Path
    kept: list[tuple[float, int, str, Drawn]] = field(default_factory=list)

    def keep(self, trial: Trial, tried: Tried) -> None:
        """Keep a case where it is worse off than those that are kept."""
        attack = strongest([name for name in tried.figures if name in tried.attacks])
        clean, worst = (tried.figures[attack][k][self.main] for k in (0, -1))
        cost = worst - clean if self.rising else clean - worst
        if not cost > 0 or (len(self.kept) == MOST and cost <= self.kept[-1][0]):
            return
        drawn = self.draw(_slice(trial, tried, attack), clean, worst)
        self.kept = sorted([*self.kept, (cost, trial.number, attack, drawn)], key=lambda one: (-one[0], one[1]))[:MOST]

    def written(self, budget: str) -> tuple[DensePicture, ...]:
        """The pictures, whose files are written now; `budget` is the largest in words."""
        made = []
        for _, number, attack, drawn in self.kept:
            files = tuple(f"{self.stem}-{attack}-case-{number}-{name}.png" for name, _, _ in drawn)
            for file, (_, _, png) in zip(files, drawn, strict=True):
                write_bytes(self.place / file, png)
            words = tuple(said for _, said, _ in drawn)
            made.append(DensePicture(number, f"Case {number}: {attack} with {budget}", files, words))
        return tuple(made)


def _slice(trial: Trial, tried: Tried, attack: str) -> Shown:
    """The slice in which an attack changes most of what is made of an image."""
    start, after = trial.image.numpy(), tried.images[attack].numpy()
    truth, before = trial.seen(trial.image)
    _, now = trial.seen(tried.images[attack])
    if start.ndim == 3:
        return Shown(start, after, truth, before, now)
    apart = np.abs(before.astype(np.float32) - now.astype(np.float32))
    k = int(np.argmax(apart.sum(axis=(0, 2, 3))))
    return Shown(start[:, k], after[:, k], truth[:, k], before[:, k], now[:, k])


def draw_outlines(main: str) -> Draw:
    """The image, its outlines, the change, the image attacked, and its outlines then."""

    def draw(one: Shown, clean: float, worst: float) -> Drawn:
        low, high = float(one.image.min()), float(one.image.max())
        change, factor = one.change
        return [
            ("clean", "as it is", png_of(one.image, low=low, high=high)),
            (
                "outlined", f"its outlines in colour, the true ones dashed: {main} {clean:.3f}",
                _contoured(one.image, one.truth, one.before, low, high),
            ),
            ("change", _magnified(factor), png_of(change, low=low, high=high)),
            ("attacked", "attacked", png_of(one.attacked, low=low, high=high)),
            (
                "attacked-outlined", f"its outlines then: {worst:.3f}",
                _contoured(one.attacked, one.truth, one.after, low, high),
            ),
        ]  # fmt: skip

    return draw


def draw_restored(main: str, unit: str, window: tuple[float, float] | None) -> Draw:
    """The image, what is made of it, the change, what is made of it then, and the reference."""

    def draw(one: Shown, clean: float, worst: float) -> Drawn:
        low, high = window or (float(one.image.min()), float(one.image.max()))
        change, factor = one.change
        ends = float(one.image.min()), float(one.image.max())
        return [
            ("clean", "as it is", png_of(one.image, low=low, high=high)),
            ("restored", f"restored: {main} {clean:.3g} {unit}", png_of(one.before, low=low, high=high)),
            ("change", _magnified(factor), png_of(change, low=ends[0], high=ends[1])),
            ("attacked", "attacked", png_of(one.attacked, low=low, high=high)),
            ("attacked-restored", f"restored then: {worst:.3g} {unit}", png_of(one.after, low=low, high=high)),
            ("reference", "the reference", png_of(one.truth, low=low, high=high)),
        ]

    return draw


def _magnified(factor: float) -> str:
    return f"the change, {factor:.3g} times magnified; grey is none"


def _contoured(plane: Floats, truth: NDArray, found: NDArray, low: float, high: float) -> bytes:
    """A plane (C, rows, columns) with contours of masks (structures, rows, columns), as large as others are shown."""
    times = max(1, SIDE // max(plane.shape[1:]))

    def larger(image: NDArray) -> NDArray:
        return image.repeat(times, axis=-2).repeat(times, axis=-1)

    grey = larger(grey_levels(plane.mean(axis=0), (low, high)))
    drawn = with_contours(grey, larger(truth), larger(found))
    return png_of(np.moveaxis(drawn, -1, 0).astype(np.float32), low=0.0, high=255.0)
