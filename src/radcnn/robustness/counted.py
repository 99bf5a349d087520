"""What attacks without a budget for each voxel came to: few pixels, patches, and the smallest change that turns."""

from __future__ import annotations

from dataclasses import dataclass

from radcnn.core.estimate import Estimate


@dataclass(frozen=True)
class FewPixels:
    """An attack of a few pixels (voxels): the share turned of the cases that were tried, all of which were right."""

    pixels: int
    towards: str
    turned: Estimate
    seconds: float


@dataclass(frozen=True)
class Patched:
    """A patch that was learned on one half of the patients and laid on the cases of the other, at random places.

    area    share of the image that it covers
    pixels  a side of it; mm where that is known
    turned  share turned by it of the cases that were right
    plain   the same of a patch of noise of that size: what covering a part of the image does
    """

    area: float
    pixels: int
    mm: float | None
    towards: str
    turned: Estimate
    plain: Estimate
    seconds: float


@dataclass(frozen=True)
class Smallest:
    """The smallest change that was found to turn each case (L-BFGS), sqrt(mean r^2).

    found     share of the tried cases that were turned at all
    size      its median, in the intensity unit
    in_noise  its median over the noise sd of each image
    """

    towards: str
    found: Estimate
    size: Estimate
    in_noise: Estimate
    seconds: float
