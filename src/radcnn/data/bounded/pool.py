"""The parent's side: children are started when needed, lent to one thread at a time, and replaced when they die.

A child that dies at a file makes that file refused by name; the parent and all other files go on.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from radcnn.core.cores import available_cores
from radcnn.core.errors import RadcnnError
from radcnn.data.bounded.children import BOUNDED, Answer, Child, ChildDiedError, ChildWornError, Given
from radcnn.data.bounded.refusals import error_of
from radcnn.data.bounded.tasks import Job, task

MOST_CHILDREN = 8
FILES_WORTH_A_CHILD = 8  # a child takes half a second to start, a file a millisecond to read


@dataclass(frozen=True)
class Refused:
    """What stands in place of a result: the error that says why there is none."""

    error: RadcnnError


class Pool:
    """Idle children, and the right to start more; any number of threads may ask."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.idle: list[Child] = []
        self.others: list[Child] = []  # of the process that this one was forked from; left alone
        self.free = threading.Semaphore(most)
        self.lock = threading.Lock()

    @contextmanager
    def lent(self, wanted: int) -> Iterator[list[Child]]:
        """One child, waiting for it where all are busy, and up to `wanted` where more are free."""
        self.free.acquire()
        children = [self._one()]
        try:
            self.add_to(children, wanted)
            yield children
        finally:
            for child in children:
                self._back(child)

    def add_to(self, children: list[Child], wanted: int) -> None:
        """Lend more children, up to `wanted` in all, where some are free."""
        while len(children) < min(wanted, self.most) and self.free.acquire(blocking=False):
            children.append(self._one())

    def _one(self) -> Child:
        with self.lock:
            while self.idle:
                child = self.idle.pop()
                if child.process.poll() is None:
                    return child
                child.close()
        try:
            return Child()
        except BaseException:
            self.free.release()
            raise

    def _back(self, child: Child) -> None:
        if child.process.poll() is None and child.sock.fileno() >= 0:
            with self.lock:
                self.idle.append(child)
        else:
            child.close()
        self.free.release()

    def close(self) -> None:
        """End all idle children."""
        with self.lock:
            while self.idle:
                self.idle.pop().close()

    def forget(self) -> None:
        """After a fork the children belong to the other process."""
        self.others = self.idle
        self.idle, self.free, self.lock = [], threading.Semaphore(self.most), threading.Lock()


POOL = Pool(max(2, min(MOST_CHILDREN, available_cores())))
atexit.register(POOL.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.forget)


class Crew:
    """Children that work on the files of one reading together, file i always with the same child."""

    def __init__(self, children: list[Child]) -> None:
        self.children = children

    @classmethod
    @contextmanager
    def lent(cls, files: int) -> Iterator[Crew]:
        """A crew for so many files: at least one child, more where more are free and the files are worth it."""
        if not BOUNDED:
            yield cls([])
            return
        with POOL.lent(min(POOL.most, max(1, files // FILES_WORTH_A_CHILD))) as children:
            yield cls(children)

    def grow(self, wanted: int) -> None:
        """Take more children, up to `wanted`, where some are free."""
        if self.children:
            POOL.add_to(self.children, wanted)

    def each(
        self,
        name: str,
        paths: Sequence[Path],
        args: Mapping[str, Any] | None = None,
        *,
        own: Sequence[Any] | None = None,
        arrays: Sequence[Given] = (),
    ) -> list[Any]:
        """What a task yields for each file; Refused for one that it refused or that its child did not survive.

        args  the same for all files
        own   one value per file, which the task finds in args["own"]
        """

        def asked(share: Sequence[int]) -> dict[str, Any]:
            mine = {} if own is None else {"own": [own[k] for k in share]}
            return {**(args or {}), **mine, "paths": [str(paths[k]) for k in share]}

        if not self.children:
            said = _here(name, asked(range(len(paths))), [one.array for one in arrays]).items
            return [_refused_or(one, path) for one, path in zip(said, paths, strict=True)]
        results: list[Any] = [None] * len(paths)

        def share(place: int) -> None:
            left = list(range(place, len(paths), len(self.children)))
            while left:
                found = self._some(place, name, asked(left), [paths[k] for k in left], arrays)
                for k, result in zip(left, found, strict=False):
                    results[k] = _refused_or(result, paths[k])
                left = left[len(found) :]

        _side_by_side([partial(share, place) for place in range(len(self.children))])
        return results

    def _some(
        self, place: int, name: str, args: Mapping[str, Any], files: Sequence[Path], arrays: Sequence[Given]
    ) -> list[Any]:
        """What one child yields for its files, up to one that it does not survive; its successor takes its place."""
        try:
            return self.children[place].ask(name, args, files, arrays).items
        except ChildDiedError as death:
            _replace(self.children, place)
            return [*death.answer.items, Refused(death.error)]
        except ChildWornError as worn:  # the next file is asked again
            _replace(self.children, place)
            return worn.answer.items
        except BaseException:
            self.children[place].close()  # interrupted in the middle of an answer
            raise


def one(name: str, path: Path, args: Mapping[str, Any]) -> Answer:
    """Do a task on one file in a child; the memory it asks for is bounded by the file's size.

    Raises what the task raises (ReadError, GeometryError, InputError), or ReadError when the child did not survive it.
    """
    asked = {**args, "paths": [str(path)]}
    if not BOUNDED:
        return _here(name, asked, ())
    with POOL.lent(1) as children:
        try:
            with suppress(ChildWornError):
                return children[0].ask(name, asked, [path])
            _replace(children, 0)
            return children[0].ask(name, asked, [path])
        except ChildDiedError as death:
            children[0].close()
            raise death.error from None
        except RadcnnError:
            raise
        except BaseException:
            children[0].close()
            raise


def _replace(children: list[Child], place: int) -> None:
    """End a child, and have a new one in its place."""
    children[place].close()
    children[place] = Child()


def each(name: str, paths: Sequence[Path], args: Mapping[str, Any] | None = None) -> list[Any]:
    """Do a task that yields one item per file, in as many children as are free; a file that kills one is Refused."""
    if not paths:
        return []
    with Crew.lent(len(paths)) as crew:
        return crew.each(name, paths, args)


def _refused_or(result: Any, path: Path) -> Any:
    """What a task yielded for one file; its word that the file is refused becomes the error."""
    if isinstance(result, dict) and result.keys() == {"refused"}:
        return Refused(error_of(result["refused"], path))
    return result


def _side_by_side(calls: Sequence[Callable[[], None]]) -> None:
    """Call functions in threads of their own; the first error is raised when all have ended."""
    errors: list[BaseException] = []

    def guarded(call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(call,), daemon=True) for call in calls[1:]]
    for thread in threads:
        thread.start()
    guarded(calls[0])
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _here(name: str, args: Mapping[str, Any], arrays: Sequence[NDArray]) -> Answer:
    """The same task in this process, where the system cannot bound a child."""
    answer = Answer()

    def room(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
        answer.rooms.append(np.zeros(int(np.prod(shape)) * np.dtype(dtype).itemsize, np.uint8))
        return answer.rooms[-1].view(dtype).reshape(shape)

    answer.items.extend(task(name)(Job(args, tuple(arrays), room, lambda *_: nullcontext())))
    return answer
