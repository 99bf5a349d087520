"""Hounsfield units and linear attenuation: one energy, one definition.

HU = 1000 (mu - mu_water) / mu_water. The attenuation of water at 70 keV, the effective energy of a 120 kVp beam behind
a patient, is 0.0192 per mm (NIST XCOM: 0.193 cm2/g at 70 keV, density 0.998 g/cm3).
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

MU_WATER_PER_MM = 0.0192

Number = TypeVar("Number", float, NDArray[np.float32], NDArray[np.float64])


def hu_to_mu(hu: Number) -> Number:
    """Linear attenuation per mm of a CT number; air (-1000 HU) is 0.

    >>> hu_to_mu(0.0)
    0.0192
    """
    return (hu / 1000.0 + 1.0) * MU_WATER_PER_MM


def mu_to_hu(mu: Number) -> Number:
    """CT number of a linear attenuation per mm; the inverse of hu_to_mu.

    >>> round(mu_to_hu(0.0))
    -1000
    """
    return (mu / MU_WATER_PER_MM - 1.0) * 1000.0
