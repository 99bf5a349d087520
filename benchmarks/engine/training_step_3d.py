"""A training step of a 3D U-Net on two volumes of 64^3: precision and memory allocation.

    python benchmarks/engine/training_step_3d.py [--json FILE]

How the C library keeps memory is decided once per process, so each way is timed in a process of its own: as torch does
it by itself, with the MALLOC_ variables of the environment, and with `keep_memory`, which needs no environment. Ours is
what radcnn's trial would choose: bfloat16 where this machine offers it and a step is clearly faster, else float32.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import torch
from steps import NO_BFLOAT16, training_step
from timing import Timed, measure, report, versions, write_rows
from unet import UNet

from radcnn.core.cores import available_cores
from radcnn.learning.execution import Execution, keep_memory
from radcnn.learning.precision import FASTER, offers_bfloat16

SIDE, BATCH, RUNS, REACH = 64, 2, 5, 1.8
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "268435456",
}
WAYS = {
    "torch, float32": ("float32", ""),
    "torch, float32, MALLOC_ variables": ("float32", "variables"),
    "radcnn, float32, keep_memory": ("float32", "mallopt"),
    "torch, bfloat16": ("bfloat16", ""),
    "torch, bfloat16, MALLOC_ variables": ("bfloat16", "variables"),
    "radcnn, bfloat16, keep_memory": ("bfloat16", "mallopt"),
}


def child(precision: str, memory: str) -> None:
    """Time one way and print its runs."""
    if memory == "mallopt":
        keep_memory()
    torch.set_num_threads(available_cores())
    torch.manual_seed(0)
    execution = Execution(channels_last=False, bfloat16=precision == "bfloat16")
    step = training_step(UNet(), torch.randn(BATCH, 1, SIDE, SIDE, SIDE), execution)
    print(json.dumps(measure({"step": step}, runs=RUNS)["step"].runs))


def main() -> None:
    """Time every way."""
    timed = {}
    offered = offers_bfloat16("cpu")
    for name, (precision, memory) in WAYS.items():
        if precision == "bfloat16" and not offered:
            continue
        environment = {**os.environ, **(MALLOC if memory == "variables" else {})}
        done = subprocess.run(
            [sys.executable, __file__, "--child", precision, memory], env=environment, check=True, capture_output=True,
            text=True,
        )  # fmt: skip
        timed[name] = Timed(name, tuple(json.loads(done.stdout.splitlines()[-1])))
        print(f"  {name:40s} {timed[name].median:8.0f} ms", flush=True)
    ours = "radcnn, float32, keep_memory"
    if offered and timed[ours].median >= FASTER * timed["radcnn, bfloat16, keep_memory"].median:
        ours = "radcnn, bfloat16, keep_memory"
    shown = {name: timed[name] for name in (ours, "torch, float32")}
    facts = {"all": [found.as_json() for found in timed.values()], "versions": versions("torch")}
    note = "" if offered else NO_BFLOAT16
    title = f"3D U-Net, training step on {BATCH} volumes of {SIDE}^3"
    asked = f"{REACH} x torch float32"
    write_rows([report(title, shown, ours=ours, reach=REACH, asked=asked, note=note, extra=facts)])


if __name__ == "__main__":
    child(*sys.argv[2:4]) if sys.argv[1:2] == ["--child"] else main()
