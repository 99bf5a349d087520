"""Whether an attack hides a planted lesion from an observer that knows nothing of the attack.

The channelised Hotelling observer of `metrics.observer` learns its template on images without attack of one half of the
patients, with the lesion and without. It is then asked about the other half: the lesion in attacked images against its
absence in images that nobody touched. An AUC of 0.5 is guessing; below it, the attack makes lesions look like less than
their absence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from radcnn.core.chance import generator
from radcnn.core.estimate import Estimate
from radcnn.metrics.bootstrap import bootstrap_auc
from radcnn.metrics.clustered import Floats, patient_codes
from radcnn.metrics.observer import CHANNELS, FOLDS, trained_observer

FEWEST_PATIENTS = 6  # below which resampled patients say nothing of others: templates are of half of them


def hidden_auc(
    present: Floats, absent: Floats, attacked: Floats, patients: Sequence[str], *, resamples: int = 2000, seed: int = 0
) -> Estimate:
    """The observer's AUC for attacked lesions, with an interval by patient.

    present, absent, attacked  (n, side, side) of the same n places, without attack but for the last
    patients                   whose each is, n

    Undefined where a half of the patients has too few places; without an interval for fewer than 6 patients.
    """
    codes = patient_codes(list(patients))
    count = int(codes.max()) + 1 if codes.size else 0
    fold = generator(seed, "observer").permutation(count)[codes] % FOLDS if count else codes
    fewest = min((int((fold != k).sum()) for k in range(FOLDS)), default=0)
    if fewest <= CHANNELS:
        why = f"an observer of {CHANNELS} channels needs more than {CHANNELS} places in each half of the patients"
        return Estimate.missing(f"{why}, and one has {fewest}", len(codes), count)
    scores = np.empty((2, len(codes)))
    for k in range(FOLDS):
        seen, asked = trained_observer(present[fold != k], absent[fold != k]), fold == k
        scores[0, asked], scores[1, asked] = seen.scores(attacked[asked]), seen.scores(absent[asked])
    truth = np.repeat([True, False], len(codes))
    found = bootstrap_auc(scores.ravel(), truth, np.concatenate([codes, codes]), resamples=resamples, seed=seed)
    if count < FEWEST_PATIENTS:
        return replace(found, low=math.nan, high=math.nan, method=f"no interval: fewer than {FEWEST_PATIENTS} patients")
    return found
