"""Times the bootstrap of the AUC by patient against a loop over scikit-learn's roc_auc_score, in one run.

    python benchmarks/bootstrap_auc.py [resamples]

The loop draws patients, gathers their cases and calls roc_auc_score, as is usual. Both answer the same question; the
printed limits are the percentile limits of both, and differ only by the draws.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from sklearn.metrics import roc_auc_score

from radcnn.metrics.bootstrap import Resampling, bootstrap
from radcnn.metrics.ranking import Ladder

RUNS = 5
SETTINGS = ((1000, 1, 0.5), (5000, 1, 0.5), (5000, 5, 0.5), (5000, 1, 0.05))


def ours(scores: np.ndarray, truth: np.ndarray, patients: np.ndarray, resamples: int) -> np.ndarray:
    """Replicates of the AUC by weights."""
    ladder = Ladder.of(scores, truth)
    plan = Resampling.by_patient(patients[ladder.order], resamples=resamples)
    return bootstrap(ladder.auc, plan).resampled[:, 0]


def loop(scores: np.ndarray, truth: np.ndarray, patients: np.ndarray, resamples: int) -> np.ndarray:
    """Replicates of the AUC by copying cases."""
    chance, made = np.random.default_rng(0), np.empty(resamples)
    rows = np.split(np.argsort(patients, kind="stable"), np.cumsum(np.bincount(patients))[:-1])
    single = len(rows) == patients.size
    for i in range(resamples):
        drawn = chance.integers(0, len(rows), len(rows))
        kept = drawn if single else np.concatenate([rows[k] for k in drawn])
        made[i] = roc_auc_score(truth[kept], scores[kept])
    return made


def timed(run: Callable[..., np.ndarray], *given: object) -> tuple[float, np.ndarray]:
    """Seconds and result."""
    start = time.perf_counter()
    made = run(*given)
    return time.perf_counter() - start, made


def main() -> None:
    """Print one line per setting: medians of five interleaved runs and their ratio."""
    resamples = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print(f"{resamples} resamples, median of {RUNS} runs")
    for cases, images, prevalence in SETTINGS:
        chance = np.random.default_rng(cases)
        truth = chance.random(cases) < prevalence
        scores, patients = chance.normal(size=cases) + truth, np.arange(cases) // images
        seconds: dict[str, list[float]] = {"ours": [], "loop": []}
        limits = {}
        for _ in range(RUNS):
            for name, run in (("ours", ours), ("loop", loop)):
                spent, made = timed(run, scores, truth, patients, resamples)
                seconds[name].append(spent)
                limits[name] = np.quantile(made, (0.025, 0.975))
        fast, slow = (statistics.median(seconds[name]) for name in ("ours", "loop"))
        shown = "  ".join(f"{name} {low:.4f} to {high:.4f}" for name, (low, high) in limits.items())
        print(
            f"{cases} cases, {images} per patient, prevalence {prevalence}: ours {fast:.3f} s, "
            f"scikit-learn loop {slow:.3f} s, {slow / fast:.1f} times faster;  {shown}"
        )


if __name__ == "__main__":
    main()
