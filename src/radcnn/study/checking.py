"""`check`: findings and cost, before any training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from radcnn.data.findings import Finding
from radcnn.data.fingerprint import fingerprint
from radcnn.learning.execution import available_cores
from radcnn.plan.cost import cost_of
from radcnn.plan.facts import SPARE
from radcnn.plan.settings import Plan
from radcnn.study.folder import find_study
from radcnn.study.listener import SILENCE, Listener
from radcnn.study.open_study import OpenStudy, open_study
from radcnn.study.settings import for_run
from radcnn.study.training import pairs_of
from radcnn.tasks import planned_task

LIBRARIES_BYTES = 450 << 20  # torch, numpy and the rest, once loaded


@dataclass(frozen=True)
class Checked:
    """What `check` found: findings, and the predicted cost of a run."""

    findings: tuple[Finding, ...]
    minutes: float
    memory_bytes: int
    disk_bytes: int

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that make a result wrong."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "findings": [finding.as_json() for finding in self.findings],
            "minutes": round(self.minutes, 2),
            "memory_mib": round(self.memory_bytes / 2**20),
            "disk_mib": round(self.disk_bytes / 2**20),
        }


def check(study: Path | str, *, listener: Listener = SILENCE, **options: Any) -> Checked:
    """Findings about a study, from reading every training image, and what a run would cost.

    The images of all sides are read and prepared, so that `train` finds them ready. Raises InputError when one
    cannot be used, or the plan's folds cannot be filled.
    """
    opened = open_study(find_study(study))
    settings = for_run(opened.settings, options) if options else opened.settings
    found = fingerprint(opened.cohort, opened.split, sample=None, seed=settings.split_seed)
    findings = dict.fromkeys((*opened.findings, *found.findings))
    plan = opened.propose(settings)
    pairs_of(opened, plan, opened.rows("training", "tuning"))
    opened.prepared(opened.rows("training", "tuning"), plan.preparation, listener)
    opened.prepared(opened.rows("test"), plan.preparation, listener, "test cases")
    return Checked(tuple(findings), *predicted_cost(opened, plan))


def predicted_cost(opened: OpenStudy, plan: Plan) -> tuple[float, int, int]:
    """Minutes of a run, peak memory of a training step with the libraries, and disk for prepared cases."""
    task = planned_task(plan.target, plan.task)
    cost = cost_of(plan.network, plan.preparation, task.outputs)
    cases, tuning = len(opened.rows("training")), len(opened.rows("tuning"))
    cores = available_cores()
    epoch = cost.training_seconds(cases, cores) + cost.prediction_seconds(2 * tuning, cores)
    networks = plan.training.folds or plan.training.members
    one = 4 * plan.preparation.channels * int(np.prod(plan.preparation.size))
    memory = LIBRARIES_BYTES + cost.training_bytes(plan.training.batch)
    return networks * plan.training.epochs * epoch / 60 / SPARE, memory, one * len(opened.cohort)
