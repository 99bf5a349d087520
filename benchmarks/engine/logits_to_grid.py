"""Logits of 25 classes back to the scanner's grid as labels, beside nnU-Net's default and torch: time and peak memory.

Two kinds of logits: a segmentation's, where one class is far above the others in most places, and noise, where none is.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from timing import measure, report, versions, write_rows

from radcnn.transforms.labels_on_grid import labels_on_grid
from radcnn.transforms.weights import Line

CLASSES, NETWORK, SCANNER = 25, (100, 160, 160), (140, 256, 256)
NETWORK_MM, SCANNER_MM = (1.4, 1.6, 1.6), (1.0, 1.0, 1.0)
THREADS = 2


def segmentation(generator: np.random.Generator) -> np.ndarray:
    """24 ellipsoid organs before a background, (K, z, y, x) float32: 8 within, -8 outside, a few voxels between."""
    logits = np.empty((CLASSES, *NETWORK), np.float32)
    logits[0] = 2
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in NETWORK), indexing="ij"))
    for k in range(1, CLASSES):
        centre, radius = generator.uniform(-0.7, 0.7, 3), generator.uniform(0.1, 0.35, 3)
        away = np.sqrt((((grid.T - centre) / radius) ** 2).sum(-1)).T
        logits[k] = np.clip(20 * (1 - away), -8, 8) + generator.normal(0, 0.5, NETWORK)
    return logits


def by_radcnn(logits: np.ndarray) -> np.ndarray:
    return labels_on_grid(
        logits, tuple(Line(n, m, 0.5 * n / m - 0.5, n / m) for n, m in zip(NETWORK, SCANNER, strict=True))
    )


def by_nnunet(logits: np.ndarray) -> np.ndarray:
    from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg_to_shape

    values = resample_data_or_seg_to_shape(logits, SCANNER, NETWORK_MM, SCANNER_MM, order=1, force_separate_z=None)
    return np.asarray(values).argmax(axis=0).astype(np.uint8)


def by_torch(logits: np.ndarray) -> np.ndarray:
    import torch

    torch.set_num_threads(THREADS)
    values = torch.nn.functional.interpolate(torch.from_numpy(logits)[None], size=SCANNER, mode="trilinear")
    return values[0].argmax(dim=0).to(torch.uint8).numpy()


JOBS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "radcnn labels_on_grid": by_radcnn,
    "nnU-Net default, argmax": by_nnunet,
    "torch interpolate, argmax": by_torch,
}


def peak_mib(name: str, file: Path) -> float:
    """Memory the job takes beyond its input, in a process of its own that was warmed with logits of one class."""
    asked = [sys.executable, __file__, "--peak-of", name, str(file)]
    return float(json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.splitlines()[-1]))


def tell_peak(name: str, file: str) -> None:
    logits = np.load(file)
    JOBS[name](logits[:1])
    before = 1024 * int(next(v for v in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in v).split()[1])
    Path("/proc/self/clear_refs").write_text("5")  # the highest seen starts again from here
    JOBS[name](logits)
    peak = next(v for v in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in v).split()[1]
    print(json.dumps((1024 * int(peak) - before) / 2**20))


def main() -> None:
    if "--peak-of" in sys.argv:
        tell_peak(*sys.argv[-2:])
        return
    generator = np.random.default_rng(0)
    kinds = {
        "a segmentation's": segmentation(generator),
        "noise": generator.normal(size=(CLASSES, *NETWORK)).astype(np.float32),
    }
    rows = []
    for kind, logits in kinds.items():
        jobs = {name: partial(job, logits) for name, job in JOBS.items()}
        with tempfile.TemporaryDirectory() as folder:
            np.save(file := Path(folder) / "logits.npy", logits)
            memory = {name: round(peak_mib(name, file), 1) for name in jobs}
        labels = {name: job() for name, job in jobs.items()}
        ours = "radcnn labels_on_grid"
        same = {name: float((found == labels[ours]).mean()) for name, found in labels.items()}
        print(f"peak memory beyond the input, MiB: {memory}\nequal labels: {same}\n")
        used = versions("nnunetv2", "scikit-image", "torch", "numba")
        timed = measure(jobs, 3, warm=0)
        ratio = timed["nnU-Net default, argmax"].median / timed[ours].median
        made = report(
            f"{CLASSES} classes {NETWORK} to labels {SCANNER}: {kind} logits",
            timed,
            ours=ours,
            reach=1.0,
            asked=f"7x nnU-Net's default (is {ratio:.1f}), memory independent of the number of classes",
            extra={"memory_mib": memory, "equal_labels": same, "versions": used},
        )
        rows.append(made | {"reached": ratio >= 7 and made["reached"]})
    write_rows(rows)


if __name__ == "__main__":
    main()
