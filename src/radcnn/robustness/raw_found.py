"""What an attack on raw data came to: answers turned against the size of the change, beside noise of that size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from radcnn.core.estimate import Estimate


@dataclass(frozen=True)
class RawAt:
    """One budget, in multiples of each ray's noise sd.

    turned             share of the right answers that the attack turns
    noise              the same of random signs of the whole budget in every ray: no smaller in any of them
    change_hu          root mean square of the attack in the reconstructed image, in HU
    noise_hu           the same of the random signs
    """

    budget: float
    turned: Estimate
    noise: Estimate
    change_hu: Estimate
    noise_hu: Estimate


@dataclass(frozen=True)
class RawFound:
    """An attack on raw data (line integrals) that survives reconstruction.

    towards         the answer it wants; "" for any wrong one
    photons, views  the dose: photons per ray in the open beam, and views of half a turn
    dose_hu         noise sd of the reconstructed images at that dose, in HU
    points          by budget
    """

    towards: str
    photons: float
    views: int
    dose_hu: Estimate
    points: tuple[RawAt, ...]
    seconds: float

    def lines(self) -> Iterator[str]:
        """What the terminal prints."""
        aim = f" towards {self.towards}" if self.towards else ""
        yield (
            f"  raw data{aim}, {self.photons:g} photons per ray, {self.views} views ({self.seconds:.1f} s): noise of "
            f"that dose is {self.dose_hu} HU"
        )
        for one in self.points:
            yield (
                f"    {one.budget:g} noise sd of each ray: turned {one.turned} by {one.change_hu} HU, "
                f"noise of that size {one.noise} by {one.noise_hu} HU"
            )

    def rows(self) -> Iterator[tuple[tuple[str, str, str, str], str, Estimate]]:
        """Of the CSV: what each figure is of, its name, the figure."""
        for one in self.points:
            for name in ("turned", "noise", "change_hu", "noise_hu"):
                yield ("sinogram", self.towards, f"{one.budget:g}", "noise sd of each ray"), name, getattr(one, name)
