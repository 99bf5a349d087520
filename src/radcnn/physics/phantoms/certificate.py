"""The difficulty certificate of a simulated study: what single numbers, and a forest on all of them, already reach.

A network's score on simulated data means something only beside these figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radcnn.core.errors import SettingsError
from radcnn.core.estimate import Estimate
from radcnn.metrics.delong import delong_interval
from radcnn.metrics.ranking import auc

TREES, FOLDS = 200, 5


@dataclass(frozen=True)
class Certificate:
    """AUC of every scalar feature and of a random forest on all of them, cross-validated by patient.

    A feature's AUC is that of its better direction (at least .5), which favours the feature a little. `readers` are
    those of simulated readers, where the study has some.
    """

    features: Mapping[str, Estimate]
    forest: Estimate
    readers: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def best(self) -> str:
        """Name of the best single feature."""
        return max(self.features, key=lambda name: self.features[name].value)

    @property
    def text(self) -> str:
        """A table of a few lines for people."""
        ordered = sorted(self.features, key=lambda name: -self.features[name].value)
        width = max(map(len, ordered))
        lines = [f"best single feature: {self.best}, AUC {self.features[self.best]}"]
        lines.append(f"random forest on {len(ordered)} features, cross-validated by patient: AUC {self.forest}")
        lines += [f"{name}: AUC {found}" for name, found in self.readers.items()]
        return "\n".join([*lines, *(f"  {name:<{width}}  {self.features[name]}" for name in ordered)])

    def as_json(self) -> dict[str, Any]:
        """A JSON object with best, forest and features."""
        return {
            "metric": "AUC",
            "best_feature": self.best,
            "best": self.features[self.best].as_json(),
            "forest": self.forest.as_json(),
            "features": {name: value.as_json() for name, value in self.features.items()},
            "readers": {name: value.as_json() for name, value in self.readers.items()},
        }


def certificate(
    features: Mapping[str, ArrayLike],
    labels: Sequence[int],
    patients: Sequence[str],
    *,
    readers: Mapping[str, ArrayLike] | None = None,
    seed: int = 0,
) -> Certificate:
    """The certificate of n cases: every feature holds n numbers, labels are 0 or 1; readers' ratings are n numbers.

    Intervals are DeLong's, clustered by patient. Raises SettingsError when a column has another length.
    """
    truth = np.asarray(labels)
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in features.items()}
    for name, column in [*columns.items(), ("patients", np.asarray(patients))]:
        if column.shape != truth.shape:
            raise SettingsError(f"{name} must hold one value per label ({len(truth)}), got shape {column.shape}")
    single = {}
    for name, column in columns.items():
        turned = column if auc(column, truth) >= 0.5 else -column
        single[name] = delong_interval(turned, truth, patients)
    scores = _forest_scores(np.stack(list(columns.values()), axis=1), truth, np.asarray(patients), seed)
    read = {name: delong_interval(np.asarray(said, float), truth, patients) for name, said in (readers or {}).items()}
    return Certificate(single, delong_interval(scores, truth, patients), read)


def _forest_scores(x: NDArray[np.float64], y: NDArray, patients: NDArray, seed: int) -> NDArray[np.float64]:
    """Out-of-fold probabilities (n,) of a random forest; no patient is in training and in its own test fold."""
    from sklearn.ensemble import RandomForestClassifier  # a second to import, which workers do not need
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    count = min(FOLDS, len(np.unique(patients)), *np.unique(y, return_counts=True)[1])
    folds = StratifiedGroupKFold(int(count), shuffle=True, random_state=seed)
    forest = RandomForestClassifier(TREES, min_samples_leaf=3, random_state=seed)
    scores: NDArray[np.float64] = cross_val_predict(forest, x, y, groups=patients, cv=folds, method="predict_proba")[
        :, 1
    ]
    return scores
