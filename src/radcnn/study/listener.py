"""Whoever wants to hear how a verb gets on; by default nobody does."""

from __future__ import annotations

from typing import Protocol

from radcnn.learning.events import Event


class Listener(Protocol):
    """Hears sentences, progress and training events."""

    def say(self, sentence: str) -> None:
        """A sentence worth reading."""
        ...

    def progress(self, what: str, done: int, of: int) -> None:
        """`done` of `of` items of some work."""
        ...

    def watch(self, figure: str) -> None:
        """The name of the figure that the events to come give of the tuning cases."""
        ...

    def event(self, event: Event) -> None:
        """An event of the training loop."""
        ...


class Silence:
    """The listener of library code: nothing is printed."""

    def say(self, sentence: str) -> None:
        """Ignore it."""

    def progress(self, what: str, done: int, of: int) -> None:
        """Ignore it."""

    def watch(self, figure: str) -> None:
        """Ignore it."""

    def event(self, event: Event) -> None:
        """Ignore it."""


SILENCE = Silence()
