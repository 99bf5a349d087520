"""Which engine predicts: the fastest of those whose scores agree with torch's on a study's own cases."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radcnn.core.errors import InputError
from radcnn.inference.engines import Engine, logits_by
from radcnn.inference.scores import LogitsOf, scores
from radcnn.tasks import Task
from radcnn.transforms.views import ViewKind

SAME_SCORES = 1e-3  # float32 engines: largest difference, of a probability or of the spread of a predicted value
SAME_RANKS = 0.999  # bfloat16: Spearman's correlation
SAME_CALLS = 0.999  # bfloat16: share of decisions at the operating points
SAME_MASKS = 0.999  # Dice of every label, engine against torch
FASTER = 1.15  # times; below it an engine's start is not worth having
CASES_TO_PAY = 100  # an engine has to win back its start within so many cases
REPEATS = 5

Agree = Callable[[NDArray[np.float64], NDArray[np.float64], Engine], tuple[bool, str]]


@dataclass(frozen=True)
class Choice:
    """An engine, why, and what each took for one case (milliseconds) and for its start (seconds)."""

    engine: Engine
    sentence: str
    milliseconds: tuple[tuple[Engine, float], ...] = ()
    start_seconds: tuple[tuple[Engine, float], ...] = ()


def choose(
    networks: Sequence[nn.Module],
    images: NDArray[np.float32],
    task: Task,
    *,
    plain: LogitsOf,
    engines: Sequence[Engine],
    agree: Agree,
    views: ViewKind = "identity",
    threads: int = 1,
) -> Choice:
    """The engine for these networks on this machine.

    images   real prepared cases (n, C, *size), those of the tuning side
    engines  those that are to be tried besides "plain"
    agree    whether an engine's scores (n, k) are those of `plain`, and in what words

    An engine is taken if it agrees, is at least 1.15 times as fast per case, and wins back its start in 100 cases.
    """

    def score(logits_of: LogitsOf, some: NDArray[np.float32]) -> NDArray[np.float64]:
        return scores(networks, some, task, views=views, logits_of=logits_of)

    truth = score(plain, images)
    took: dict[Engine, float] = {"plain": milliseconds(lambda: score(plain, images[:1]))}
    starts: dict[Engine, float] = {}
    words: dict[Engine, str] = {}
    for engine in engines:
        began = time.perf_counter()
        try:
            logits_of = logits_by(engine, plain, networks, torch.from_numpy(np.array(images[:1])), threads=threads)
        except InputError as cause:
            words[engine] = str(cause)
            continue
        starts[engine] = time.perf_counter() - began
        found = score(logits_of, images)
        agreed, words[engine] = agree(truth, found, engine)
        if agreed:
            took[engine] = milliseconds(lambda how=logits_of: score(how, images[:1]))  # type: ignore[misc]
    best = min(took, key=lambda engine: took[engine])
    saved = (took["plain"] - took[best]) * CASES_TO_PAY / 1000
    if best != "plain" and (took["plain"] < FASTER * took[best] or saved < starts[best]):
        best = "plain"
    times = ", ".join(f"{engine} {spent:.1f} ms" for engine, spent in took.items())
    said = "; ".join(f"{engine}: {sentence}" for engine, sentence in words.items())
    return Choice(best, f"{best} ({times} a case; {said})", tuple(took.items()), tuple(starts.items()))


def milliseconds(job: Callable[[], object]) -> float:
    """The median of a few calls after one that warms up."""
    job()
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        job()
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took)


def scores_agree(
    thresholds: Sequence[tuple[int, float]], *, spread: NDArray[np.float64] | None = None, low: bool = False
) -> Agree:
    """How scores are compared.

    thresholds  (column, threshold) of each operating point
    spread      per column, for values that are no probabilities: what a difference is measured in
    low         torch itself computes in bfloat16, so that not even a float32 engine can have the same digits
    """

    def agree(truth: NDArray[np.float64], found: NDArray[np.float64], engine: Engine) -> tuple[bool, str]:
        """Whether scores (n, k) of an engine are those of torch, and the sentence that says so."""
        if truth.shape != found.shape or not np.isfinite(found).all():
            return False, "its scores are not numbers"
        off = float((np.abs(truth - found) / (1.0 if spread is None else np.maximum(spread, 1e-12))).max(initial=0))
        if engine == "openvino-float32" and not low:
            good = off <= SAME_SCORES
            return good, f"scores {'agree' if good else 'differ'} to {off:.1g}"
        ranks = min((spearman(truth[:, i], found[:, i]) for i in range(truth.shape[1])), default=1.0)
        calls = [np.mean((truth[:, i] >= t) == (found[:, i] >= t)) for i, t in thresholds]
        same = float(min(calls, default=1.0))
        good = ranks >= SAME_RANKS and same >= SAME_CALLS
        how = "agree" if good else "differ"
        return good, f"ranks {how} to {ranks:.4f}, decisions to {same:.1%}, scores to {off:.1g}"

    return agree


def spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Spearman's rank correlation with mean ranks for ties; 1 where both are constant, 0 where one is.

    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([1.0, 8.0, 9.0]))
    1.0
    """
    from scipy.stats import rankdata

    x, y = (rankdata(values) - (len(values) + 1) / 2 for values in (a, b))
    size = float(np.sqrt((x @ x) * (y @ y)))
    if size == 0:
        return float(not x.any() and not y.any())
    return float(x @ y) / size


def masks_agree(truth: Tensor, found: Tensor) -> tuple[bool, str]:
    """Whether two maps of logits (B, K, ...) make the same labels: Dice of every label at least 0.999."""
    a, b = truth.argmax(1), found.argmax(1)
    both = torch.stack([((a == k) & (b == k)).sum() for k in range(truth.shape[1])]).double()
    each = torch.stack([(a == k).sum() + (b == k).sum() for k in range(truth.shape[1])]).double()
    dice = float(torch.where(each > 0, 2 * both / each.clamp_min(1), 1.0).min())
    return dice >= SAME_MASKS, f"masks agree to Dice {dice:.4f}"
