"""What answers are worth, figure by figure: of classes, of yes/no questions and of several labels at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.estimate import Estimate
from radcnn.core.target import Target
from radcnn.metrics.clustered import Codes, Floats, Scale, linearised, patient_codes
from radcnn.metrics.decided import balanced_accuracy
from radcnn.metrics.delong import delong_interval
from radcnn.metrics.multiclass import macro_auc, one_hot
from radcnn.metrics.proportions import proportion

FIGURES = ("balanced_accuracy", "accuracy", "auc")
ANSWERED_AT = 0.5  # probability from which on each of several labels is taken for present


@dataclass(frozen=True, eq=False)
class Answered:
    """Scores of cases of one side beside their truth.

    target     binary, of several classes, or of several labels
    scores     (n, k) probabilities
    truth      (n, t) class index, or 0/1 per label; NaN where a label is not known
    patients   n pseudonyms
    threshold  probability from which on a yes/no question is answered with yes
    """

    target: Target
    scores: Floats
    truth: Floats
    patients: tuple[str, ...]
    threshold: float = ANSWERED_AT

    @property
    def codes(self) -> Codes:
        """The patient of each case as a number (n,)."""
        return patient_codes(self.patients)

    @property
    def answers(self) -> NDArray[np.intp]:
        """The class that each case is given (n,); of several labels 0/1 for each (n, t)."""
        if self.target.kind == "multiclass":
            return np.asarray(self.scores.argmax(axis=1), np.intp)
        given = self.scores >= (ANSWERED_AT if self.target.kind == "multilabel" else self.threshold)
        return given.astype(np.intp) if self.target.kind == "multilabel" else given[:, 0].astype(np.intp)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each answer is the truth (n,); of several labels whether all that are known are."""
        if self.target.kind == "multilabel":
            return np.asarray(((self.answers == self.truth) | np.isnan(self.truth)).all(axis=1))
        return np.asarray(self.answers == self.truth[:, 0])

    @property
    def labels(self) -> NDArray[np.intp]:
        """What balanced figures are balanced over (n,): the class; one group for several labels."""
        if self.target.kind == "multilabel":
            return np.zeros(len(self.truth), np.intp)
        return self.truth[:, 0].astype(np.intp)

    def only(self, keep: NDArray[np.bool_]) -> Answered:
        """The cases where `keep` (n,) is true."""
        patients = tuple(one for one, there in zip(self.patients, keep, strict=True) if there)
        return Answered(self.target, self.scores[keep], self.truth[keep], patients, self.threshold)


def figures(answered: Answered, *, level: float = 0.95) -> dict[str, Estimate]:
    """FIGURES of the answers, each with its interval by patient; undefined where they cannot be told, with why.

    balanced_accuracy  mean of the classes' shares of right answers; not of several labels
    accuracy           share of right answers; of several labels of cases with all of them right
    auc                of several classes or labels the mean of those of each
    """
    codes = answered.codes
    accuracy = proportion(answered.right, codes, level=level)
    if answered.target.kind == "multilabel":
        reason = "several labels at once have no balanced accuracy"
        balanced = Estimate.missing(reason, accuracy.n, accuracy.patients)
    else:
        balanced = balanced_accuracy(answered.answers, answered.labels, codes, level=level)
    return {"balanced_accuracy": balanced, "accuracy": accuracy, "auc": _auc(answered, codes, level)}


def _auc(answered: Answered, codes: Codes, level: float) -> Estimate:
    kind, truth = answered.target.kind, answered.truth
    if kind == "binary":
        return delong_interval(answered.scores[:, 0], truth[:, 0], codes, level=level)
    names = answered.target.classes if kind == "multiclass" else answered.target.names
    columns = one_hot(truth[:, 0], len(names)) if kind == "multiclass" else truth
    return macro_auc(answered.scores, columns, codes, names, level=level)


def balanced_error_lost(before: Answered, after: Answered, *, level: float = 0.95) -> Estimate:
    """How much balanced accuracy the same cases lose: the difference of the two, paired, by patient.

    Of several labels the share of cases with all of them right. Negative where nothing is lost but gained.
    """
    first, second = _error(before), _error(after)
    value, influence = second[0] - first[0], second[1] - first[1]
    return linearised(value, influence, before.codes, level=level, what="paired difference")


def relative_balanced_error(before: Answered, after: Answered, *, level: float = 0.95) -> Estimate:
    """The balanced error over that of the same cases before; 2 is twice as many errors. By patient, log scale.

    Undefined where there was no error before.
    """
    (clean, of_clean), (worse, of_worse) = _error(before), _error(after)
    codes = before.codes
    if clean == 0:
        return Estimate.missing("no error without the shift to compare with", codes.size, int(codes.max()) + 1)
    ratio = worse / clean
    scale: Scale = "log" if ratio > 0 else "identity"
    return linearised(ratio, (of_worse - ratio * of_clean) / clean, codes, level=level, scale=scale, what="ratio")


def _error(answered: Answered) -> tuple[float, Floats]:
    """One minus the mean over classes of the share of right answers, and each case's influence on it (n,)."""
    wrong = (~answered.right).astype(np.float64)
    labels = answered.labels
    classes = np.unique(labels)
    influence, shares = np.zeros(wrong.size), []
    for one in classes:
        mine = labels == one
        share = float(wrong[mine].mean())
        influence[mine] = (wrong[mine] - share) / (mine.sum() * classes.size)
        shares.append(share)
    return float(np.mean(shares)), influence
