"""Whether the networks of one run look at the same places: maps of each, compared pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from torch import Tensor, nn

from radcnn.core.errors import SettingsError
from radcnn.core.estimate import Estimate
from radcnn.explanation.alike import likeness, mean_likeness
from radcnn.explanation.randomised import MapsOf


@dataclass(frozen=True)
class Repeated:
    """How alike the maps of networks are that were trained alike (seeds or folds).

    correlation  Spearman's, of |maps|, mean over pairs of networks; interval by patient
    networks     how many were compared
    """

    method: str
    correlation: Estimate
    networks: int


def repeated(
    method: str, networks: Sequence[nn.Module], maps_of: MapsOf, patients: Sequence[str], *, level: float = 0.95
) -> Repeated:
    """The rank correlation of |maps| over all pairs of two or more networks; raises SettingsError for fewer.

    maps_of  makes the maps (B, *size) of the cases with a network it is given
    """
    if len(networks) < 2:
        raise SettingsError(
            f"repeatability needs two networks or more, and this run has {len(networks)}; train with --folds or with "
            "several networks"
        )
    return compared(method, [maps_of(network) for network in networks], patients, level=level)


def compared(method: str, maps: Sequence[Tensor], patients: Sequence[str], *, level: float = 0.95) -> Repeated:
    """As `repeated`, of maps (B, *size) that were made before, one set for each network."""
    pairs = np.stack([likeness(one, other) for one, other in combinations(maps, 2)])
    known = np.isfinite(pairs)
    means = np.divide(
        np.where(known, pairs, 0).sum(axis=0),
        known.sum(axis=0),
        out=np.full(pairs.shape[1], np.nan),
        where=known.any(axis=0),
    )
    return Repeated(method, mean_likeness(means, patients, level=level), len(maps))
