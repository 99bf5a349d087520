"""HD95, mean surface distance and surface Dice of two masks of 256^3, against MONAI, surface-distance and SimpleITK.

    python benchmarks/engine/surface_distances.py [--json FILE]

surface-distance computes the same figures by the same definition, and the script stops where they differ. MONAI's are
without areas, by its own definition of a border. SimpleITK has the greatest distance and the mean, no percentile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import SimpleITK
import surface_distance as peer
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice
from numpy.typing import NDArray
from phantom_masks import lesions, pair
from timing import measure, report, versions, write_rows

from radcnn.metrics.surfaces import surface_distances

SPACING_MM = (1.5, 0.8, 0.8)
TOLERANCE_MM = 2.0
OURS = "radcnn"

Mask = NDArray[np.bool_]


def ours(first: Mask, second: Mask, spacing: tuple[float, ...] = SPACING_MM) -> tuple[float, float, float]:
    """The three figures."""
    found = surface_distances(first, second, spacing)
    return found.hausdorff(percentile=95), found.mean(), found.dice(tolerance_mm=TOLERANCE_MM)


def by_surface_distance(
    first: Mask, second: Mask, spacing: tuple[float, ...] = SPACING_MM
) -> tuple[float, float, float]:
    """The same figures of the package of that name."""
    found = peer.compute_surface_distances(first, second, spacing)
    sizes = [found[f"surfel_areas_{side}"].sum() for side in ("gt", "pred")]
    means = peer.compute_average_surface_distance(found)
    return (
        peer.compute_robust_hausdorff(found, 95),
        float(np.average(means, weights=sizes)),
        peer.compute_surface_dice_at_tolerance(found, TOLERANCE_MM),
    )


def by_monai(first: Mask, second: Mask) -> None:
    """MONAI's three figures, as its users call them."""
    one, two = (torch.from_numpy(mask)[None, None].float() for mask in (first, second))
    compute_hausdorff_distance(two, one, include_background=True, percentile=95, spacing=SPACING_MM)
    compute_average_surface_distance(two, one, include_background=True, symmetric=True, spacing=SPACING_MM)
    compute_surface_dice(two, one, [TOLERANCE_MM], include_background=True, spacing=SPACING_MM)


def by_simpleitk(first: Mask, second: Mask) -> None:
    """SimpleITK's Hausdorff distances."""
    one, two = (SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in (first, second))
    for image in (one, two):
        image.SetSpacing(SPACING_MM[::-1])
    SimpleITK.HausdorffDistanceImageFilter().Execute(one, two)


def row(name: str, first: Mask, second: Mask) -> dict[str, Any]:
    """One pair of masks."""
    np.testing.assert_allclose(ours(first, second), by_surface_distance(first, second), rtol=1e-9)
    jobs: dict[str, Callable[[], object]] = {
        OURS: lambda: ours(first, second),
        "surface-distance": lambda: by_surface_distance(first, second),
        "MONAI": lambda: by_monai(first, second),
        "SimpleITK (Hausdorff only)": lambda: by_simpleitk(first, second),
    }
    packages = versions("surface-distance-based-measures", "monai", "SimpleITK", "scipy", "numba", "torch")
    asked = "5 times faster than the best peer, the same values as surface-distance"
    return report(name, measure(jobs, 3), ours=OURS, reach=5, asked=asked, extra={"versions": packages})


def check() -> None:
    """The three figures equal those of surface-distance on random masks and spacings."""
    chance = np.random.default_rng(0)
    for _ in range(100):
        rank = int(chance.integers(2, 4))
        shape, spacing = tuple(chance.integers(1, 24, rank)), tuple(chance.uniform(0.3, 4, rank))
        first, second = (chance.random(shape) < chance.choice([0.02, 0.1, 0.5, 0.97]) for _ in range(2))
        if first.any() and second.any():
            np.testing.assert_allclose(
                ours(first, second, spacing), by_surface_distance(first, second, spacing), rtol=1e-9, atol=1e-12
            )


def main() -> None:
    """An organ twice, and scattered lesions."""
    check()
    job = "HD95 + mean surface distance + surface Dice, 256^3"
    write_rows([row(f"{job}: an organ", *pair()), row(f"{job}: 40 lesions", lesions(0), lesions(1))])


if __name__ == "__main__":
    main()
