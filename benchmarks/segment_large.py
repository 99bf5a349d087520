"""Memory and time of outlining structures in a CT of 600 x 512 x 512 voxels, in a process of its own.

    python benchmarks/segment_large.py [--dims 2|3] [--spacing MM]

The bundle holds a U-Net as a study would make it, with its first weights: what it outlines means nothing, what it takes
is what a trained one takes. The most that the process holds is told by the system (ru_maxrss), which counts the parts
of mapped files that are in memory.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from radcnn.core.volume import Volume
from radcnn.data.nifti import write_nifti
from radcnn.inference.segmenter import Segmenter, save_segmenter
from radcnn.learning.masked import first_segmenting_network
from radcnn.plan.segmentation import SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from radcnn.transforms.intensity import Intensity

SIZE, SPACING = (600, 512, 512), (1.0, 0.8, 0.8)
ASKED = 4.0  # GiB


def main() -> None:
    """Write a volume and a bundle, predict, and tell what it took."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--dims", type=int, choices=(2, 3), default=3)
    asked.add_argument("--spacing", type=float, default=None, help="mm of the network's grid; the image's own without")
    said = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="radcnn-large-") as name:
        folder = Path(name)
        chance = np.random.default_rng(0)
        slab = np.rint(chance.normal(0, 200, (1, 8, *SIZE[1:]))).astype(np.int16)
        volume = Volume.from_spacing(np.tile(slab, (1, SIZE[0] // 8, 1, 1)), SPACING)
        write_nifti(volume, folder / "ct.nii.gz")
        del volume
        plan = SegmentationPlan(
            NetworkPlan("modern_unet", {"kernels": [16, 32, 64, 128]}), TrainingPlan(epochs=1, batch=1),
            (Structure("liver", (1,)), Structure("lesion", (2,))), (64,) * said.dims, said.dims,
            spacing_mm=None if said.spacing is None else (said.spacing,) * 3, intensity=Intensity("window", -100, 300),
        )  # fmt: skip
        bundle = folder / "bundle"
        save_segmenter(bundle, Segmenter(plan, 1, hu=True), [first_segmenting_network(plan, 0)])
        began = time.perf_counter()
        command = [sys.executable, "-m", "radcnn", "predict", str(bundle), str(folder / "ct.nii.gz"), "--quiet"]
        subprocess.run([*command, "--out", str(folder / "out.nii.gz")], check=True)
        took = time.perf_counter() - began
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    shape = " x ".join(map(str, SIZE))
    print(f"{shape}, {said.dims}D: {most:.2f} GiB at most (asked: {ASKED:g}), {took:.0f} s with reading and writing")


if __name__ == "__main__":
    main()
