"""Four simulated readers, who see a nodule's signs through their own habits.

A reader's impression is the odds' logarithm of `lesions.malignancy`, leaned to one side and disturbed, and becomes one
of five ratings as in LIDC-IDRI (Armato, Med Phys 2011;38:915); small and faint nodules are missed more often. How much
readers lean, differ and miss is our choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radcnn.physics.phantoms.lesions import Signs, malignancy

RATINGS = (-2.5, -0.8, 0.8, 2.5)  # odds' logarithms between the five ratings


@dataclass(frozen=True)
class Reader:
    """How a reader reads.

    leaning   to malignancy, in odds' logarithms
    wavering  sd of the impression
    sharp_mm  diameter of the solid nodule that is missed in about a third of cases
    measures  factor on diameters, which vary by a tenth besides (Revel, Radiology 2004;231:453)
    """

    name: str
    leaning: float
    wavering: float
    sharp_mm: float
    measures: float


READERS = (
    Reader("reader-1", leaning=0.0, wavering=0.8, sharp_mm=3.0, measures=1.00),
    Reader("reader-2", leaning=0.6, wavering=1.2, sharp_mm=3.5, measures=1.05),
    Reader("reader-3", leaning=-0.5, wavering=1.6, sharp_mm=4.0, measures=0.95),
    Reader("reader-4", leaning=0.2, wavering=2.2, sharp_mm=4.5, measures=1.02),
)


@dataclass(frozen=True)
class Reading:
    """What a reader said of a nodule: a rating of 1 (surely benign) to 5 (surely malignant), and its diameter."""

    reader: str
    rating: int
    diameter_mm: float


def read(signs: Signs, diameter_mm: float, reader: Reader, chance: np.random.Generator) -> Reading | None:
    """A reader's word on a nodule; None where it was missed."""
    seen = diameter_mm / (1.6 if signs.density == "ground-glass" else 1.0)
    missed, waver, measure = chance.random(), chance.normal(), chance.normal()
    if missed < np.exp(-((seen / reader.sharp_mm) ** 2)):
        return None
    impression = malignancy(signs) + reader.leaning + reader.wavering * waver
    rating = 1 + int(np.searchsorted(RATINGS, impression))
    return Reading(reader.name, rating, float(diameter_mm * reader.measures * np.exp(0.1 * measure)))
