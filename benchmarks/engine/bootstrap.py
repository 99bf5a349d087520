"""2,000 bootstrap AUCs, and mean Dice coefficients, of 1,000 cases against the usual loops, and scipy's bootstrap.

    python benchmarks/engine/bootstrap.py [--json FILE]

All answer with an interval: ours is BCa by patient, the loops take percentiles. The intervals are printed: they differ
by the draws only, and BCa's from percentiles by its correction.
"""

from __future__ import annotations

import numba  # noqa: F401  as where images were read: draws are counted by a compiled loop
import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score
from timing import measure, report, versions, write_rows

from radcnn.metrics.bootstrap import Resampling, bootstrap, bootstrap_auc
from radcnn.metrics.clustered import Floats

CASES = 1000
RESAMPLES = 2000
LIMITS = (0.025, 0.975)
OURS = "radcnn"


def loop_of_aucs(scores: Floats, truth: Floats) -> Floats:
    """scikit-learn's AUC of every resample."""
    chance, made = np.random.default_rng(0), np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        drawn = chance.integers(0, CASES, CASES)
        made[i] = roc_auc_score(truth[drawn], scores[drawn])
    return np.quantile(made, LIMITS)


def loop_of_means(dice: Floats) -> Floats:
    """numpy's mean of every resample."""
    chance = np.random.default_rng(0)
    return np.quantile([chance.choice(dice, CASES).mean() for _ in range(RESAMPLES)], LIMITS)


def bootstrap_mean(dice: Floats) -> Floats:
    """Our interval of the mean."""
    plan = Resampling.by_patient(np.arange(CASES), resamples=RESAMPLES)
    found = bootstrap(lambda weights: weights @ dice / weights.sum(axis=1), plan).estimate()
    return np.array([found.low, found.high])


def main() -> None:
    """Two rows."""
    chance = np.random.default_rng(0)
    truth = chance.random(CASES) < 0.5
    scores, dice, patients = chance.normal(size=CASES) + truth, chance.beta(8, 2, CASES), np.arange(CASES)
    found = bootstrap_auc(scores, truth, patients, resamples=RESAMPLES)
    print("AUC:", found.low, found.high, "loop:", loop_of_aucs(scores, truth))
    print("mean Dice:", bootstrap_mean(dice), "loop:", loop_of_means(dice))
    aucs = measure(
        {
            OURS: lambda: bootstrap_auc(scores, truth, patients, resamples=RESAMPLES),
            "loop of scikit-learn's roc_auc_score": lambda: loop_of_aucs(scores, truth),
        }
    )
    means = measure(
        {
            OURS: lambda: bootstrap_mean(dice),
            "loop of numpy's choice and mean": lambda: loop_of_means(dice),
            "scipy.stats.bootstrap (BCa)": lambda: stats.bootstrap((dice,), np.mean, n_resamples=RESAMPLES, rng=0),
        }
    )
    packages = {"versions": versions("scikit-learn", "scipy", "numpy")}
    alone = measure({"draws": lambda: np.random.default_rng(0).integers(0, CASES, (RESAMPLES, CASES), dtype=np.uint16)})
    share = alone["draws"].median / means[OURS].median
    note = f"numpy's drawing of {RESAMPLES * CASES:,} patients, the same everywhere, takes {share:.0%} of our time"
    write_rows(
        [
            report("2,000 bootstrap AUCs of 1,000 cases", aucs, ours=OURS, reach=90, asked="90 times", extra=packages),
            report(
                "2,000 bootstrap means of 1,000 Dice",
                means,
                ours=OURS,
                reach=5,
                asked="5 times",
                note=note,
                extra=packages,
            ),
        ]
    )


if __name__ == "__main__":
    main()
