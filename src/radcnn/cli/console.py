"""What the command line prints: sentences, progress with time left, results as text or JSON; errors as one sentence."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from radcnn.core.errors import InputError
from radcnn.core.estimate import rounded

if TYPE_CHECKING:
    from radcnn.learning.events import Event

PATIENCE = 2.0  # seconds of work before a progress line appears


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn an InputError into its sentence on standard error and exit code 2; an interruption into exit code 130.

    An interruption that left something behind comes as `Stopped`, with a sentence of its own.
    """
    try:
        yield
    except InputError as error:
        typer.echo(f"radcnn: {error}", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt as stop:
        typer.echo(f"radcnn: stopped; {str(stop) or 'nothing was written'}", err=True)
        raise typer.Exit(130) from stop


class Voice:
    """A listener that speaks to the terminal: sentences on standard error, progress only where somebody watches."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.watched = sys.stderr.isatty() and not quiet
        self._figure = "figure"
        self._started: dict[str, float] = {}
        self._drawn = 0.0
        self._width = 0
        self._epoch_started = time.monotonic()

    def say(self, sentence: str) -> None:
        """Print a sentence."""
        if not self.quiet:
            self._clear()
            typer.echo(sentence, err=True)

    def progress(self, what: str, done: int, of: int) -> None:
        """Draw one line with the time left, at most ten times a second and only for work of more than two seconds."""
        now = time.monotonic()
        started = self._started.setdefault(what, now)
        if done >= of:
            self._started.pop(what, None)
            self._clear()
            return
        if self.watched and now - started > PATIENCE and now - self._drawn > 0.1 and done:
            left = (now - started) / done * (of - done)
            self._draw(f"{what}: {done} of {of}, {clock(left)} left")
            self._drawn = now

    def watch(self, figure: str) -> None:
        """Name the figure of the epochs to come, in short."""
        self._figure = figure.partition(",")[0]

    def event(self, event: Event) -> None:
        """Show steps as progress and epochs as lines."""
        from radcnn.learning.events import EpochEnded, StepEnded, StoppedEarly

        if isinstance(event, StepEnded):
            self.progress(f"network {event.network + 1}, epoch {event.epoch}", event.step, event.steps)
        elif isinstance(event, EpochEnded):
            self.say(
                f"network {event.network + 1}, epoch {event.epoch:3d} of {event.epochs}: loss training "
                f"{rounded(event.fit_loss)}, tuning {rounded(event.tuning_loss)}; {self._figure} "
                f"{event.tuning_figure:.3f}; {event.seconds:.1f} s"
            )
        elif isinstance(event, StoppedEarly):
            self.say(f"network {event.network + 1}: no better for {event.patience} epochs, stopped")

    def _draw(self, line: str) -> None:
        sys.stderr.write("\r" + line.ljust(self._width))
        sys.stderr.flush()
        self._width = len(line)

    def _clear(self) -> None:
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()
            self._width = 0


def show(value: Any, text: str, *, as_json: bool) -> None:
    """Print a result on standard output: JSON when asked for, else text."""
    typer.echo(json.dumps(value, indent=1, allow_nan=False) if as_json else text)


def next_step(command: str, *arguments: Path | str, as_json: bool = False) -> None:
    """Print the next command, quoted for the shell, where a person reads."""
    if not as_json:
        typer.echo(f"next: {' '.join([command, *(shlex.quote(str(one)) for one in arguments)])}")


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds.

    >>> clock(75)
    '1:15'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
