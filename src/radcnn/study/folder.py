"""Where a study keeps its things.

study/
├── study.yaml         what a person said; the proposal as comments
├── split.json         who is on which side, with its hash
├── ledger.jsonl       the split, and every opening of the test side
├── fingerprint.json   what the data are like
├── masks.json         what the masks of training cases hold, where structures are to be outlined
├── findings.json      what the checks of the data came to, and of which data
├── .salt              the secret of the pseudonyms and of the marks of cases; not to be shared
├── cache/             prepared cases; may be deleted
└── runs/run-001/      plan.json, run.json, findings.json, history.csv, predictions, judgements, bundle/, report.html
"""

from __future__ import annotations

import re
import secrets
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radcnn.core.errors import InputError, ReadError
from radcnn.core.files import PRIVATE, read_json, write_text


@dataclass(frozen=True)
class StudyFolder:
    """The places of a study."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def settings(self) -> Path:
        return self.path / "study.yaml"

    @property
    def split(self) -> Path:
        return self.path / "split.json"

    @property
    def ledger(self) -> Path:
        return self.path / "ledger.jsonl"

    @property
    def fingerprint(self) -> Path:
        return self.path / "fingerprint.json"

    @property
    def masks(self) -> Path:
        return self.path / "masks.json"

    @property
    def findings(self) -> Path:
        return self.path / "findings.json"

    @property
    def cache(self) -> Path:
        return self.path / "cache"

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    def salt(self) -> str:
        """The study's secret, made when it is first asked for."""
        file = self.path / ".salt"
        if not file.exists():
            write_text(file, secrets.token_hex(16) + "\n", mode=PRIVATE)
        return file.read_text(encoding="utf-8").strip()

    def refuse_lost_salt(self) -> None:
        """Raise ReadError where the secret is gone by which the study knows its images again."""
        if not (self.path / ".salt").exists():
            raise ReadError(f"{self.path / '.salt'} does not exist; restore it from a copy, or make a new study")

    def next_run(self) -> RunFolder:
        """The folder of a new run: run-001, run-002, ..."""
        return RunFolder(self.runs / f"run-{max(self._numbered(), default=0) + 1:03d}")

    def last_run(self) -> RunFolder:
        """The newest run; raises InputError when there is none."""
        runs = self._numbered()
        if not runs:
            raise InputError(f"{self.path} has no run yet; start one with: radcnn train {quoted(self.path)}")
        return RunFolder(runs[max(runs)])

    def _numbered(self) -> dict[int, Path]:
        """The runs' folders by their number; what else lies beside them is no run."""
        named = ((re.fullmatch(r"run-(\d+)", path.name), path) for path in self.runs.glob("run-*") if path.is_dir())
        return {int(match[1]): path for match, path in named if match}


@dataclass(frozen=True)
class RunFolder:
    """The places of one run."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def study(self) -> StudyFolder:
        return StudyFolder(self.path.resolve().parent.parent)

    @property
    def plan(self) -> Path:
        return self.path / "plan.json"

    @property
    def record(self) -> Path:
        return self.path / "run.json"

    @property
    def findings(self) -> Path:
        return self.path / "findings.json"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def bundle(self) -> Path:
        return self.path / "bundle"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    def predictions(self, side: str) -> Path:
        return self.path / f"predictions-{side}.csv"

    def judgement(self, side: str) -> Path:
        return self.path / f"judgement-{side}.json"


def quoted(path: Path) -> str:
    """A path as it must be typed into a shell.

    >>> quoted(Path("my study"))
    "'my study'"
    """
    return shlex.quote(str(path))


def read_record(run: RunFolder) -> dict[str, Any]:
    """What stands in run.json: status, plan, split, seed, minutes and environment; raises ReadError otherwise."""
    record = read_json(run.record)
    known = record if isinstance(record, dict) else {}
    if not isinstance(known.get("minutes"), int | float) or not isinstance(known.get("environment"), dict):
        raise ReadError(f"{run.record} is not what radcnn wrote; restore it from a copy, or train again")
    return known


def find_study(path: Path | str) -> StudyFolder:
    """The study at a path: its folder or its study.yaml; raises InputError otherwise."""
    path = Path(path)
    folder = path.parent if path.name == "study.yaml" else path
    if not folder.exists():
        raise InputError(f"{path} does not exist; make a study with: radcnn new DATA --out {quoted(folder)}")
    if not (folder / "study.yaml").is_file():
        empty = folder.is_dir() and not any(folder.iterdir())
        found = "is empty" if empty else "is not a study (it has no study.yaml)"
        way = f"--out {quoted(folder)}" if empty else "--out STUDY"
        raise InputError(f"{path} {found}; make a study with: radcnn new DATA {way}")
    return StudyFolder(folder)


def find_run(path: Path | str) -> RunFolder:
    """The run at a path: a run's folder, or a study's newest run; raises InputError otherwise."""
    path = Path(path)
    if (path / "plan.json").is_file():
        return RunFolder(path)
    if (path / "study.yaml").is_file() or path.name == "study.yaml":
        return find_study(path).last_run()
    if not path.exists():
        raise InputError(f"{path} does not exist; runs lie in STUDY/runs, made by: radcnn train STUDY")
    raise InputError(f"{path} is not a run (it has no plan.json); runs lie in STUDY/runs, made by: radcnn train STUDY")
