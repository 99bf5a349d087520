"""What the rules may look at: the fingerprint, the budget, the machine, and what a person asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from radcnn.core.settings import from_plain
from radcnn.core.target import Target
from radcnn.data.fingerprint import Fingerprint
from radcnn.plan.adversarial import Adversarial
from radcnn.plan.settings import Precision, TaskPlan

SPARE = 0.85  # share of the minutes that training may plan for; the rest is reading, judging and the report


@dataclass(frozen=True)
class Facts:
    """What the rules may look at.

    minutes      budget of the whole run
    cores        cores this machine offers
    fixed_split  whether the data bring their own split
    most_folds   the most folds that the training and tuning cases can fill, or 0
    task         last layer and loss that belong to the target, and why; what was asked for was compared with them
    region_mm    extent of the region about each centre, where cases are places in an image
    precision    what networks are computed in, which decides how far the minutes reach
    asked        settings a person gave, by section ("task", "network", "training", "preparation", ...)
    """

    fingerprint: Fingerprint
    target: Target
    minutes: float
    cores: int
    fixed_split: bool
    task: TaskPlan
    task_reason: str = ""
    region_mm: float | None = None
    seed: int = 0
    most_folds: int = 0
    precision: Precision = "float32"
    asked: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def outputs(self) -> int:
        """Width of the last linear layer."""
        return len(self.target.classes) if self.target.kind == "multiclass" else len(self.target.names)

    @property
    def adversarial(self) -> Adversarial | None:
        """The attacks that are to be trained against."""
        asked = self.asked.get("training", {}).get("adversarial")
        return None if asked is None else from_plain(Adversarial, asked, "training.adversarial")

    @property
    def seconds(self) -> float:
        """Seconds that training may take."""
        return 60 * self.minutes * SPARE

    @property
    def training(self) -> int:
        """Cases to train on."""
        return self.fingerprint.cases["training"]

    @property
    def development(self) -> int:
        """Cases to train and to tune on."""
        return self.training + self.fingerprint.cases["tuning"]
