"""Random ellipses (P6), as Jin et al. 2017 (doi:10.1109/TIP.2017.2713099) train on: exact line integrals of all views.

The paper says how many there are (500 images, 1,000 views of 729 elements, 512 x 512 pixels) and that intensity, size
and place are random; how they are drawn is ours. Line integrals are computed from the ellipses themselves, never from
an image of them, so that no method gains from the grid on which it reconstructs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from radcnn.core.chance import generator
from radcnn.core.cores import by_all_cores
from radcnn.core.errors import SettingsError
from radcnn.physics.beam import ParallelBeam
from radcnn.physics.ellipses import Ellipse, ellipse_sinogram
from radcnn.physics.reconstruction import fbp

FIELD_MM = 512.0
VIEWS, DETECTORS, PIXELS = 1000, 729, 512  # of the paper
FEWEST, MOST = 5, 15  # ellipses in an image
HALF_AXES = (0.03, 0.35)  # shares of the field's radius
VALUES = (0.1, 1.0)
WITHIN = 0.9  # of the field's radius holds all of an ellipse


@dataclass(frozen=True, eq=False)
class EllipseImage:
    """One image: line integrals of few views, and what all views reconstruct.

    sinogram  (few views, detectors) float32, of a field with a radius of 1: values are sums of intensities times length
    full      (size, size) float32, FBP of all views
    """

    sinogram: NDArray[np.float32]
    full: NDArray[np.float32]


def full_beam(size: int = PIXELS) -> ParallelBeam:
    """All views of the paper for an image of `size` pixels; a smaller one has larger pixels and elements.

    >>> full_beam(256).shape
    (1000, 365)
    """
    if size < 16:
        raise SettingsError(f"images of ellipses need at least 16 pixels a side, got {size}")
    pixel = FIELD_MM / size
    return ParallelBeam(VIEWS, -(-DETECTORS * size // PIXELS), pixel, size, pixel)


def step_of(views: int) -> int:
    """Every how manyth of the 1,000 views leaves so many; raises SettingsError where none does.

    >>> step_of(50), step_of(143)
    (20, 7)
    """
    kept = {-(-VIEWS // step): step for step in range(VIEWS, 0, -1)}
    if views not in kept:
        near = sorted(kept, key=lambda n: abs(n - views))[:3]
        raise SettingsError(
            f"no even step leaves {views} of {VIEWS} views; take {', '.join(map(str, sorted(near)))} (paper: 50, 143)"
        )
    return kept[views]


def random_ellipses(chance: np.random.Generator) -> list[Ellipse]:
    """Ellipses of one image, all within the field."""
    radius = FIELD_MM / 2
    made = []
    for _ in range(int(chance.integers(FEWEST, MOST + 1))):
        a, b = radius * chance.uniform(*HALF_AXES, 2)
        far = (WITHIN * radius - max(a, b)) * np.sqrt(chance.random())
        towards = chance.uniform(0, 2 * np.pi)
        value, turn = chance.uniform(*VALUES), chance.uniform(0, np.pi)
        made.append(
            Ellipse(float(far * np.cos(towards)), float(far * np.sin(towards)), float(a), float(b), float(value), turn)
        )
    return made


def ellipse_images(
    count: int, few: int, *, size: int = PIXELS, seed: int = 0, told: Callable[[int, int], None] | None = None
) -> Iterator[EllipseImage]:
    """`count` images with line integrals of every `few`th view, made by all cores; the same seed, the same images."""
    beam = full_beam(size)

    def one(index: int) -> EllipseImage:
        drawn = random_ellipses(generator(seed, "physics", "ellipses", index))
        whole = (ellipse_sinogram(drawn, beam)).astype(np.float32)
        return EllipseImage(whole[::few].copy(), fbp(torch.from_numpy(whole), beam).numpy())

    yield from by_all_cores(one, count, told)
