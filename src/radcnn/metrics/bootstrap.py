"""The bootstrap by patient: resamples are rows of case weights, so that all of them are one matrix operation.

Patients are drawn with replacement; a case weighs as often as its patient was drawn. Nothing is copied or sorted again:
a statistic gets weights (b, n) and answers (b,) or (b, k). Blocks of rows bound the memory.

Intervals are BCa (bias-corrected and accelerated, Efron 1987, doi:10.1080/01621459.1987.10478410), with the
acceleration from leaving out patients, and with the quantiles widened for few patients (Hesterberg 2015,
doi:10.1080/00031305.2015.1089789: percentiles are narrow by sqrt((C - 1) / C) and take the normal in place of t).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from radcnn.core.chance import generator
from radcnn.core.estimate import Estimate
from radcnn.kernels.worth import worth_compiling
from radcnn.metrics.clustered import STILL, Codes, Floats, no_variance, patient_codes, t_quantile
from radcnn.metrics.delong import delong_interval
from radcnn.metrics.ranking import Ladder, one_class

Statistic = Callable[[Floats], Floats]

BLOCK = 1 << 20  # patients drawn at a time (4 MiB): one more would change every later draw of a stratified plan
COUNTING = 2e-9  # seconds for each draw that is counted where nothing is compiled
PIECE = 1 << 15  # weights held at a time (256 KiB, several times over): they stay in a core's cache
FEWEST = 8  # rows of weights at a time, however many cases: a call of a statistic costs something, too
JACKKNIFE_GROUPS = 200  # with more patients, groups of patients are left out; the acceleration hardly changes
FEW = 15  # patients of an outcome below which an unstratified resample may lose it (chance e^-15 per resample)


@dataclass(frozen=True, eq=False)
class Resampling:
    """How patients are drawn.

    codes      (n,) patient of each case, 0..C-1
    strata     (C,) stratum of each patient: each is drawn within its own; all 0 for one stratum
    resamples  number of resamples
    seed       of the draws; the same seed draws the same patients for every statistic
    """

    codes: Codes
    strata: Codes
    resamples: int = 2000
    seed: int = 0

    @classmethod
    def by_patient(
        cls, patients: ArrayLike, truth: ArrayLike | None = None, *, resamples: int = 2000, seed: int = 0
    ) -> Resampling:
        """Draws of patients (n,), stratified by their outcome where a class of truth (n,) has fewer than FEW patients.

        Strata are patients with only negative, only positive, and both kinds of cases.
        """
        codes = patient_codes(patients)
        strata = np.zeros(int(codes.max()) + 1 if codes.size else 0, np.intp)
        if truth is not None and codes.size:
            positive = np.asarray(truth) > 0
            ill = np.bincount(codes, positive) > 0
            well = np.bincount(codes, ~positive) > 0
            if min(ill.sum(), well.sum()) < FEW:
                strata = (ill + 2 * well).astype(np.intp)
        return cls(codes, strata, resamples, seed)

    @property
    def patients(self) -> int:
        return int(self.strata.size)

    @property
    def stratified(self) -> bool:
        return np.unique(self.strata).size > 1

    def blocks(self) -> Iterator[Floats]:
        """Weights of the cases, (b, n) at a time, until all resamples were drawn."""
        chance = generator(self.seed, "bootstrap")
        groups = [np.flatnonzero(self.strata == s) for s in np.unique(self.strata)]
        rows, few = max(1, BLOCK // max(self.codes.size, 1)), _rows(self.codes.size)
        single = self.patients == self.codes.size and bool((self.codes == np.arange(self.patients)).all())
        # used again for every piece: asking the system for it takes longer than counting
        places = np.empty(few * self.patients, np.intp)
        for start in range(0, self.resamples, rows):
            drawn = [_draw(chance, min(rows, self.resamples - start), group.size) for group in groups]
            for first in range(0, min(rows, self.resamples - start), few):
                counted = [_count(numbers[first : first + few], places) for numbers in drawn]
                if len(groups) == 1:
                    counts = counted[0]
                else:
                    counts = np.empty((len(counted[0]), self.patients))
                    for group, times in zip(groups, counted, strict=True):
                        counts[:, group] = times
                yield counts if single else counts[:, self.codes]

    def left_out(self) -> Iterator[Floats]:
        """Weights (b, n) with one patient, or one group of them, left out in each row; nobody, for a single patient."""
        if self.patients < 2:
            yield np.ones((1, self.codes.size))
            return
        groups = min(self.patients, JACKKNIFE_GROUPS)
        # spread the patients over the groups evenly within strata
        place = np.empty(self.patients, np.intp)
        place[np.argsort(self.strata, kind="stable")] = np.arange(self.patients) % groups
        member = place[self.codes]
        rows = _rows(self.codes.size)
        for start in range(0, groups, rows):
            left = np.arange(start, min(start + rows, groups))
            yield (member[None, :] != left[:, None]).astype(np.float64)


def _rows(cases: int) -> int:
    """How many rows of weights of so many cases are held at a time."""
    return max(FEWEST, PIECE // max(cases, 1))


def _draw(chance: np.random.Generator, rows: int, size: int) -> NDArray[np.integer]:
    """Draws with replacement of `size` of as many patients, in each of some rows: (rows, size).

    Of numbers below 2^16 the generator makes two from what it makes one of 32 bits from.
    """
    return chance.integers(0, size, (rows, size), dtype=np.uint16 if size <= 1 << 16 else np.int32)


def _count(drawn: NDArray[np.integer], buffer: NDArray[np.intp]) -> Floats:
    """How often each patient is among the draws of its row: (rows, size); the buffer has room for as many numbers."""
    rows, size = drawn.shape
    if worth_compiling(COUNTING * drawn.size):
        from radcnn.kernels.counting import draws_of_each

        counts = np.empty((rows, size))
        draws_of_each(drawn, counts)
        return counts
    places = buffer[: rows * size].reshape(rows, size)
    np.add(drawn, (np.arange(rows, dtype=np.intp) * size)[:, None], out=places)
    return np.bincount(places.reshape(-1), minlength=rows * size).reshape(rows, size).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Replicates:
    """A statistic on all cases (k,), on the resamples (B, k), and with patients left out (G, k)."""

    value: Floats
    resampled: Floats
    left_out: Floats
    resampling: Resampling

    def estimate(self, column: int = 0, *, level: float = 0.95, still: Estimate | None = None) -> Estimate:
        """One column of the statistic as an Estimate with the BCa interval.

        Where no resample varies, the interval of `still` stands in, and without it there is none.
        """
        value, rows = float(self.value[column]), self._defined(column)
        if not self.varies(column):
            return self._still(column, still, level)
        low, high = bca_limits(value, rows, self.left_out[:, column], self.resampling.patients, level)
        return self.with_limits(column, low, high, "BCa", level=level)

    def varies(self, column: int) -> bool:
        """Whether the resamples of one column differ; one that is undefined on all of them is not said to be still."""
        rows = self._defined(column)
        return rows.size == 0 or bool(np.ptp(rows) > STILL * abs(float(self.value[column])))

    def _still(self, column: int, still: Estimate | None, level: float) -> Estimate:
        """A column whose resamples do not vary, with the interval of `still` or none."""
        made = self.with_limits(column, math.nan, math.nan, "", level=level)
        if made.undefined or made.patients < 2:
            return made
        if still is None:
            return replace(made, method=no_variance(made.patients))
        return replace(made, low=still.low, high=still.high, method=f"{still.method}; no resample varies")

    def _defined(self, column: int) -> Floats:
        rows: Floats = self.resampled[:, column]
        return rows[np.isfinite(rows)]

    def with_limits(self, column: int, low: float, high: float, kind: str, *, level: float = 0.95) -> Estimate:
        """One column as an Estimate with given limits of a `kind`; none for one patient, missing when undefined."""
        plan, value = self.resampling, float(self.value[column])
        n, patients = plan.codes.size, plan.patients
        if not math.isfinite(value):
            return Estimate.missing("not defined on these cases", n, patients)
        if patients < 2:
            return Estimate(value, math.nan, math.nan, n, patients, "no interval: one patient", level)
        drawn, lost = len(self.resampled), len(self.resampled) - self._defined(column).size
        method = "bootstrap by patient, stratified by outcome" if plan.stratified else "bootstrap by patient"
        method += f", {kind}" + (f" ({lost} of {drawn} resamples undefined)" if lost else "")
        return Estimate(value, low, high, n, patients, method, level)

    def band(self, *, level: float = 0.95) -> tuple[Floats, Floats]:
        """Pointwise percentile limits (k,) of every column: what a curve's band draws."""
        quantiles = widened(level, self.resampling.patients)
        with np.errstate(invalid="ignore"):
            low, high = np.nanquantile(self.resampled, quantiles, axis=0)
        return low, high


