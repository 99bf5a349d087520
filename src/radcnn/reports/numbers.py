"""How a number is printed: one function for every figure, with its interval and n, and its name in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from radcnn.core.case import Unit
from radcnn.core.estimate import Estimate
from radcnn.evaluation.judgement import PointResult

# name -> (in words, what it says)
FIGURES: dict[str, tuple[str, str]] = {
    "auc": ("AUC", "chance that a positive case gets the higher score; 0.5 is guessing"),
    "auc_bootstrap": ("AUC, bootstrap interval", "the same AUC; the interval from resampling"),
    "auprc": ("Average precision", "area under the precision-recall curve; guessing gives the prevalence"),
    "brier": ("Brier score", "mean squared error of the probabilities; 0 is perfect"),
    "log_loss": ("Log loss", "mean negative log probability of the truth; 0 is perfect"),
    "calibration_slope": ("Calibration slope", "1 is ideal; below 1 the scores are too extreme"),
    "calibration_intercept": ("Calibration intercept", "0 is ideal; above 0 the scores are too low"),
    "ece": ("Expected calibration error", "mean gap between score and observed share; 0 is perfect"),
    "sensitivity": ("Sensitivity", "share of positive cases that are called positive"),
    "specificity": ("Specificity", "share of negative cases that are called negative"),
    "ppv": ("PPV", "share of positive calls that are right, at the prevalence of this side"),
    "npv": ("NPV", "share of negative calls that are right, at the prevalence of this side"),
    "accuracy": ("Accuracy", "share of right answers; read it beside the majority-class score"),
    "majority_accuracy": ("Majority-class score", "accuracy of always answering the most frequent class"),
    "balanced_accuracy": (
        "Balanced accuracy",
        "mean of the classes' shares of right answers; guessing gives 1 / classes",
    ),
    "f1": ("F1 score", "harmonic mean of sensitivity and PPV"),
    "kappa": ("Kappa", "agreement beyond chance"),
    "kappa_quadratic": ("Kappa, quadratic weights", "agreement beyond chance for ordered classes"),
    "exact_match": ("All labels right", "share of cases with every label right at a threshold of 0.5"),
    "majority_match": ("Majority-class score", "share reached by always giving each label's more frequent answer"),
    "mae": ("Mean absolute error", "in the unit of the target"),
    "rmse": ("Root mean squared error", "in the unit of the target; large errors weigh more"),
    "r2": ("R²", "share of variance explained; 0 is guessing the mean"),
    "bias": ("Bias", "mean of prediction minus truth"),
    "limit_low": ("Lower limit of agreement", "bias minus 1.96 standard deviations of the differences"),
    "limit_high": ("Upper limit of agreement", "bias plus 1.96 standard deviations of the differences"),
    "mae_of_median": ("Error of guessing the median", "what always guessing the median costs"),
}

# figures of a whole target that are means over its questions or values
MEANS = ("auc", "auc_bootstrap", "auprc", "r2")

# a figure that means little without another one beside it
BESIDE = {"accuracy": "majority_accuracy", "exact_match": "majority_match", "mae": "mae_of_median"}


@dataclass(frozen=True)
class Shown:
    """A figure ready to print; `why` is set, and the rest empty but n, where it is undefined."""

    value: str
    interval: str
    n: str
    why: str = ""
    method: str = ""

    def __str__(self) -> str:
        if self.why:
            return f"undefined ({self.why}; {self.n})"
        return f"{self.value} ({self.interval}; {self.n})"


def shown(estimate: Estimate, unit: Unit = "patient") -> Shown:
    """The one way a figure is printed: value, interval, n, and why it is undefined.

    >>> str(shown(Estimate(0.91, 0.88, 0.94, 200, 150, "DeLong")))
    '0.910 (95 % CI 0.880 to 0.940; n = 200 of 150 patients)'
    """
    n = counted_n(estimate, unit)
    if math.isnan(estimate.value):
        return Shown("undefined", "", n, why=estimate.undefined or "no data")
    digits = decimals(estimate.value, estimate.low, estimate.high)
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        interval = "no interval"
    else:
        level = f"{100 * estimate.level:g} % CI"
        interval = f"{level} {number(estimate.low, digits)} to {number(estimate.high, digits)}"
    return Shown(number(estimate.value, digits), interval, n, method=estimate.method)


def short(estimate: Estimate) -> str:
    """A figure with its interval, for a legend whose caption gives n.

    >>> short(Estimate(0.91, 0.88, 0.94, 200, 150, "DeLong"))
    '0.910 (0.880 to 0.940)'
    """
    figure = shown(estimate)
    return f"{figure.value} ({figure.interval.partition(' CI ')[2] or figure.interval or figure.why})"


def counted_n(estimate: Estimate, unit: Unit) -> str:
    """n in cases, and in patients where that is another number."""
    if unit == "image" or estimate.n == estimate.patients:
        return f"n = {estimate.n:,}"
    return f"n = {estimate.n:,} of {estimate.patients:,} {'patient' if estimate.patients == 1 else 'patients'}"


def decimals(*values: float) -> int:
    """Decimals for a number and its limits: three for rates, fewer for large values, three digits for tiny ones.

    >>> decimals(0.912), decimals(37.2, 31.0), decimals(0.0042)
    (3, 2, 5)
    """
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if largest == 0 or 0.01 <= largest < 10:
        return 3
    power = math.floor(math.log10(largest))
    return max(0, 3 - power) if power > 0 else 2 - power


def number(value: float, digits: int) -> str:
    """A number with a true minus sign, and without a negative zero.

    >>> number(-0.0001, 3), number(-1.5, 1)
    ('0.000', '−1.5')
    """
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def in_words(name: str, *, questions: int = 1) -> str:
    """A figure's name for readers, where it is over one or several questions; "ppv@0.01" is the PPV at a prevalence.

    >>> in_words("auc"), in_words("npv@0.01")
    ('AUC', 'NPV at a prevalence of 1 %')
    >>> in_words("auprc", questions=4)
    'Macro average precision'
    """
    base, _, prevalence = name.partition("@")
    words = FIGURES[base][0] if base in FIGURES else base.replace("_", " ")
    if questions > 1 and base in MEANS:
        words = f"Macro {words if words.isupper() or words.startswith('AUC') else words.lower()}"
    return f"{words} at a prevalence of {100 * float(prevalence):g} %" if prevalence else words


def note_words(note: str) -> str:
    """A note of a judgement for readers: a figure that it begins with by its name in words.

    >>> note_words("calibration_slope is undefined: one class only.")
    'Calibration slope is undefined: one class only.'
    """
    name, space, rest = note.partition(" ")
    return f"{in_words(name)}{space}{rest}" if name.partition("@")[0] in FIGURES else note


def meaning(name: str) -> str:
    """What a figure says, in a few words; empty for a figure that is not known here."""
    base, _, prevalence = name.partition("@")
    if prevalence:
        return "from sensitivity and specificity, by Bayes' rule"
    return FIGURES[base][1] if base in FIGURES else ""


def point_words(name: str) -> str:
    """An operating point's name for readers.

    >>> point_words("youden"), point_words("sensitivity>=0.95"), point_words("threshold=0.5")
    ('Youden index', 'sensitivity ≥ 0.95', 'threshold 0.5')
    """
    if name == "youden":
        return "Youden index"
    return name.replace(">=", " ≥ ").replace("threshold=", "threshold ")


def point_origin(point: PointResult) -> str:
    """The threshold of an operating point and where it was chosen."""
    chosen = point.point
    if chosen.undefined:
        return f"no threshold: {chosen.undefined}"
    if chosen.chosen_on == "nothing":
        return "fixed beforehand"
    return f"threshold {number(chosen.threshold, 3)}, chosen on the {chosen.chosen_on} set"


def several(count: int, singular: str, plural: str = "") -> str:
    """A count with its noun.

    >>> several(1, "patient"), several(2500, "case")
    ('1 patient', '2,500 cases')
    """
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def of_patients(patients: int, unit: Unit) -> str:
    """Of how many patients cases are; nothing where nobody knows.

    >>> of_patients(12, "patient"), of_patients(12, "image")
    (' of 12 patients', '')
    """
    return f" of {several(patients, 'patient')}" if unit == "patient" else ""


def clauses(parts: list[str]) -> str:
    """Parts joined as in a sentence.

    >>> clauses(["a", "b", "c"])
    'a, b and c'
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
