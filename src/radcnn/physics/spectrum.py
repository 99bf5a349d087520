"""An X-ray tube's spectrum, what water and bone take from it, and beam hardening.

Photons of low energy are absorbed first: behind much tissue a beam is harder, its attenuation per mm is less, and an
uncorrected image cups. Attenuation of water, cortical bone (ICRU-44) and aluminium are those of NIST (Hubbell and
Seltzer, NISTIR 5632), between its energies on a double logarithmic scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import SettingsError
from radcnn.physics.attenuation import MU_WATER_PER_MM

Floats: TypeAlias = NDArray[np.float64]
Material = Literal["water", "bone", "aluminium"]

ENERGIES_KEV = (15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 150.0)
MASS_ATTENUATION_CM2_PER_G: dict[Material, tuple[float, ...]] = {
    "water": (1.673, 0.8096, 0.3756, 0.2683, 0.2269, 0.2059, 0.1837, 0.1707, 0.1505),
    "bone": (9.032, 4.001, 1.331, 0.6655, 0.4242, 0.3148, 0.2229, 0.1855, 0.1480),
    "aluminium": (7.955, 3.441, 1.128, 0.5685, 0.3681, 0.2778, 0.2018, 0.1704, 0.1378),
}
DENSITY_G_PER_CM3: dict[Material, float] = {"water": 0.998, "bone": 1.92, "aluminium": 2.699}
STEP_KEV = 5.0  # between the energies that a spectrum is made of
DEEPEST_MM = 600.0  # of water for which a correction is tabled


def attenuation_per_mm(material: Material, energy_kev: Floats) -> Floats:
    """Linear attenuation per mm at energies between 15 and 150 keV.

    >>> attenuation_per_mm("water", np.array([60.0, 100.0])).round(5)
    array([0.02055, 0.01704])
    """
    known = np.log(np.array(MASS_ATTENUATION_CM2_PER_G[material]))
    mass = np.exp(np.interp(np.log(energy_kev), np.log(ENERGIES_KEV), known))
    return np.asarray(mass * DENSITY_G_PER_CM3[material] / 10, np.float64)


@dataclass(frozen=True)
class Spectrum:
    """The beam of a tungsten tube behind aluminium: Kramers' law (doi:10.1080/14786442308565244), no lines.

    peak_kv        tube voltage, 40 to 150 kV
    filtration_mm  aluminium that all photons have passed
    integrating    whether a detector element adds up energy, as scanners do, or counts photons

    Raises SettingsError for voltages outside 40 to 150 kV and filtrations below 1 mm.
    """

    peak_kv: float = 120.0
    filtration_mm: float = 8.0
    integrating: bool = True

    def __post_init__(self) -> None:
        if not 40 <= self.peak_kv <= 150:
            raise SettingsError(f"the tube voltage must be 40 to 150 kV, got {self.peak_kv:g}")
        if not 1 <= self.filtration_mm < np.inf:
            raise SettingsError(f"the filtration must be at least 1 mm of aluminium, got {self.filtration_mm:g}")

    @cached_property
    def energies_kev(self) -> Floats:
        """Middles (n,) of the bins of energy."""
        return np.arange(ENERGIES_KEV[0] + STEP_KEV / 2, self.peak_kv, STEP_KEV)

    @cached_property
    def photons(self) -> Floats:
        """Share (n,) of the open beam's photons in each bin."""
        made = (self.peak_kv - self.energies_kev) / self.energies_kev
        made = made * np.exp(-attenuation_per_mm("aluminium", self.energies_kev) * self.filtration_mm)
        return np.asarray(made / made.sum(), np.float64)

    @cached_property
    def signal(self) -> Floats:
        """What a photon of each bin adds to the signal, such that the open beam's mean photon adds 1."""
        each = self.energies_kev if self.integrating else np.ones_like(self.energies_kev)
        return np.asarray(each / (self.photons @ each), np.float64)

    def transmitted(self, water_mm: Floats, bone_mm: Floats | float = 0.0) -> Floats:
        """Photons (..., n) of each bin behind lengths of water and of bone, per photon of the open beam."""
        water, bone = np.asarray(water_mm, np.float64)[..., None], np.asarray(bone_mm, np.float64)[..., None]
        taken = water * attenuation_per_mm("water", self.energies_kev)
        taken = taken + bone * attenuation_per_mm("bone", self.energies_kev)
        return np.asarray(self.photons * np.exp(-taken), np.float64)

    def line_integrals(self, water_mm: Floats, bone_mm: Floats | float = 0.0) -> Floats:
        """-log of the signal behind water and bone: what is measured without noise, hardening and all."""
        return np.asarray(-np.log(self.transmitted(water_mm, bone_mm) @ self.signal), np.float64)

    def water_corrected(self, measured: Floats) -> Floats:
        """Line integrals at one energy, if all that was passed is water: what scanners correct before they reconstruct.

        Of water the correction is exact, and its attenuation is that of `attenuation.MU_WATER_PER_MM`; behind bone too
        little is corrected, which leaves dark bands between bones.
        """
        lengths = np.linspace(0, DEEPEST_MM, 1201)
        return np.asarray(np.interp(measured, self.line_integrals(lengths), lengths * MU_WATER_PER_MM), np.float64)

    @cached_property
    def effective_kev(self) -> float:
        """The energy at which a thin layer of water takes as much as from the whole beam.

        >>> 50 < Spectrum().effective_kev < 75
        True
        """
        thin = self.line_integrals(np.array(0.01)) / 0.01
        fine = np.linspace(ENERGIES_KEV[0], self.peak_kv, 2000)
        return float(np.interp(-thin, -attenuation_per_mm("water", fine), fine))
