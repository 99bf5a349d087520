"""Which cases each network of a run learns from and is tuned on: members share them, folds rotate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from radcnn.data.duplicates import content_groups
from radcnn.data.splits import folds
from radcnn.plan.settings import TrainingPlan
from radcnn.study.open_study import OpenStudy

Rows = NDArray[np.intp]


def rotated_rows(opened: OpenStudy, training: TrainingPlan) -> tuple[tuple[Rows, Rows], ...]:
    """(training, tuning) rows of the cohort for each network.

    Raises SplitError where the training and tuning cases cannot fill the folds.
    """
    if not training.folds:
        return ((opened.rows("training"), opened.rows("tuning")),) * training.members
    made = folds(
        opened.cohort, opened.split, k=training.folds, seed=opened.split.seed, identical=content_groups(opened.cohort)
    )
    rotated = [replace(opened, split=fold) for fold in made]
    return tuple((fold.rows("training"), fold.rows("tuning")) for fold in rotated)


def out_of_fold(opened: OpenStudy, training: TrainingPlan) -> dict[int, int | None]:
    """Which network looks at each case on which something is chosen: of folds the only one that did not learn from it.

    By row of the cohort, in its order; None where all networks look at it.
    """
    if not training.folds:
        return dict.fromkeys((int(row) for row in opened.rows("tuning")), None)
    found = {int(row): k for k, (_, tuning) in enumerate(rotated_rows(opened, training)) for row in tuning}
    return dict(sorted(found.items()))
