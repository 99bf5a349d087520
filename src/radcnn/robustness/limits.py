"""Limits that a person sets to figures, and the first severity of a shift that breaks one."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from radcnn.core.catalogue import did_you_mean
from radcnn.core.errors import SettingsError
from radcnn.core.estimate import Estimate
from radcnn.core.target import Target
from radcnn.robustness.answers import FIGURES

FORM = re.compile(r"\s*([A-Za-z_]+)\s*=\s*(-?)\s*(\d*\.?\d+)\s*")
WORDS = {"balanced_accuracy": "balanced accuracy", "accuracy": "accuracy", "auc": "AUC"}
ROUNDING = 1e-12
USUAL_FALL = 0.05


@dataclass(frozen=True)
class Limit:
    """A figure must stay at `value` or above; where `fall`, it must not fall by more than that from the clean one."""

    figure: str
    value: float
    fall: bool = False

    @property
    def words(self) -> str:
        """The limit as a sentence would have it.

        >>> parse_limit("auc=-0.1").words, parse_limit("balanced_accuracy=0.8").words
        ('AUC falls by at most 0.1', 'balanced accuracy is at least 0.8')
        """
        name = WORDS[self.figure]
        return f"{name} falls by at most {self.value:g}" if self.fall else f"{name} is at least {self.value:g}"

    def least(self, clean: Estimate) -> float:
        """The least value that keeps the limit, given the figure without the shift; NaN where that is undefined."""
        return clean.value - self.value if self.fall else self.value


def parse_limit(text: str) -> Limit:
    """A limit from "figure=value": a least value, or with a minus sign the largest fall.

    Raises SettingsError for another form, an unknown figure ("did you mean"), or values outside 0 to 1.

    >>> parse_limit("accuracy=-0.05")
    Limit(figure='accuracy', value=0.05, fall=True)
    """
    found = FORM.fullmatch(text)
    if found is None:
        raise SettingsError(
            f"--limit must be FIGURE=VALUE such as balanced_accuracy=0.8, or with a minus sign the largest fall "
            f"(auc=-0.05), got {text!r}"
        )
    figure, minus, number = found.groups()
    if figure not in FIGURES:
        raise SettingsError(f"--limit is of a figure that is unknown, {figure!r}: {did_you_mean(figure, FIGURES)}")
    if not 0 <= float(number) <= 1:
        raise SettingsError(f"--limit {figure} must lie between 0 and 1, got {number}")
    return Limit(figure, float(number), bool(minus))


def usual_limit(target: Target) -> Limit:
    """The limit that is looked at where none is set: a fall by 0.05 of balanced accuracy, of several labels of AUC."""
    return Limit("auc" if target.kind == "multilabel" else "balanced_accuracy", USUAL_FALL, fall=True)


@dataclass(frozen=True)
class Broken:
    """What a shift does to a limit.

    limit     in words
    severity  the first at which the figure's value lies beyond; 0 if it does without the shift; None if none does
    figure    at that severity, or at the worst one
    surely    whether its whole interval lies beyond there
    told      whether the figure could be told at all severities up to there
    """

    limit: str
    severity: int | None
    figure: Estimate
    surely: bool
    told: bool = True


def first_broken(
    limit: Limit, figures: Sequence[tuple[int, Estimate]], falls: Sequence[Estimate] | None = None
) -> Broken:
    """The first severity that breaks a limit, of (severity, figure) in growing order, severity 0 first.

    falls  how much the figure fell at each, paired, where that is known: tells more surely than the figure's interval
    """
    least = limit.least(figures[0][1])
    told = not math.isnan(least)
    for place, (severity, figure) in enumerate(figures):
        told = told and not math.isnan(figure.value)
        if figure.value < least - ROUNDING:
            beyond = figure.high < least
            if limit.fall and falls is not None and not math.isnan(falls[place].low):
                beyond = falls[place].low > limit.value
            return Broken(limit.words, severity, figure, bool(beyond), told)
    worst = min((one for _, one in figures), key=lambda one: math.inf if math.isnan(one.value) else one.value)
    return Broken(limit.words, None, worst, False, told)
