"""The Euclidean distance transform of a mask of 256^3 against edt, SimpleITK and scipy; connected components too.

python benchmarks/engine/distance_transform.py [--json FILE]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cc3d
import edt
import numpy as np
import SimpleITK
from numpy.typing import NDArray
from phantom_masks import organ
from scipy import ndimage
from timing import measure, report, versions, write_rows

from radcnn.core.cores import available_cores
from radcnn.metrics.components import components
from radcnn.metrics.distance import distance_transform

SPACING_MM = (1.5, 0.8, 0.8)
OURS = "radcnn"

Mask = NDArray[np.bool_]


def by_simpleitk(mask: Mask) -> None:
    """SimpleITK's distance map, at the spacing."""
    image = SimpleITK.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(SPACING_MM[::-1])
    SimpleITK.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)


def transform(name: str, mask: Mask) -> dict[str, Any]:
    """One mask, after a check that all agree."""
    threads = available_cores()
    wanted = edt.edt(mask, anisotropy=SPACING_MM, parallel=threads)
    np.testing.assert_allclose(distance_transform(mask, SPACING_MM), wanted, rtol=1e-5, atol=1e-5)
    jobs: dict[str, Callable[[], object]] = {
        OURS: lambda: distance_transform(mask, SPACING_MM),
        "edt": lambda: edt.edt(mask, anisotropy=SPACING_MM, parallel=threads),
        "SimpleITK (signed)": lambda: by_simpleitk(mask),
        "scipy": lambda: ndimage.distance_transform_edt(mask, sampling=SPACING_MM),
    }
    packages = versions("edt", "SimpleITK", "scipy", "numba")
    asked = "as fast as edt"
    row = f"Euclidean distance transform 256^3: {name}"
    return report(row, measure(jobs, 3), ours=OURS, reach=1, asked=asked, extra={"versions": packages})


def labelling(name: str, mask: Mask) -> dict[str, Any]:
    """Components and their sizes, of 26 neighbours."""
    corners = np.ones((3, 3, 3), bool)
    assert components(mask).sizes.size == ndimage.label(mask, corners)[1]

    def by_scipy() -> None:
        labels, _ = ndimage.label(mask, corners)
        np.bincount(labels.reshape(-1))

    jobs: dict[str, Callable[[], object]] = {
        OURS: lambda: components(mask),
        "scipy": by_scipy,
        "cc3d, labels alone": lambda: cc3d.connected_components(mask, connectivity=26),
    }
    timed = measure(jobs, 5)
    alone = timed.pop("cc3d, labels alone").median / timed[OURS].median
    note = f"the labels are cc3d's, which takes {alone:.0%} of our time; the sizes are the rest"
    row, asked = f"connected components 256^3: {name}", "4 times faster than scipy"
    packages = versions("connected-components-3d", "scipy")
    return report(row, timed, ours=OURS, reach=4, asked=asked, note=note, extra={"versions": packages})


def main() -> None:
    """Inside an organ, outside it, and noise; components of an organ and of noise."""
    inside, noise = organ(0), np.random.default_rng(0).random((256,) * 3)
    rows = [
        transform("inside an organ", inside),
        transform("outside an organ", ~inside),
        transform("far from one voxel in a thousand", noise < 0.999),
        labelling("an organ", inside),
        labelling("one voxel in twenty", noise < 0.05),
    ]
    write_rows(rows)


if __name__ == "__main__":
    main()
