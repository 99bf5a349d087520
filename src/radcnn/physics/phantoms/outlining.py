"""How far simple ways get in outlining a structure: a range of values, and a forest that looks at single voxels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from radcnn.core.chance import generator
from radcnn.physics.phantoms.mask_study import Outlined

SCALES_MM = (1.5, 4.0, 9.0)
LEVELS = 24
DRAWN = 4_000  # voxels of each image that a forest learns from
TREES = 40


def outlined_by_range(images: Sequence[Outlined], label: int) -> float:
    """Mean Dice of all voxels whose smoothed value lies in the best range, chosen on the very images."""
    values = [_smoothed(one, SCALES_MM[0]) for one in images]
    levels = np.quantile(
        np.concatenate([v.ravel()[:: 1 + v.size // 20_000] for v in values]), np.linspace(0, 1, LEVELS)
    )
    best = 0.0
    for i, low in enumerate(levels[:-1]):
        for high in levels[i + 1 :]:
            best = max(best, _mean_dice([(v >= low) & (v <= high) for v in values], images, label))
    return best


def outlined_by_forest(images: Sequence[Outlined], label: int) -> float:
    """Mean Dice of a random forest of smoothed values and places, on the half of the images that it did not see."""
    from sklearn.ensemble import RandomForestClassifier

    half = max(1, len(images) // 2)
    chance = generator(0, "certificate", "outlining", label)
    features, truth = [], []
    for one in images[:half]:
        rows = chance.choice(one.mask.size, size=min(DRAWN, one.mask.size), replace=False)
        inside = np.flatnonzero(_wanted(one, label))
        if len(inside):
            rows = np.append(rows, chance.choice(inside, size=min(DRAWN // 4, len(inside)), replace=False))
        features.append(_features(one)[rows])
        truth.append(_wanted(one, label).ravel()[rows])
    labels = np.concatenate(truth)
    if labels.all() or not labels.any():
        return 0.0
    forest = RandomForestClassifier(TREES, min_samples_leaf=5, random_state=0, n_jobs=-1)
    forest.fit(np.concatenate(features), labels)
    others = images[half:] or images[:half]
    made = [forest.predict(_features(one)).reshape(one.mask.shape) for one in others]
    return _mean_dice(made, others, label)


def _wanted(one: Outlined, label: int) -> NDArray[np.bool_]:
    """Voxels of a label; the first of several holds the others, as a liver its lesions."""
    found: NDArray[np.bool_] = one.mask >= label if label == 1 else one.mask == label
    return found


def _smoothed(one: Outlined, mm: float) -> NDArray[np.float32]:
    sigma = [mm / step for step in one.spacing_mm]
    values = one.values.astype(np.float32)
    made: NDArray[np.float32] = gaussian_filter(values / max(float(np.percentile(values, 99)), 1.0), sigma)
    return made


def _features(one: Outlined) -> NDArray[np.float32]:
    places = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in one.mask.shape), indexing="ij")
    maps = [*(_smoothed(one, mm) for mm in SCALES_MM), *places]
    return np.stack([each.ravel() for each in maps], axis=1).astype(np.float32)


def _mean_dice(made: Sequence[NDArray[np.bool_]], images: Sequence[Outlined], label: int) -> float:
    found = []
    for mask, one in zip(made, images, strict=True):
        wanted = _wanted(one, label)
        total = int(mask.sum()) + int(wanted.sum())
        found.append(2 * int((mask & wanted).sum()) / total if total else 1.0)
    return float(np.mean(found))
