"""Back-projection of filtered views of a fan: each pixel takes what the ray through it shows, weighted by distance.

For a source at -source_mm (-sin b, cos b), a pixel lies `along` mm from it on the middle ray and `across` mm beside
that (Kak and Slaney 1988, chapter 3.4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import compiled

Floats = NDArray[np.floating]


@compiled
def backproject_fan(
    filtered: Floats, turned: Floats, pixels_mm: Floats, fan: tuple[float, float, bool], first: int, end: int,
    images: Floats,
) -> None:  # fmt: skip
    """Add filtered views (B, views, detectors) to rows first..end of images (B, rows, columns).

    turned  (2, views), cosine and sine of each view's angle
    fan     source_mm; the angle between elements as seen from the source, or its tangent where the detector is flat;
            whether it is flat
    """
    source_mm, step, flat = fan
    detectors = filtered.shape[2]
    middle = (detectors - 1) / 2
    for v in range(filtered.shape[1]):
        cos, sin = turned[0, v], turned[1, v]
        for r in range(first, end):
            for c in range(len(pixels_mm)):
                across = pixels_mm[c] * cos + pixels_mm[r] * sin
                along = source_mm + pixels_mm[r] * cos - pixels_mm[c] * sin
                place = across / along
                if flat:
                    near = (source_mm / along) ** 2
                else:
                    place = np.arctan(place)
                    near = source_mm**2 / (along**2 + across**2)
                place = place / step + middle
                if 0 <= place <= detectors - 1:
                    low = min(int(place), detectors - 2)
                    share = place - low
                    for b in range(len(images)):
                        left, right = filtered[b, v, low], filtered[b, v, low + 1]
                        images[b, r, c] += near * (left + share * (right - left))