def bootstrap(statistic: Statistic, resampling: Resampling) -> Replicates:
    """A statistic of weights (b, n) -> (b,) or (b, k), on all cases, on every resample and for the jackknife."""

    def table(weights: Floats) -> Floats:
        values = statistic(weights)
        return values[:, None] if values.ndim == 1 else values

    whole = table(np.ones((1, resampling.codes.size)))[0]
    drawn = np.concatenate([table(block) for block in resampling.blocks()])
    left = np.concatenate([table(block) for block in resampling.left_out()])
    return Replicates(whole, drawn, left, resampling)


def widened_quantile(level: float, patients: int) -> float:
    """What stands in for the normal's quantile with few patients: t_{C-1} sqrt(C / (C - 1)) (Hesterberg 2015)."""
    if patients < 2:
        return float(special.ndtri((1 + level) / 2))
    return t_quantile(level, patients) * math.sqrt(patients / (patients - 1))


def widened(level: float, patients: int) -> tuple[float, float]:
    """Lower and upper percentile of replicates for few patients.

    >>> low, high = widened(0.95, 20)
    >>> round(low, 4), round(high, 4)
    (0.0159, 0.9841)
    """
    quantile = widened_quantile(level, patients)
    return float(special.ndtr(-quantile)), float(special.ndtr(quantile))


