"""`check`: everything that would make a result wrong, and what a run would cost, before any training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radcnn.core.case import Side
from radcnn.data.findings import Finding
from radcnn.data.outcome import Outcome
from radcnn.plan.resources import Resources
from radcnn.study.checks import CHECKS_OF_A_RUN, outcomes
from radcnn.study.clearance import planned, predicted_cost
from radcnn.study.folder import find_study
from radcnn.study.found import found_outcomes
from radcnn.study.listener import SILENCE, Listener
from radcnn.study.muting import findings_of, standing
from radcnn.study.open_study import OpenStudy, open_study
from radcnn.study.options import for_run
from radcnn.study.restoring.pairs import pairs_of_study
from radcnn.study.restoring.training import restoration_cost, restoration_plan
from radcnn.study.segmenting.cases import masked_of_study
from radcnn.study.segmenting.training import segmentation_cost, segmentation_plan
from radcnn.study.settings import StudySettings
from radcnn.study.training import pairs_of
from radcnn.study.words import spelled_out

SIDE_WORDS: tuple[tuple[Side, str], ...] = (
    ("training", "cases"),
    ("tuning", "tuning cases"),
    ("test", "test cases"),
)
NO_DISK = "RC080"  # cases are not prepared then: they would only fill the disk


@dataclass(frozen=True)
class Checked:
    """What `check` found: an outcome of every check, what was muted and why, and the predicted cost of a run."""

    outcomes: tuple[Outcome, ...]
    mute: Mapping[str, str]
    needed: Resources

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, the most serious first."""
        return findings_of(self.outcomes)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that make a result wrong, and that nobody muted."""
        return standing(self.findings, self.mute)

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "findings": [found.told() for found in self.findings],
            "minutes": round(self.needed.minutes, 2),
            "memory_mib": round(self.needed.memory_bytes / 2**20),
            "disk_mib": round(self.needed.disk_bytes / 2**20),
            "outcomes": [outcome.as_json() for outcome in self.outcomes],
            "muted": dict(self.mute),
            "errors": [found.code for found in self.errors],
        }


def check_restoration(opened: OpenStudy, settings: StudySettings, listener: Listener) -> Checked:
    """The same of a study whose target is another image: pairs are compared, and prepared for the training."""
    plan = restoration_plan(opened, settings, {})
    of_data = found_outcomes(opened, listener)
    for side, what in (("training", "pairs"), ("tuning", "tuning pairs"), ("test", "test pairs")):
        pairs_of_study(opened, opened.rows(side), listener, what)  # type: ignore[arg-type]
    needed = restoration_cost(opened, plan)
    of_run = outcomes(CHECKS_OF_A_RUN, planned(opened, plan, settings, needed))
    return Checked((*of_data, *of_run), settings.mute, needed)


def check_segmentation(opened: OpenStudy, settings: StudySettings, listener: Listener) -> Checked:
    """The same of a study with masks: they are compared with their images, and prepared for the training."""
    plan = segmentation_plan(opened, settings, {})
    of_data = found_outcomes(opened, listener)
    needed = segmentation_cost(opened, plan)
    of_run = outcomes(CHECKS_OF_A_RUN, planned(opened, plan, settings, needed))
    for side, what in SIDE_WORDS:
        masked_of_study(opened, plan, opened.rows(side), listener, what)
    return Checked((*of_data, *of_run), settings.mute, needed)


def check(study: Path | str, *, listener: Listener = SILENCE, **options: Any) -> Checked:
    """Findings about a study, from looking at every image, and what a run would cost.

    The images of all sides are read and prepared, so that `train` finds them ready. What was found about the data is
    kept with the study. Raises InputError when an image cannot be used, or the plan's folds cannot be filled.
    """
    opened = open_study(find_study(study))
    options = spelled_out(options, opened.settings.makes)
    settings = for_run(opened.settings, options) if options else opened.settings
    check_images = {"restoration": check_restoration, "segmentation": check_segmentation}.get(settings.makes)
    if check_images is not None:
        return check_images(opened, settings, listener)
    plan = opened.propose(settings)
    pairs_of(opened, plan, opened.rows("training", "tuning"))
    of_data = found_outcomes(opened, listener)
    needed = predicted_cost(opened, plan)
    of_run = outcomes(CHECKS_OF_A_RUN, planned(opened, plan, settings, needed))
    if not any(found.code == NO_DISK for found in standing(findings_of(of_run), settings.mute)):
        opened.prepared(opened.rows("training", "tuning"), plan.preparation, listener)
        opened.prepared(opened.rows("test"), plan.preparation, listener, "test cases")
    return Checked((*of_data, *of_run), settings.mute, needed)
