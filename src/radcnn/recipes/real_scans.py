"""Real scans on the bench of low dose: their dose is lowered, and networks restore scans that they never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Source
from radcnn.core.chance import generator
from radcnn.core.errors import InputError
from radcnn.core.estimate import Estimate
from radcnn.core.volume import Volume
from radcnn.data.findings import counted
from radcnn.data.read import list_images, read_source
from radcnn.data.store import StoredCase
from radcnn.data.units import in_unit
from radcnn.evaluation.restoration import JudgedCase
from radcnn.physics.lower_dose import lower_dose
from radcnn.recipes.ways import Bench, Way, judged, pair_of, percent, shown, tuned

MOST_SLICES = 60  # of a scan, in its middle


def listed(folder: Path) -> tuple[Path, ...]:
    """The scans of a folder, or one scan; raises InputError where nothing is there."""
    if not folder.exists():
        raise InputError(f"{folder} does not exist; give a folder of CT scans")
    return list_images(folder) if folder.is_dir() else (folder,)


def on_real_scans(
    scans: Sequence[Path], bench: Bench, ways: Mapping[str, Way], tuned_on: Sequence[StoredCase]
) -> tuple[dict[str, dict[str, dict[str, Estimate]]], str]:
    """Real scans whose dose is lowered: by the networks of the simulated ones, and by networks of the other scans."""
    real = [_lowered(path, bench) for path in scans]
    cases = [judged(f"scan {k + 1}", low, full, ways, pixel) for k, (low, full, pixel) in enumerate(real)]
    found = {f"real scans at {percent(bench.dose)} of the dose, trained on simulated ones": shown(cases)}
    if len(real) > 1:
        others: list[JudgedCase] = []
        for k, (low, full, pixel) in enumerate(real):
            rest = [(a, b) for j, (a, b, _) in enumerate(real) if j != k]
            strengths = tuned(*middles(rest), bench.listener)
            own = {name: replace(ways[name], strength=strength) for name, strength in strengths.items()}
            for name in bench.plans:
                pairs = [pair_of(a, b) for a, b in rest]
                called = f"{name}-without-scan-{k + 1}"
                own[name] = Way(bench.taught(name, called, pairs, tuned_on, synthetic=False))
            others.append(judged(f"scan {k + 1}", low, full, own, pixel))
        found[f"real scans at {percent(bench.dose)} of the dose, trained on the other scans"] = shown(others)
    return found, (
        f"The real table is of {counted(len(real), 'patient')}: an interval by patient of so few says mostly that they "
        "are few. Their full-dose noise stays in the references."
    )


def middles(
    pairs: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The middle slices of scans (n, rows, columns), low and full, of scans of any size: what fits into the least."""
    rows, columns = (min(low.shape[axis] for low, _ in pairs) for axis in (1, 2))

    def middle(scan: NDArray[np.float32]) -> NDArray[np.float32]:
        top, left = (scan.shape[1] - rows) // 2, (scan.shape[2] - columns) // 2
        return scan[len(scan) // 2, top : top + rows, left : left + columns]

    return np.stack([middle(low) for low, _ in pairs]), np.stack([middle(full) for _, full in pairs])


def _lowered(path: Path, bench: Bench) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Slices of a real scan at a share of its dose and as they are, and the size of their pixels."""
    volume = in_unit(read_source(Source(path)), hu=True)
    if volume.rank == 3 and volume.size[0] > MOST_SLICES:
        volume = _middle(volume)
    bench.listener.say("lowering the dose of a scan")
    lowered = lower_dose(volume, bench.dose, chance=generator(bench.seed, "lower dose", "reproduce")).volume
    spacing = volume.spacing_mm
    assert spacing is not None, "a lower dose needs pixels of known size"
    low, full = (np.rint(v.voxels.reshape(-1, *v.size[-2:])).astype(np.float32) for v in (lowered, volume))
    return low, full, spacing[-1]


def _middle(volume: Volume) -> Volume:
    """The slices in the middle of a long scan: neighbours stay neighbours, so that its noise can be read."""
    first = (volume.size[0] - MOST_SLICES) // 2
    return replace(volume, voxels=volume.voxels[:, first : first + MOST_SLICES])
