"""One pass over all images of a cohort; each is read once, by as many threads as there are cores, and let go again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from threadpoolctl import threadpool_limits

from radcnn.core.case import Case, Source
from radcnn.core.errors import InputError
from radcnn.data.cohort import Cohort
from radcnn.data.quiet import quiet
from radcnn.data.read import read_noted
from radcnn.data.survey.look import Look, look_at

Told = Callable[[int, int], None]
AHEAD = 4  # images per worker that may be under way: what bounds the memory


def survey(cohort: Cohort, *, workers: int, told: Told | None = None) -> tuple[Look, ...]:
    """The look of every case, in the cohort's order; cases of one image share theirs.

    told  is called with the images done and all images, from the calling thread

    Raises InputError, naming the case, when an image cannot be read.
    """
    first: dict[Source, Case] = {}
    for case in cohort.cases:
        first.setdefault(case.source, case)
    found: dict[Source, Look] = {}
    with quiet():  # once for all
        for done, (source, look) in enumerate(zip(first, _looks(first.values(), workers), strict=True), start=1):
            found[source] = look
            if told is not None:
                told(done, len(first))
    return tuple(found[case.source] for case in cohort.cases)


def _looks(cases: Iterable[Case], workers: int) -> Iterator[Look]:
    """Looks in order; never more than a few images per worker are begun ahead of the one that is asked for."""
    waiting: deque[Future[Look]] = deque()
    left = iter(cases)
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(max(1, workers), thread_name_prefix="survey") as pool:
        try:
            for case in islice(left, AHEAD * max(1, workers)):
                waiting.append(pool.submit(_look, case))
            while waiting:
                yield waiting.popleft().result()
                for case in islice(left, 1):
                    waiting.append(pool.submit(_look, case))
        finally:
            pool.shutdown(cancel_futures=True)


def _look(case: Case) -> Look:
    try:
        read = read_noted(case.source)
        return look_at(case.source, read.volume, read.findings)
    except InputError as cause:
        raise type(cause)(f"case {case.called}: {cause}") from cause
