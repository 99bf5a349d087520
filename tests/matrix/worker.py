"""A reader in a process of its own, asked over a pipe: it may crash, hang or shout, and the matrix goes on.

python -m matrix.worker "SimpleITK"     lines of JSON in, lines of JSON out
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from matrix.found import Answer, Found, Refusal, packed
from matrix.masks import MASKERS
from matrix.readers import READERS

LONGEST_WORD = 60


def main() -> None:
    """Serve until the parent closes the pipe."""
    name = sys.argv[1]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin:
        request = json.loads(line)
        found = answer(name, Path(request["folder"]), request["asked"], mask=request["mask"])
        np.savez(request["target"], **packed(found))
        answers.write("done\n")
        answers.flush()


def answer(name: str, folder: Path, asked: Mapping[str, Any], *, mask: bool = False) -> Answer:
    """What one reader gives for one folder, what it wrote to stderr taken for warnings."""

    def read() -> list[Found]:
        return [MASKERS[name](folder)] if mask else READERS[name](folder, asked)

    with _heard() as heard:
        try:
            volumes = tuple(read())
            return Answer(volumes, warned=heard())
        except Exception as error:  # a peer may raise anything
            return Answer(refusal=refusal_of(name, error))


def refusal_of(name: str, error: BaseException) -> Refusal:
    """An exception as a word: its own first line where that is one, else its class.

    radcnn refuses by its own errors alone; whatever else it raises counts as a crash.
    """
    sentence = str(error).strip()
    first = sentence.split("\n")[0].strip("'\" ")
    word = first if first.isupper() and len(first) <= LONGEST_WORD else type(error).__name__
    own = name != "radcnn" or any(base.__name__ == "RadcnnError" for base in type(error).__mro__)
    return Refusal(word, sentence, crashed=isinstance(error, ImportError) or not own)


@contextlib.contextmanager
def _heard() -> Iterator[Callable[[], bool]]:
    """Whether anything was warned of inside the block, by Python's warnings or on the process's stderr."""
    with tempfile.TemporaryFile() as file, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)

        def heard() -> bool:
            file.seek(0)
            return any(issubclass(one.category, UserWarning) for one in said) or b"arning" in file.read()

        try:
            yield heard
        finally:
            os.dup2(kept, 2)
            os.close(kept)


if __name__ == "__main__":
    main()
