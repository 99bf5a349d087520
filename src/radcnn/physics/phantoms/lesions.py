"""Pulmonary nodules of three kinds by rules that overlap: benign, primary cancer, metastasis.

A nodule is drawn by signs that radiologists name: diameter, density (solid, part-solid, ground-glass), margin (smooth,
lobulated, spiculated), calcification, and where it lies. How often a kind has a sign follows what is known of screening
(McWilliams, NEJM 2013;369:910: size, spiculation, part-solid type and the upper lobe speak for cancer; Gurney,
Radiology 1993;186:405: central calcification against it) and of metastases (several, round, basal); the numbers are
ours. Every rule is a probability, so that the best that any reader can say from the signs is known exactly:
`malignancy` is the odds' logarithm, and its AUC the limit of the task.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

from radcnn.physics.phantoms.nodules import NO_FOCI, NO_STRANDS, Nodule, bumps, calcified_foci, spread_strands

Kind: TypeAlias = Literal["benign", "primary", "metastatic"]
Density: TypeAlias = Literal["solid", "part-solid", "ground-glass"]
Margin: TypeAlias = Literal["smooth", "lobulated", "spiculated"]
Calcification: TypeAlias = Literal["none", "central", "eccentric"]
Contact: TypeAlias = Literal["free", "juxta-pleural", "juxta-vascular"]

LEAST_MM, LARGEST_MM = 3.0, 30.0
SPREAD = 0.42  # of the logarithm of the diameter, in every kind
SOLID_HU, GLASS_HU = (25.0, 22.0), (-650.0, -380.0)
PRIOR: Mapping[Kind, float] = MappingProxyType({"benign": 0.54, "primary": 0.14, "metastatic": 0.32})  # of a study


@dataclass(frozen=True)
class Rule:
    """How often a kind of nodule has which sign; shares in the order of the signs' names.

    diameter_mm  the median
    upper        mean place between the base (0) and the apex (1)
    """

    diameter_mm: float
    density: tuple[float, float, float]
    margin: tuple[float, float, float]
    calcification: tuple[float, float, float]
    contact: tuple[float, float, float]
    upper: float


RULES: Mapping[Kind, Rule] = MappingProxyType(
    {
        "benign": Rule(6.5, (0.86, 0.03, 0.11), (0.70, 0.24, 0.06), (0.62, 0.36, 0.02), (0.58, 0.30, 0.12), 0.55),
        "primary": Rule(13.0, (0.60, 0.28, 0.12), (0.08, 0.24, 0.68), (0.92, 0.01, 0.07), (0.68, 0.18, 0.14), 0.66),
        "metastatic": Rule(9.5, (0.97, 0.01, 0.02), (0.74, 0.24, 0.02), (0.97, 0.01, 0.02), (0.54, 0.26, 0.20), 0.30),
    }
)
CONCENTRATION = 4.0  # of a nodule's height about its mean (beta distribution)


@dataclass(frozen=True)
class Signs:
    """What a radiologist would say of a nodule; `upper` is its place between the base (0) and the apex (1)."""

    diameter_mm: float
    density: Density
    margin: Margin
    calcification: Calcification
    contact: Contact
    upper: float


NAMED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"density": get_args(Density), "margin": get_args(Margin), "calcification": get_args(Calcification),
     "contact": get_args(Contact)}
)  # fmt: skip


def draw_signs(kind: Kind, chance: np.random.Generator) -> Signs:
    """Signs of a nodule of this kind."""
    rule = RULES[kind]
    diameter = float(np.clip(rule.diameter_mm * np.exp(chance.normal(0, SPREAD)), LEAST_MM, LARGEST_MM))
    named = {name: words[int(chance.choice(3, p=getattr(rule, name)))] for name, words in NAMED.items()}
    upper = float(chance.beta(CONCENTRATION * rule.upper, CONCENTRATION * (1 - rule.upper)))
    return Signs(diameter_mm=diameter, upper=upper, **named)  # type: ignore[arg-type]


def likelihood(kind: Kind, signs: Signs) -> float:
    """Logarithm of how likely the signs are in a kind, up to what is the same for all kinds."""
    rule = RULES[kind]
    found = -0.5 * (np.log(signs.diameter_mm / rule.diameter_mm) / SPREAD) ** 2
    for name, words in NAMED.items():
        found += np.log(getattr(rule, name)[words.index(getattr(signs, name))])
    a, b = CONCENTRATION * rule.upper, CONCENTRATION * (1 - rule.upper)
    return float(found + (a - 1) * np.log(signs.upper) + (b - 1) * np.log1p(-signs.upper) - betaln(a, b))


def malignancy(signs: Signs) -> float:
    """Logarithm of the odds that a nodule with these signs is malignant: what an ideal reader of the signs would say.

    >>> smooth = Signs(5.0, "solid", "smooth", "central", "free", 0.5)
    >>> spiculated = Signs(18.0, "part-solid", "spiculated", "none", "free", 0.7)
    >>> round(malignancy(smooth), 1), round(malignancy(spiculated), 1)
    (-5.4, 6.6)
    """
    benign, *malignant = (np.log(share) + likelihood(kind, signs) for kind, share in PRIOR.items())
    return float(np.logaddexp(*malignant) - benign)


def shape_of(kind: Kind, signs: Signs, chance: np.random.Generator) -> Nodule:
    """A nodule that shows the signs."""
    radius = signs.diameter_mm / 2
    lobulated, spiculated = signs.margin == "lobulated", signs.margin == "spiculated"
    height = chance.uniform(0.10, 0.22) if lobulated else chance.uniform(0.02, 0.06)
    lobes = bumps(int(chance.integers(3, 6)), height, (5.0, 10.0), chance)
    spicules = NO_STRANDS
    if spiculated:
        rough = bumps(int(chance.integers(8, 16)), chance.uniform(0.05, 0.15), (18.0, 40.0), chance)
        lobes = np.concatenate([lobes, rough])
        count = min(10 + chance.poisson(0.07 * np.pi * signs.diameter_mm**2), 60)
        longest = chance.uniform(0.5, 1.0) * (4 + 0.5 * signs.diameter_mm)
        spicules = spread_strands(count, radius, (0.5 * longest, longest), (1.2, 0.5), chance)
    glass = signs.density != "solid"
    return Nodule(
        malignant=kind != "benign",
        radius_mm=radius,
        stretch=np.exp(chance.normal(0, 0.05 if kind == "metastatic" else 0.12, 3)),
        lobes=lobes,
        spicules=spicules,
        strands=spread_strands(chance.poisson(0.8), radius, (5.0, 16.0), (1.4, 1.0), chance),
        halo=float(chance.uniform(0.05, 0.3)) if chance.random() < 0.3 else 0.0,
        hu=float(chance.uniform(*GLASS_HU) if glass else chance.normal(*SOLID_HU)),
        calcified=_foci(signs.calcification, radius, chance),
        solid=float(chance.uniform(0.3, 0.7)) if signs.density == "part-solid" else 0.0,
        solid_hu=float(chance.normal(*SOLID_HU)),
    )


def _foci(calcification: Calcification, radius: float, chance: np.random.Generator) -> NDArray[np.float64]:
    if calcification == "none":
        return NO_FOCI
    central = calcification == "central"
    return calcified_foci(int(chance.integers(1, 4)) if central else 1, 0.15 if central else 0.6, radius, chance)


def as_row(signs: Signs) -> dict[str, str]:
    """The signs as texts of a table."""
    return {f.name: f"{v:.2f}" if isinstance(v := getattr(signs, f.name), float) else str(v) for f in fields(signs)}