def bca_limits(value: float, rows: Floats, left_out: Floats, patients: int, level: float) -> tuple[float, float]:
    """BCa limits from replicates (B,) and leave-out values (G,); both `value` where the replicates do not vary.

    z0 = ndtri(share of replicates below the value, ties half), a = sum d^3 / (6 (sum d^2)^1.5), d = mean - left out
    """
    if rows.size == 0 or patients < 2 or not math.isfinite(value):
        return math.nan, math.nan
    below = (np.sum(rows < value) + np.sum(rows == value) / 2) / rows.size
    # at most as far as the replicates can tell
    shift = special.ndtri(np.clip(below, 1 / rows.size, 1 - 1 / rows.size))
    apart = left_out[np.isfinite(left_out)]
    apart = apart.mean() - apart if apart.size else apart
    spread = float(np.sum(apart**2)) ** 1.5
    bend = float(np.sum(apart**3)) / (6 * spread) if spread > 0 else 0.0
    z = shift + np.array([-1, 1]) * widened_quantile(level, patients)
    # beyond a quantile of 1 / a the correction has no meaning
    wanted = special.ndtr(shift + z / np.maximum(1 - bend * z, 1e-3))
    low, high = np.quantile(rows, wanted)
    return float(low), float(high)


def bootstrap_auc(
    scores: ArrayLike,
    truth: ArrayLike,
    patients: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """The AUC with a bootstrap interval by patient; DeLong's interval where no resample varies, as at AUC 1.

    Missing when a class is absent.

    >>> estimate = bootstrap_auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], ["a", "b", "c", "d"], resamples=50)
    >>> estimate.value
    0.75
    """
    positive, names = np.asarray(truth) > 0, np.asarray(patients)
    if reason := one_class(positive):
        return Estimate.missing(reason, positive.size, int(np.unique(names).size))
    ladder = Ladder.of(scores, positive)
    plan = Resampling.by_patient(names[ladder.order], ladder.positive, resamples=resamples, seed=seed)
    still = delong_interval(scores, truth, patients, level=level)
    return bootstrap(ladder.auc, plan).estimate(level=level, still=still)
