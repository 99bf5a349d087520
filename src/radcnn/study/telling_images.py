"""What is told of every run whose networks make images: the study, its split, its plan, and how to make it again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from radcnn.core.settings import to_plain
from radcnn.core.version import __version__
from radcnn.data.findings import counted
from radcnn.data.ledger import openings
from radcnn.data.outcome import Outcome
from radcnn.inference.bundle import verify
from radcnn.plan.stored import plan_hash
from radcnn.reports.story import Opening
from radcnn.study.again import commands_of_study
from radcnn.study.environment import environment
from radcnn.study.fitting import ImagePlan
from radcnn.study.folder import RunFolder, read_record
from radcnn.study.found import read_outcomes
from radcnn.study.open_study import OpenStudy
from radcnn.study.told import LIMITS, accepted, epoch_rows, finding_lines, mutes_of


def told_of_images(
    folder: RunFolder, opened: OpenStudy, plan: ImagePlan, *, side: str, noun: str, limits: Sequence[str]
) -> dict[str, Any]:
    """Fields of a story that all such pages have, by name.

    noun  what a case is called
    """
    found = read_outcomes(folder.findings) or (Outcome("study", opened.findings),)
    findings = finding_lines(found, mutes_of(folder, opened))
    cohort, split = opened.cohort, opened.split
    sides = ", ".join(f"{n} {'internal test' if one == 'test' else one}" for one, n in split.counts().items())
    people = f" of {counted(len(cohort.by_patient), 'patient')}" if cohort.unit == "patient" else ""
    return {
        "data": opened.settings.data.name,
        "created": datetime.now(UTC).date().isoformat(),
        "version": __version__,
        "side": "internal test" if side == "test" else side,
        "cases": f"{counted(len(cohort), noun)}{people}: {sides}, split by {cohort.unit}.",
        "split_rule": split.method,
        "split_hash": split.hash,
        "openings": tuple(Opening(o.date, o.reason, o.model, o.run) for o in openings(opened.folder.ledger, split)),
        "findings": findings,
        "passed": tuple(one.named for one in found if one.word == "passed"),
        "not_applicable": tuple((one.check, one.because) for one in found if one.because),
        "reasons": plan.reasons,
        "plan": json.dumps({k: v for k, v in to_plain(plan).items() if k != "reasons"}, indent=1),
        "history": epoch_rows(folder),
        "commands": commands_of_study(folder, opened),
        "hashes": {"model": verify(folder.bundle), "plan": plan_hash(plan), "split": split.hash},
        "seeds": {"training": plan.seed, "split": split.seed},
        "environment": {**environment(), **{str(k): str(v) for k, v in read_record(folder)["environment"].items()}},
        "limits": (*LIMITS, *limits, *accepted(findings)),
    }
