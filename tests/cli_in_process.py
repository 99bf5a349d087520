"""The command line in this process: what a verb printed, what it refused, and which files it left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from typer.testing import CliRunner

from radcnn.cli.main import app
from radcnn.data.prepared.building import ABOUT

# the smallest training that is one: two epochs of one small chain
QUICK = (
    *("--network", "chain", "--set", "training.epochs=2", "--set", "training.folds=0", "--set", "training.members=1"),
    *("--set", "training.precision=float32", "--set", "resamples=100"),
)


@dataclass(frozen=True)
class Spoken:
    """What a verb said: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def next(self) -> str:
        """The command it names as the next one."""
        return self.out.splitlines()[-1].removeprefix("next: ")


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Train with this many threads: tiny steps only wait for several, and sums of floats depend on their number."""
    whose = (
        *("study.training", "study.looking", "study.restoring.training", "study.restoring.execution"),
        *(
            "study.segmenting.training",
            "study.segmenting.cases",
            "recipes.jin2017",
            "recipes.taught",
            "recipes.outlining",
        ),
    )
    with ExitStack() as patches:
        for module in whose:
            patches.enter_context(patch(f"radcnn.{module}.available_cores", return_value=number))
        yield


def spoken(*arguments: str | Path, threads: int = 1) -> Spoken:
    """Run a verb; a traceback is raised, not printed."""
    with torch_threads(threads):
        result = CliRunner().invoke(app, [str(one) for one in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Spoken(result.exit_code, result.stdout, result.stderr)


def told(*arguments: str | Path, threads: int = 1) -> Spoken:
    """Run a verb that must succeed."""
    result = spoken(*arguments, threads=threads)
    assert result.code == 0, result.err
    return result


def refused(*arguments: str | Path) -> str:
    """Run a verb that must be refused, with exit code 2 and one sentence; returns the sentence."""
    result = spoken(*arguments)
    assert result.code == 2, f"exit code {result.code}: {result.out}{result.err}"
    said, marker, sentence = ("\n" + result.err).rpartition("\nradcnn: ")
    assert marker, result.err
    assert "\nradcnn: " not in said, "one message"
    assert "Traceback" not in result.err
    return sentence.strip()


def tree(folder: Path) -> dict[str, tuple[int, int] | None]:
    """Every file below a folder with its size and time of change, and every folder.

    Of the time at which prepared cases were last used (`about.json` of a store) only the file.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        about = path.stat()
        changed = 0 if path.name == ABOUT else about.st_mtime_ns
        found[str(path.relative_to(folder))] = (about.st_size, changed) if path.is_file() else None
    return found
