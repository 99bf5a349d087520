"""How hard a simulated study is: what simple ways reach on it, which gives a network's figures their meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from radcnn.core.files import write_json
from radcnn.evaluation.restoration import JudgedCase, figures_of, tables_of
from radcnn.inference.classical import FILTERS, STRENGTHS, best_strength, filtered
from radcnn.physics.phantoms.mask_study import Outlined
from radcnn.physics.phantoms.outlining import outlined_by_forest, outlined_by_range
from radcnn.physics.phantoms.pair_study import PairStudy

BLURS = (0.4, 0.6, 0.8, 1.0, 1.3, 1.7)  # pixels, standard deviations that are tried
CERTIFIED = 12  # pairs that a certificate looks at


def certified_outlines(images: Sequence[Outlined], labels: Mapping[str, int]) -> str:
    """The Dice that a threshold and a forest of voxel features reach, the forest on images that it did not see."""
    lines = [f"what simple ways reach on {len(images)} images, mean Dice; no image was examined"]
    width = max(len(label) for label in labels)
    for label, number in labels.items():
        by_range = outlined_by_range(images, number)
        by_forest = outlined_by_forest(images, number)
        lines.append(
            f"  {label:<{width}}  best range of values {by_range:.3f}  random forest of voxels {by_forest:.3f}"
        )
    return "\n".join(lines)


def certified_pairs(study: PairStudy, folder: Path, unit: str, scale: float = 1.0) -> str:
    """What a blur and the filters reach, each at its best on the very pairs: a network must do better than these.

    unit, scale  that errors are told in, and how many of it are one of the images'
    """
    given, wanted = (scale * part[:CERTIFIED] for part in study.sample)
    noise = float(np.std(given - wanted))
    blur = min(BLURS, key=lambda s: float(np.mean((gaussian_filter(given, (0, s, s)) - wanted) ** 2)))
    blurred: NDArray[np.float32] = gaussian_filter(given, (0, blur, blur))
    ways = {"input": given, f"blur of {blur:g} pixels": blurred}
    for name, by in FILTERS.items():
        strength = best_strength(given, wanted, by, [share * noise for share in STRENGTHS])
        ways[name] = filtered(given, by, strength)
    cases = [
        JudgedCase(str(k), str(k), {way: figures_of(images[k], wanted[k], ()) for way, images in ways.items()})
        for k in range(len(given))
    ]
    table, _ = tables_of(cases)
    width = max(map(len, table))
    lines = [f"what simple ways reach on {len(given)} pairs, each at its best"]
    shown = {"": (f"RMSE in {unit}", "regressed SNR in dB")}
    shown |= {way: (str(row["RMSE"]), str(row["regressed SNR"])) for way, row in table.items()}
    first = max(len(error) for error, _ in shown.values())
    lines += [f"  {way:<{width}}  {error:<{first}}  {snr}" for way, (error, snr) in shown.items()]
    text = "\n".join(lines)
    plain = {way: {name: one.as_json() for name, one in row.items()} for way, row in table.items()}
    write_json(folder / "certificate.json", {"simulated": True, "text": text, "table": plain})
    return text
