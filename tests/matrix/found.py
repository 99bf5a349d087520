"""What a reader made of a folder: one array or several, each with the place that the reader claims for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matrix.grid import Array


@dataclass(frozen=True, eq=False)
class Found:
    """Voxels (C, D, H, W); `affine` maps (slice, row, column, 1) to mm (LPS), None where the reader knows no place.

    spacing  between rows and between columns, where that is all the reader knows
    """

    voxels: NDArray
    affine: Array | None = None
    spacing: tuple[float, float] | None = None

    @property
    def in_plane(self) -> tuple[float, float] | None:
        """Millimetres between rows and between columns, however they are said."""
        if self.affine is None:
            return self.spacing
        lengths = np.linalg.norm(self.affine[:3, 1:3], axis=0)
        return float(lengths[0]), float(lengths[1])


@dataclass(frozen=True)
class Refusal:
    """A reader said no: in which word, and in which sentence."""

    word: str
    sentence: str = ""
    crashed: bool = False


@dataclass(frozen=True, eq=False)
class Answer:
    """What one call of a reader gave, and whether it warned while giving it."""

    volumes: tuple[Found, ...] = ()
    refusal: Refusal | None = None
    warned: bool = False


def packed(answer: Answer) -> dict[str, Any]:
    """An answer as arrays that numpy can save."""
    made: dict[str, Any] = {"warned": answer.warned, "count": len(answer.volumes)}
    if answer.refusal is not None:
        made["refusal"] = np.array([answer.refusal.word, answer.refusal.sentence])
        made["crashed"] = answer.refusal.crashed
    for i, found in enumerate(answer.volumes):
        made[f"voxels{i}"] = found.voxels
        made[f"affine{i}"] = np.zeros(0) if found.affine is None else found.affine
        made[f"spacing{i}"] = np.zeros(0) if found.spacing is None else np.array(found.spacing)
    return made


def unpacked(saved: Any) -> Answer:
    """The answer that `packed` made arrays of."""
    if "refusal" in saved:
        word, sentence = (str(text) for text in saved["refusal"])
        refusal = Refusal(word, sentence, bool(saved["crashed"]))
        return Answer(refusal=refusal, warned=bool(saved["warned"]))
    volumes = []
    for i in range(int(saved["count"])):
        affine, spacing = saved[f"affine{i}"], saved[f"spacing{i}"]
        known = (float(spacing[0]), float(spacing[1])) if spacing.size else None
        volumes.append(Found(saved[f"voxels{i}"], affine if affine.size else None, known))
    return Answer(tuple(volumes), warned=bool(saved["warned"]))
