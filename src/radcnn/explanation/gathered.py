"""Whether errors lie together: groups of cases that look alike to a network, each with its share of errors, and a test.

Groups are made without labels or errors, by k-means. Whether errors lie unevenly among them is tested by giving
patients each other's errors: all cases of a patient stay together, so that the test is of patients and not of images.
Only patients with as many cases change places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from radcnn.core.chance import derived_seed, generator
from radcnn.core.errors import SettingsError
from radcnn.core.estimate import Estimate
from radcnn.metrics.clustered import Floats, patient_codes
from radcnn.metrics.proportions import proportion
from radcnn.networks import Network

PERMUTATIONS = 999
EACH = 3  # cases of a group, on the mean, at least
NEAREST = 4  # cases that are shown of each
PARTS = {2: 14, 3: 7}  # of each side, in which maps are compared: single voxels of smooth maps are no evidence


@dataclass(frozen=True)
class Group:
    """Cases that are alike: which, those nearest to their middle first, and their share of errors by patient."""

    rows: tuple[int, ...]
    errors: Estimate


@dataclass(frozen=True)
class Gathered:
    """Groups, the largest share of errors first, and whether errors lie unevenly among them.

    p          of errors that lie as unevenly by chance (permutations by patient); None where nothing can be permuted
    undefined  why not
    """

    groups: tuple[Group, ...]
    p: float | None
    undefined: str = ""


def gathered(
    values: ArrayLike,
    wrong: Sequence[bool],
    patients: Sequence[str],
    *,
    groups: int,
    seed: int = 0,
    scaled: bool = True,
) -> Gathered:
    """Groups of cases by what a network makes of them, values (n, d), and where errors lie among these.

    wrong   whether the answer to each case is an error
    scaled  each of the d values is divided by its standard deviation

    Raises SettingsError for fewer than 2 groups, or fewer than three cases for each.
    """
    found, errors = np.asarray(values, dtype=np.float64), np.asarray(wrong, dtype=bool)
    if groups < 2 or len(found) < EACH * groups:
        raise SettingsError(
            f"groups of cases must be 2 or more, of {EACH} cases or more, got {groups} groups of {len(found)} cases"
        )
    if scaled:
        spread = found.std(0)
        found = (found - found.mean(0)) / np.where(spread > 0, spread, 1)
    member, away = _member(found, groups, seed)
    codes = patient_codes(patients)
    made = [_group(np.flatnonzero(member == g), away, errors, codes) for g in np.unique(member)]
    p, undefined = _uneven(member, errors, codes, seed)
    return Gathered(tuple(sorted(made, key=lambda group: -group.errors.value)), p, undefined)


def penultimate(network: Network, images: Tensor, *, at_once: int = 64) -> Floats:
    """What the last dense layer is given of images (n, C, *size): (n, features)."""
    kept: list[Tensor] = []
    handle = network.head.register_forward_pre_hook(lambda _, given: kept.append(given[0].detach().clone()))
    try:
        with torch.no_grad():
            for some in images.split(at_once):
                network(some)
    finally:
        handle.remove()
    return torch.cat(kept).flatten(1).double().numpy()


def in_parts(maps: Tensor) -> Floats:
    """Means of maps (n, *size) over at most 14 (volumes: 7) parts of each side: (n, parts).

    >>> in_parts(torch.ones(2, 28, 5)).shape
    (2, 70)
    """
    rank = maps.ndim - 1
    parts: Any = tuple(min(n, PARTS[rank]) for n in maps.shape[1:])
    mean = functional.adaptive_avg_pool2d if rank == 2 else functional.adaptive_avg_pool3d
    means: Tensor = mean(maps[:, None], parts)
    return means.flatten(1).double().numpy()


def _member(values: Floats, groups: int, seed: int) -> tuple[NDArray[np.intp], Floats]:
    """The group of each case, and how far it lies from the middle of its group."""
    from sklearn.cluster import KMeans

    count = min(groups, len(np.unique(values.round(6), axis=0)))
    made = KMeans(count, n_init=10, random_state=derived_seed(seed, "explain", "groups") % 2**31).fit(values)
    member = np.asarray(made.labels_, dtype=np.intp)
    return member, np.linalg.norm(values - made.cluster_centers_[member], axis=1)


def _group(rows: NDArray[np.intp], away: Floats, errors: NDArray[np.bool_], codes: NDArray[np.intp]) -> Group:
    ordered = rows[np.argsort(away[rows], kind="stable")]
    return Group(tuple(ordered.tolist()), proportion(errors[rows], codes[rows]))


def _uneven(
    member: NDArray[np.intp], errors: NDArray[np.bool_], codes: NDArray[np.intp], seed: int
) -> tuple[float | None, str]:
    """The share of permutations in which errors lie as unevenly, 1 added to both counts (Phipson & Smyth 2010)."""
    if errors.all() or not errors.any():
        return None, "all answers are wrong" if errors.any() else "no answer is wrong"
    blocks = _same_size(codes)
    if all(len(block) == 1 for block in blocks):
        return None, "no two patients have as many cases, so that none can change places"
    chance, sizes = generator(seed, "explain", "errors"), np.bincount(member).astype(float)
    usual = errors.mean()

    def spread(given: NDArray[np.bool_]) -> float:
        shares = np.bincount(member, given, len(sizes)) / np.maximum(sizes, 1)
        return float((sizes * (shares - usual) ** 2).sum())

    own, as_much = spread(errors), 0
    for _ in range(PERMUTATIONS):
        given = np.empty_like(errors)
        for places in blocks:
            given[places] = errors[chance.permutation(places)]
        as_much += spread(given) >= own - 1e-12
    return (1 + as_much) / (1 + PERMUTATIONS), ""


def _same_size(codes: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Rows of the cases of each patient, in one array (patients, cases) for each number of cases."""
    people = [np.flatnonzero(codes == who) for who in range(int(codes.max()) + 1)]
    return [np.stack([rows for rows in people if len(rows) == size]) for size in sorted({len(r) for r in people})]
