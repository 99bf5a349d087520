"""Operating points: thresholds chosen by a rule on one set of scores, and what they reach on another.

A case is called positive when score >= threshold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from radcnn.core.catalogue import look_up
from radcnn.core.errors import SettingsError
from radcnn.metrics.clustered import Floats
from radcnn.metrics.ranking import Ladder

AT_LEAST = 1e-12  # a rate of exactly 0.9 must count as "at least 0.9" after float arithmetic


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and where it comes from.

    name       how it is called in tables, for example "youden" or "sensitivity>=0.95"
    threshold  a case is called positive when score >= threshold; NaN when `undefined` says why there is none
    rule       the rule that chose it
    chosen_on  the side whose scores were seen, for example "tuning"; "nothing" for a fixed threshold
    question   the class or label it belongs to
    """

    name: str
    threshold: float
    rule: str
    chosen_on: str
    question: str = ""
    undefined: str = ""

    def as_json(self) -> dict[str, Any]:
        """A JSON object; an undefined threshold becomes null."""
        return {**asdict(self), "threshold": None if math.isnan(self.threshold) else self.threshold}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> OperatingPoint:
        """The inverse of as_json."""
        threshold = value["threshold"]
        return cls(**{**value, "threshold": math.nan if threshold is None else float(threshold)})


@dataclass(frozen=True)
class Counts:
    """The four cells of a decision against the truth, in cases."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int


def counts_at(scores: ArrayLike, truth: ArrayLike, threshold: float) -> Counts:
    """Counts of cases with scores (n,) and truth (n,) in 0/1 at a threshold."""
    called, positive = np.asarray(scores) >= threshold, np.asarray(truth) > 0
    return Counts(
        int(np.sum(called & positive)),
        int(np.sum(called & ~positive)),
        int(np.sum(~called & positive)),
        int(np.sum(~called & ~positive)),
    )


def _youden(sensitivity: Floats, specificity: Floats, least: float) -> int:  # noqa: ARG001 one form for all rules
    """The point with the largest sensitivity + specificity - 1 (Youden 1950); of equals, the most sensitive."""
    return int(np.argmax(sensitivity + specificity))


def _sensitivity(sensitivity: Floats, specificity: Floats, least: float) -> int:
    """The most specific point whose sensitivity is at least `least`."""
    return int(np.argmax(np.where(sensitivity >= least - AT_LEAST, specificity, -1.0)))


def _specificity(sensitivity: Floats, specificity: Floats, least: float) -> int:
    """The most sensitive point whose specificity is at least `least`."""
    return int(np.argmax(np.where(specificity >= least - AT_LEAST, sensitivity, -1.0)))


RULES: dict[str, Callable[[Floats, Floats, float], int]] = {
    "youden": _youden,
    "sensitivity": _sensitivity,
    "specificity": _specificity,
}
FORMS = "'youden', 'sensitivity>=0.95', 'specificity>=0.9' or 'threshold=0.5'"


def parse_rule(rule: str) -> tuple[str, float]:
    """The name and the number of a rule such as "sensitivity>=0.95"; raises SettingsError for anything else.

    >>> parse_rule("sensitivity>=0.95")
    ('sensitivity', 0.95)
    """
    found = re.fullmatch(r"\s*([a-z]+)\s*(?:(>=|=)\s*([0-9]*\.?[0-9]+))?\s*", rule)
    if found is None:
        raise SettingsError(f"an operating point must be {FORMS}, got {rule!r}")
    name, sign, number = found.groups()
    if name != "threshold":
        look_up({**RULES, "threshold": _youden}, name, "operating point")
    wanted = {"youden": None, "threshold": "="}.get(name, ">=")
    value = float(number) if number else math.nan
    if sign != wanted or (sign == ">=" and not 0 < value <= 1):
        raise SettingsError(f"an operating point must be {FORMS} with a rate in (0, 1], got {rule!r}")
    return name, value


def choose_threshold(
    scores: ArrayLike, truth: ArrayLike, *, rule: str, chosen_on: str, question: str = ""
) -> OperatingPoint:
    """The operating point that a rule chooses from scores (n,) and truth (n,) in 0/1.

    The threshold lies midway between the last score called positive and the next lower one, so that rounding on
    another machine does not move a case. Undefined, with the reason, when a class is absent.
    Raises SettingsError for an unknown rule.

    >>> choose_threshold([0.1, 0.4, 0.6, 0.9], [0, 0, 1, 1], rule="youden", chosen_on="tuning").threshold
    0.5
    """
    name, value = parse_rule(rule)
    if name == "threshold":
        return OperatingPoint(rule, value, rule, "nothing", question)
    ladder = Ladder.of(scores, truth)
    if ladder.undefined:
        return OperatingPoint(rule, math.nan, rule, chosen_on, question, ladder.undefined)
    below_positive, below_negative = ladder.below(np.ones((1, ladder.order.size)))
    # entry k: calling positive from rung k upwards; the last entry calls nothing positive
    sensitivity = 1 - below_positive[0] / below_positive[0, -1]
    specificity = below_negative[0] / below_negative[0, -1]
    rung = RULES[name](sensitivity, specificity, value)
    return OperatingPoint(rule, _between(ladder.rungs, rung), rule, chosen_on, question)


def _between(rungs: Floats, rung: int) -> float:
    """A threshold that calls exactly the rungs from `rung` upwards positive."""
    if rung == rungs.size:
        return float(np.nextafter(rungs[-1], math.inf))
    upper, lower = float(rungs[rung]), float(rungs[max(rung - 1, 0)])
    middle = lower + (upper - lower) / 2
    return middle if lower < middle < upper else upper
