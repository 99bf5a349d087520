"""A Judgement: everything an evaluation found, as plain nested values that a report can draw.

Judgement
├── synthetic                whether the cases were simulated: then no figure says anything about patients
├── side, unit, level        "training" | "tuning" | "test"; "patient" | "image" (the unit of intervals); 0.95
├── target                   core Target: kind, names, classes
├── n, patients              judged cases (with at least one label) and their patients
├── unlabelled               cases left out, because they have no label
├── figures                  overall, by name (below)
├── questions                one Question per yes/no question: the binary target itself, each class against the rest,
│   │                        or each label; empty for regression
│   ├── name, positive, negative      the question; what its two answers are called
│   ├── n, patients, positives, prevalence
│   ├── figures              auc, auc_bootstrap, auprc, brier, log_loss, calibration_slope, calibration_intercept, ece
│   ├── points               one PointResult per operating point chosen on the tuning set
│   │   ├── point            OperatingPoint: name, threshold, rule, chosen_on, question, undefined
│   │   ├── figures          sensitivity, specificity, ppv, npv, accuracy, balanced_accuracy, f1, majority_accuracy;
│   │   │                    and per asked prevalence p: "ppv@p", "npv@p" (for example "ppv@0.01")
│   │   └── counts           Counts: true_positive, false_positive, false_negative, true_negative
│   ├── roc                  RocCurve or None (one class only)
│   ├── reliability          ReliabilityCurve or None
│   ├── net_benefit          NetBenefitCurve or None
│   └── histogram            ScoreHistogram
├── confusion                ConfusionMatrix of the most probable class (multiclass), else None
├── values                   one Value per column of a regression target; empty for the others
│   ├── name, n, patients
│   ├── figures              mae, rmse, r2, bias, limit_low, limit_high (Bland-Altman), mae_of_median (what guessing
│   │                        the median costs)
│   └── agreement            AgreementData
├── subgroups                one SubgroupRow per group of each asked column and question
├── worst                    the most confidently wrong cases, worst first
└── notes                    sentences a reader must know (stratified bootstrap, undefined figures ...)

`figures` of a Judgement, by kind of target:
  binary      the same as its only question's figures, and majority_accuracy
  multiclass  auc and auc_bootstrap (macro, one class against the rest), auprc (macro), accuracy, majority_accuracy,
              balanced_accuracy, kappa, kappa_quadratic, brier (sum over classes), log_loss
  multilabel  auc and auc_bootstrap (macro), auprc (macro), brier (macro), exact_match (all labels right at 0.5, among
               cases with every label known), majority_match (the same for each label's more frequent answer)
  regression  the same as its only value's figures; for several values, which may have several units, r2 (macro)

All numbers are float64 or int; an undefined one is NaN in Python and null in JSON, and the Estimate says why.
`Judgement.from_json(json.loads(json.dumps(judgement.as_json())))` is the same judgement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from radcnn.core.case import Side, Unit
from radcnn.core.estimate import Estimate
from radcnn.core.target import Target
from radcnn.evaluation.plain import built, plain
from radcnn.metrics.operating import Counts, OperatingPoint


@dataclass(frozen=True)
class RocCurve:
    """The empirical ROC curve, from (0, 0) to (1, 1), and a pointwise band on a grid of false positive rates.

    Between the points the curve is straight. At most 1,001 points: only the corners are kept, and of these
    evenly many.
    """

    false_positive_rate: tuple[float, ...]
    true_positive_rate: tuple[float, ...]
    band_false_positive_rate: tuple[float, ...]
    band_low: tuple[float, ...]
    band_high: tuple[float, ...]


@dataclass(frozen=True)
class ReliabilityCurve:
    """Per bin of equal numbers of cases: mean score, observed share of positives with its limits, and count."""

    mean_score: tuple[float, ...]
    observed: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    count: tuple[int, ...]


@dataclass(frozen=True)
class NetBenefitCurve:
    """Net benefit per threshold probability: the model with its pointwise band, treating all, (treating none is 0)."""

    threshold: tuple[float, ...]
    model: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    treat_all: tuple[float, ...]


@dataclass(frozen=True)
class ScoreHistogram:
    """Counts of scores of negatives and positives between `edges` (one more than the counts)."""

    edges: tuple[float, ...]
    negative: tuple[int, ...]
    positive: tuple[int, ...]


@dataclass(frozen=True)
class PointResult:
    """What one operating point reaches."""

    point: OperatingPoint
    figures: dict[str, Estimate]
    counts: Counts


@dataclass(frozen=True)
class Question:
    """One yes/no question: the binary target, one class against the rest, or one label."""

    name: str
    positive: str
    negative: str
    n: int
    patients: int
    positives: int
    prevalence: float
    figures: dict[str, Estimate]
    points: tuple[PointResult, ...]
    roc: RocCurve | None
    reliability: ReliabilityCurve | None
    net_benefit: NetBenefitCurve | None
    histogram: ScoreHistogram


@dataclass(frozen=True)
class ConfusionMatrix:
    """Counts of cases: one row per true class, one column per predicted class."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class AgreementData:
    """What a scatter plot and a Bland-Altman plot draw: one pair per case (at most 5,000, chosen evenly)."""

    truth: tuple[float, ...]
    predicted: tuple[float, ...]
    bias: float
    limit_low: float
    limit_high: float


@dataclass(frozen=True)
class Value:
    """One column of a regression target, on the cases whose truth is known."""

    name: str
    n: int
    patients: int
    figures: dict[str, Estimate]
    agreement: AgreementData


@dataclass(frozen=True)
class SubgroupRow:
    """One group of cases on one question; `value` is its word or its range of numbers; `positives` is 0 for regression.

    figures: auc, and sensitivity and specificity at the question's first operating point; accuracy for a multiclass
    target (question "all classes"); mae and bias for regression (question = the value). A group too small for a
    figure has it undefined, with the reason.
    """

    column: str
    value: str
    question: str
    n: int
    patients: int
    positives: int
    figures: dict[str, Estimate]


@dataclass(frozen=True)
class WorstCase:
    """A confidently wrong case: `wrongness` is 1 minus the probability given to the truth, or the absolute error.

    Where several values are predicted the error is in units of that value's mean absolute error, so that they compare.
    """

    case: str
    question: str
    truth: str
    predicted: str
    score: float
    wrongness: float


@dataclass(frozen=True, eq=False)
class Judgement:
    """Everything an evaluation found; see the drawing on top of this file."""

    synthetic: bool
    side: Side
    unit: Unit
    level: float
    target: Target
    n: int
    patients: int
    unlabelled: int
    figures: dict[str, Estimate]
    questions: tuple[Question, ...]
    confusion: ConfusionMatrix | None
    values: tuple[Value, ...]
    subgroups: tuple[SubgroupRow, ...]
    worst: tuple[WorstCase, ...]
    notes: tuple[str, ...]

    def __eq__(self, other: object) -> bool:
        """Whether two judgements say the same; an undefined number equals an undefined number."""
        return isinstance(other, Judgement) and self.as_json() == other.as_json()

    __hash__ = None  # type: ignore[assignment]  # it holds dicts

    @property
    def parts(self) -> int:
        """How many questions, or values, the figures of the whole target are over."""
        return len(self.questions) + len(self.values)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; NaN becomes null."""
        made: dict[str, Any] = plain(self)
        return made

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Judgement:
        """The inverse of as_json; raises ReadError when the value is not a judgement's."""
        return built(cls, value)
