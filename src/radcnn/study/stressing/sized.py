"""Lengths of prepared images in mm, where every image has pixels of one known size."""

from __future__ import annotations

from radcnn.study.stressing.tested import UnderTest

ALIKE = 1e-3  # sides of a pixel that differ by less are rounding


def mm_of(test: UnderTest, pixels: int) -> float | None:
    """So many pixels in mm; None where pixels are not square, or differ from image to image."""
    made = test.looked.bundle.preparation
    if made.region_mm is not None:
        steps = [mm / n for mm, n in zip(made.region_mm, made.size, strict=True)]
    elif made.spacing_mm is not None:
        steps = list(made.spacing_mm)
    else:
        return None
    return pixels * steps[-1] if max(steps) - min(steps) < ALIKE * max(steps) else None
