"""What lessons of patches share: pairs of images (`learning.pairs`) and images with masks (`learning.masked`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Generic, TypeVar

from radcnn.core.errors import SettingsError
from radcnn.core.files import sha256_of_json
from radcnn.core.settings import to_plain
from radcnn.data.store import StoredCase
from radcnn.plan.restoration import RestorationPlan
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.plan.settings import TrainingPlan

P = TypeVar("P", RestorationPlan, SegmentationPlan)
FEWEST_JUDGED, MOST_JUDGED = 8, 64  # patches on which an epoch is judged, the same for all epochs


@dataclass(frozen=True, eq=False)
class PatchLesson(Generic[P]):
    """What one network learns from, most of a `learning.lesson.Lesson`.

    training, tuning  prepared cases
    digest            a hash of all of them
    whole             the plan
    """

    index: int
    training: Sequence[StoredCase]
    tuning: Sequence[StoredCase]
    digest: str
    whole: P
    nothing: ClassVar[str] = "patches need at least one case to be cut from"

    def __post_init__(self) -> None:
        if not self.training:
            raise SettingsError(self.nothing)

    @property
    def plan(self) -> TrainingPlan:
        return self.whole.training

    @property
    def seed(self) -> int:
        return self.whole.seed

    @property
    def steps(self) -> int:
        return self.whole.steps

    def judged(self, voxels: int) -> int:
        """Patches that hold about so many voxels."""
        return min(MOST_JUDGED, max(FEWEST_JUDGED, voxels // math.prod(self.whole.patch)))

    def identity(self) -> str:
        plan = to_plain(replace(self.whole, reasons=()))
        said = {"index": self.index, "plan": plan, "cases": self.digest}
        return sha256_of_json({**said, "training": len(self.training), "tuning": len(self.tuning)})
