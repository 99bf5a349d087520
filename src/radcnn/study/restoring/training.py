"""Training of a study whose target is another image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from radcnn.core.cores import available_cores
from radcnn.core.errors import SettingsError
from radcnn.core.files import write_json
from radcnn.data.findings import counted
from radcnn.inference.restorer import Restorer, save_restorer
from radcnn.learning.pairs import train_image_networks
from radcnn.plan.resources import Resources
from radcnn.plan.restoration import RestorationPlan
from radcnn.plan.rules_restoration import image_cost, propose_restoration, step_seconds
from radcnn.plan.stored import load_restoration_plan
from radcnn.study.fitting import begin_images, cost_of_images, fitted, provenance_of, refuse_no_plan
from radcnn.study.folder import RunFolder, read_record
from radcnn.study.listener import Listener
from radcnn.study.open_study import OpenStudy, restoration_facts
from radcnn.study.planning import refuse_untrusted, settled
from radcnn.study.restoring.execution import restoring_execution
from radcnn.study.restoring.pairs import pairs_of_study
from radcnn.study.settings import StudySettings
from radcnn.tasks.restoration import restoration_of

PAIR = 4  # bytes of a stored voxel and of its reference's: whole HU


def begin_restoring(
    run: RunFolder,
    opened: OpenStudy,
    settings: StudySettings,
    options: Mapping[str, Any],
    *,
    plan: Path | str | None,
    workers: int,
    listener: Listener,
    in_spite: bool,
) -> None:
    """A new run, trained; `in_spite` of errors in the data, which are then told and stand in the run's report."""
    chosen = _stored(Path(plan), opened) if plan is not None else restoration_plan(opened, settings, options)
    begin_images(
        run, opened, settings, chosen, restoration_cost(opened, chosen), _said(chosen),
        lambda: go_on_restoring(run, opened, workers, listener), listener, in_spite=in_spite,
    )  # fmt: skip


def restoration_plan(opened: OpenStudy, settings: StudySettings, options: Mapping[str, Any]) -> RestorationPlan:
    """What the rules and the settings decide; reasons of what was given for this run say so."""
    facts = restoration_facts(settings, opened.split, opened.fingerprint)
    return settled(
        settings, options, lambda precision: propose_restoration(replace(facts, precision=precision)),
        lambda plan: (plan.network, plan.patch, plan.channels, plan.training.batch),
    )  # fmt: skip


def go_on_restoring(run: RunFolder, opened: OpenStudy, workers: int, listener: Listener) -> None:
    """Train from where the run stands to the end, and write the bundle."""
    plan = load_restoration_plan(run.plan)
    # a damaged test pair is to be found before the minutes are spent; no network sees it
    pairs_of_study(opened, opened.rows("test"), listener, "test pairs")
    rows, tuning_rows = opened.rows("training"), opened.rows("tuning")
    training = pairs_of_study(opened, rows, listener)
    tuning = pairs_of_study(opened, tuning_rows, listener, "tuning pairs")
    low = plan.training.precision == "bfloat16"
    execution = replace(restoring_execution(plan), workers=workers, bfloat16=low)
    items = train_image_networks(
        plan, training.cases, tuning.cases, f"{training.digest} {tuning.digest}", run.checkpoints, execution
    )
    networks = fitted(run, plan, items, restoration_of(plan).monitor_name, listener)
    settings = opened.settings
    restorer = Restorer(plan, len(networks), settings.hu, settings.synthetic, provenance_of(plan, opened))
    save_restorer(run.bundle, restorer, networks)
    write_json(run.record, {**read_record(run), "status": "trained"})


def restoration_cost(opened: OpenStudy, plan: RestorationPlan) -> Resources:
    """Minutes of training, peak memory with the libraries, and disk for pairs and what a run leaves."""
    seconds = step_seconds(plan, plan.training.batch, available_cores())
    return cost_of_images(opened, plan, image_cost(plan), seconds, bytes_of_voxel=PAIR)


def _said(plan: RestorationPlan) -> str:
    steps = plan.steps * plan.training.epochs
    return (
        f"plan: {plan.network.name}, {counted(steps, 'step')} of {counted(plan.training.batch, 'patch', 'patches')}, "
        f"{' x '.join(map(str, plan.patch))} each"
    )


def _stored(path: Path, opened: OpenStudy) -> RestorationPlan:
    """The plan in a run's plan.json, as it stands; raises SettingsError where it does not fit the study."""
    refuse_no_plan(path)
    plan = load_restoration_plan(path)
    facts = restoration_facts(opened.settings, opened.split, opened.fingerprint)
    if plan.units != facts.units or (plan.dims == 3 and facts.rank == 2):
        raise SettingsError(
            f"the plan in {path} is for images in {plan.units} of {plan.dims} axes or more, and this study's are in "
            f"{facts.units} of {facts.rank}; leave --plan out"
        )
    refuse_untrusted(plan, f"the plan in {path}")
    return plan
