"""Seconds for one simulated chest of 128 x 256 x 256, from chance to the image, its masks and its nodules.

    python benchmarks/simulated_chest.py

One patient is simulated first and not counted: it compiles the loops.
"""

from __future__ import annotations

import statistics
import time

from radcnn.core.cores import available_cores
from radcnn.physics.phantoms.chest import ChestPlan, simulate_chest
from radcnn.physics.phantoms.chest_study import SITES

RUNS = 5


def main() -> None:
    """Print each time, and the median."""
    taken = []
    for number in range(RUNS + 1):
        plan = ChestPlan(f"SIM{number:04d}", SITES[0], "metastatic", ("metastatic",) * 4 + ("benign",))
        began = time.perf_counter()
        case = simulate_chest(plan, seed=0)
        taken.append(time.perf_counter() - began)
    shape = " x ".join(map(str, case.hu.shape))
    print(f"{shape}: {', '.join(f'{s:.1f}' for s in taken[1:])} s; median {statistics.median(taken[1:]):.1f} s "
          f"on {available_cores()} cores (asked: 10)")  # fmt: skip


if __name__ == "__main__":
    main()
