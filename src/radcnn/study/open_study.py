"""A study opened: its settings, cohort, split and fingerprint, in agreement with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case, Side
from radcnn.core.collecting import no_collecting
from radcnn.core.cores import available_cores
from radcnn.core.errors import InputError, ReadError, SplitError
from radcnn.core.files import read_json
from radcnn.core.prediction import Predictions
from radcnn.core.settings import from_plain
from radcnn.data.cohort import Cohort, gather
from radcnn.data.findings import Finding
from radcnn.data.fingerprint import Fingerprint
from radcnn.data.prepared.building import Ready, prepare_cases, ready
from radcnn.data.prepared.cases import PreparedCases
from radcnn.data.splits import Split, described
from radcnn.plan.facts import Facts
from radcnn.plan.propose import propose
from radcnn.plan.rules_restoration import RestorationFacts
from radcnn.plan.settings import AskedTask, Plan, Precision
from radcnn.study.folder import StudyFolder
from radcnn.study.listener import Listener
from radcnn.study.settings import StudySettings
from radcnn.study.study_yaml import load_settings
from radcnn.tasks import task_plan
from radcnn.transforms.preparation import Preparation


@dataclass(frozen=True, eq=False)
class OpenStudy:
    """Settings, cohort, split and fingerprint of a study."""

    folder: StudyFolder
    settings: StudySettings
    cohort: Cohort
    split: Split
    fingerprint: Fingerprint

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything noticed while gathering, splitting and measuring, each once."""
        return tuple(dict.fromkeys((*self.cohort.findings, *self.split.findings, *self.fingerprint.findings)))

    def rows(self, *sides: Side) -> NDArray[np.intp]:
        """Indices of the labelled cases on these sides, in the cohort's order."""
        labelled = self.cohort.labelled()
        wanted = set(sides)
        found = [i for i, side in enumerate(self.split.sides) if side in wanted and labelled[i]]
        return np.array(found, dtype=np.intp)

    def cases(self, rows: NDArray[np.intp]) -> tuple[Case, ...]:
        """The cases in these rows."""
        return tuple(self.cohort.cases[int(i)] for i in rows)

    def targets(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Their targets (n, t)."""
        return self.cohort.targets()[rows]

    def prepared(
        self, rows: NDArray[np.intp], preparation: Preparation, listener: Listener, what: str = "cases"
    ) -> PreparedCases:
        """The images of these rows, prepared: (n, channels, *size), from the study's cache where they are there."""
        return prepare_cases(
            self.cases(rows),
            preparation,
            self.folder.cache,
            workers=available_cores(),
            told=lambda done, of: listener.progress(f"preparing {what}", done, of),
            said=listener.say,
        )

    def ready(self, preparation: Preparation) -> Ready:
        """How many cases were prepared so already, and what they take on the disk."""
        return ready(self.cases(self.rows("training", "tuning", "test")), preparation, self.folder.cache)

    def propose(self, settings: StudySettings | None = None, *, precision: Precision = "float32") -> Plan:
        """The plan for these data, this machine's number of cores and the settings.

        precision  what networks are computed in, where the settings ask for none
        """
        facts = facts_of(settings or self.settings, self.cohort, self.split, self.fingerprint)
        return propose(replace(facts, precision=facts.asked.get("training", {}).get("precision", precision)))

    def table(self, rows: NDArray[np.intp], scores: NDArray[np.float64]) -> Predictions:
        """Scores (n, k) of the cases in these rows, beside their truth and the columns of subgroup tables."""
        cases = self.cases(rows)
        ids = tuple(case.id for case in cases)
        patients = tuple(case.patient for case in cases)
        return Predictions(self.cohort.target, ids, patients, scores, self.targets(rows), self.columns(cases))

    def columns(self, cases: Sequence[Case]) -> dict[str, list[str]]:
        """The columns of subgroup tables that study.yaml asks for now, and the site, one word per case."""
        columns = {name: [case.attributes.get(name, "") for case in cases] for name in self.settings.subgroup}
        if any(case.site for case in cases):
            columns.setdefault("site", [case.site or "" for case in cases])
        return columns


def facts_of(settings: StudySettings, cohort: Cohort, split: Split, fingerprint: Fingerprint) -> Facts:
    """What the rules of the plan may look at.

    Raises SettingsError when a last layer or loss is asked for that does not belong to the target (Table 2).
    """
    training = cohort.targets()[list(split.of("training"))]
    wanted = from_plain(AskedTask, settings.task, "task")
    plan, reason = task_plan(cohort.target, training, last_layer=wanted.last_layer, loss=wanted.loss)
    return Facts(
        fingerprint=fingerprint,
        target=cohort.target,
        minutes=settings.minutes,
        cores=available_cores(),
        fixed_split=cohort.fixed,
        most_folds=split.most_folds,
        task=plan,
        task_reason=reason,
        region_mm=settings.region_mm,
        seed=settings.seed,
        asked=settings.asked(),
    )


def restoration_facts(settings: StudySettings, split: Split, fingerprint: Fingerprint) -> RestorationFacts:
    """What the rules of a restoration's plan may look at.

    Raises InputError where images have several channels or units.
    """
    units = {"HU" if settings.hu and unit == "arbitrary" else unit for unit in fingerprint.units}
    if len(units) > 1:
        raise InputError(f"images are in {' and '.join(sorted(units))}; a restoration needs one unit for all of them")
    if fingerprint.channels != 1:
        raise InputError(f"a restoration takes images of one channel, got {fingerprint.channels}")
    return RestorationFacts(
        rank=fingerprint.rank,
        size=tuple(int(n) for n in fingerprint.size.minimum),
        units=units.pop(),  # type: ignore[arg-type]
        low=fingerprint.intensities.p0_5,
        high=fingerprint.intensities.p99_5,
        pairs=len(split.of("training")),
        minutes=settings.minutes,
        cores=available_cores(),
        seed=settings.seed,
        asked=settings.asked(),
    )


def open_study(folder: StudyFolder) -> OpenStudy:
    """Read a study; raises InputError when data or split moved or changed since it was made."""
    settings = load_settings(folder.settings)
    _refuse_moved(folder, settings)
    with no_collecting():
        split = Split.load(folder.split)
        if split.marks:
            folder.refuse_lost_salt()
        cohort = gather(settings.cohort(), salt=folder.salt()).called_as(split.cases)
        split.verify(cohort)
    _refuse_other_split(settings, cohort, split)
    return OpenStudy(folder, settings, cohort, split, _fingerprint(folder.fingerprint))


def _refuse_moved(folder: StudyFolder, settings: StudySettings) -> None:
    """Raise InputError when the data or their table are not where study.yaml says."""
    for name, path in (("data", settings.data), ("labels", settings.labels), ("reference", settings.reference)):
        if path is not None and not path.exists():
            raise InputError(f"{path} does not exist any more; correct the line `{name}:` in {folder.settings}")


def _refuse_other_split(settings: StudySettings, cohort: Cohort, split: Split) -> None:
    """Raise SplitError when study.yaml was changed to ask for another split than the one that was made."""
    asked = (settings.split_seed, settings.fractions)
    how = split.method if cohort.fixed else described(cohort, settings.sites, settings.leave_site)
    if asked != (split.seed, split.fractions) or how != split.method:
        raise SplitError(
            f"study.yaml asks for another split (seed {settings.split_seed}, {how}) than the one that was made (seed "
            f"{split.seed}, {split.method}); a split is made once: restore the line, or make another study"
        )


def _fingerprint(path: Path) -> Fingerprint:
    value = read_json(path)
    try:
        return Fingerprint.from_json(value)
    except (KeyError, TypeError, AttributeError) as cause:
        raise ReadError(f"{path} is not what radcnn wrote; restore it from a copy, or make a new study") from cause
