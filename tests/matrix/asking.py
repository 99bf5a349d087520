"""Asking a reader that runs in a process of its own; one that crashes or hangs is started anew for the next row."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from matrix.found import Answer, Refusal, unpacked

SECONDS = 120.0  # for one folder, and the libraries of a reader that was just started
TESTS = Path(__file__).parents[1]


class Asked:
    """One reader by name, run by `python`."""

    def __init__(self, name: str, *, python: str = sys.executable) -> None:
        self.name = name
        self.python = python
        self.process: subprocess.Popen[str] | None = None

    def __call__(self, folder: Path, asked: Mapping[str, Any], *, mask: bool = False) -> Answer:
        """What the reader gives for a folder; a crash or a hang is a refusal of its own kind."""
        process = self._started()
        target = folder.parent / f"{folder.name}.npz"
        request = {"folder": str(folder), "asked": dict(asked), "mask": mask, "target": str(target)}
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], SECONDS)[0]:
            self.close()
            return Answer(refusal=Refusal("hangs", f"no answer in {SECONDS:.0f} s", crashed=True))
        if not process.stdout.readline():
            code = process.wait()
            self.close()
            return Answer(refusal=Refusal("crashes", f"exit code {code}", crashed=True))
        with np.load(target, allow_pickle=False) as saved:
            found = unpacked({name: saved[name] for name in saved.files})
        target.unlink()
        return found

    def _started(self) -> subprocess.Popen[str]:
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [self.python, "-m", "matrix.worker", self.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])},
            )
        return self.process

    def close(self) -> None:
        """End the process, which need not be able to answer."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()  # closes the pipes and waits
            self.process = None
