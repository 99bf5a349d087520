"""`train`: fit the networks of a plan, choose operating points on the tuning cases, and write the bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from radcnn.core.cores import available_cores
from radcnn.core.errors import InputError
from radcnn.core.files import write_json
from radcnn.data.findings import counted
from radcnn.data.prepared.cases import of_rows
from radcnn.evaluation.questions import choose_operating_points
from radcnn.inference.bundle import Bundle, save_bundle
from radcnn.inference.scores import scores
from radcnn.learning.batches import Cases
from radcnn.learning.events import EpochEnded, StepEnded, StoppedEarly
from radcnn.learning.execution import Execution, available_device, keep_memory, logits_of
from radcnn.learning.lessons import Development, Rows, train_networks
from radcnn.plan.settings import Plan
from radcnn.plan.stored import load_plan, plan_hash
from radcnn.study.clearance import cleared_for_training, predicted_cost
from radcnn.study.engine import as_record, try_engines
from radcnn.study.environment import changed_rounding, environment
from radcnn.study.folder import RunFolder, find_run, find_study, read_record
from radcnn.study.folds import rotated_rows
from radcnn.study.found import write_outcomes
from radcnn.study.going_on import begin_record, check_plan, how_to_go_on, say_if_slow, write_history
from radcnn.study.hardening import attack_words, hardened, reach, record_of
from radcnn.study.listener import SILENCE, Listener
from radcnn.study.open_study import OpenStudy, open_study
from radcnn.study.options import for_run
from radcnn.study.planning import proposed_plan, stored_plan
from radcnn.study.restoring.training import begin_restoring, go_on_restoring
from radcnn.study.segmenting.training import begin_segmenting, go_on_segmenting
from radcnn.study.settings import StudySettings
from radcnn.study.words import spelled_out
from radcnn.tasks import Task, planned_task


def train(
    study: Path | str,
    *,
    plan: Path | str | None = None,
    resume: bool = False,
    workers: int = 1,
    listener: Listener = SILENCE,
    **options: Any,
) -> Path:
    """Train the networks of a study's plan; returns the run's folder.

    study    a study's folder or study.yaml; with `resume` also a run's folder
    plan     train exactly this plan, the plan.json of a run, instead of what the study proposes
    resume   go on with the newest (or this) run from its last epoch, bit for bit on a machine of the same kind
    workers  threads that make batches ahead of time; changes no number
    options  settings that beat study.yaml: minutes, seed, network, training ...

    Raises InputError with the cause and the next step; FindingsError while a finding that makes a result wrong stands
    and is not muted. The data are checked where they were not since they changed.
    """
    if resume:
        if options or plan is not None:
            raise InputError("a resumed run keeps its plan; leave the options out, or start a new run without --resume")
        run = find_run(study)
        check_plan(run)
        if changed := changed_rounding(read_record(run)["environment"], environment()):
            listener.say(changed)
        with how_to_go_on(run, Path(study)):
            opened = open_study(run.study)
            go_on = {"restoration": go_on_restoring, "segmentation": go_on_segmenting}.get(
                opened.settings.makes, _go_on
            )
            go_on(run, opened, workers, listener)
        return run.path
    if plan is not None and options.keys() - {"mute"}:
        raise InputError("a stored plan is trained as it stands; leave the other options out, or leave --plan out")
    return begin_training(study, plan=plan, workers=workers, listener=listener, options=options)


def begin_training(
    study: Path | str,
    *,
    plan: Path | str | None = None,
    workers: int,
    listener: Listener,
    options: dict[str, Any],
    in_spite: bool = False,
) -> Path:
    """A new run, trained; `in_spite` of errors in the data, which are then told and stand in the run's report."""
    folder = find_study(study)
    opened = open_study(folder)
    options = spelled_out(options, opened.settings.makes)
    run = folder.next_run()
    settings = for_run(opened.settings, options) if options else opened.settings
    begin = {"restoration": begin_restoring, "segmentation": begin_segmenting}.get(settings.makes)
    if begin is not None:
        begin(run, opened, settings, options, plan=plan, workers=workers, listener=listener, in_spite=in_spite)
        return run.path
    chosen = stored_plan(Path(plan), opened) if plan is not None else proposed_plan(opened, settings, options)
    found = cleared_for_training(opened, chosen, settings, predicted_cost(opened, chosen), listener, in_spite=in_spite)
    with how_to_go_on(run, folder.path):
        begin_run(run, opened, chosen, settings, listener)
        write_outcomes(run.findings, found)  # its report tells what stood then, whatever the data become
        _go_on(run, opened, workers, listener)
    return run.path


def _go_on(run: RunFolder, opened: OpenStudy, workers: int, listener: Listener) -> None:
    """Train from where the run stands, at its beginning or after its last epoch, to the end."""
    plan = load_plan(run.plan)
    # nothing is looked at here: a damaged test image is to be found before the minutes are spent
    opened.prepared(opened.rows("test"), plan.preparation, listener, "test cases")
    execution = execution_of(plan, workers)
    networks, development, order = fit_networks(run, opened, plan, execution, listener)
    finish(run, opened, plan, networks, development, order, execution, listener)


def begin_run(run: RunFolder, opened: OpenStudy, plan: Plan, settings: StudySettings, listener: Listener) -> None:
    """Write the plan, before anything is computed."""
    listener.say(
        f"plan: {plan.network.name}, {counted(plan.training.networks, 'network')} of "
        f"{counted(plan.training.epochs, 'epoch')}, images {' x '.join(map(str, plan.preparation.size))}"
        f"{_attacks_said(opened, plan)}"
    )
    begin_record(run, opened, plan, settings)


def _attacks_said(opened: OpenStudy, plan: Plan) -> str:
    words, attacks = attack_words(opened, plan), plan.training.adversarial
    return f", against {words}: a step costs {attacks.costs:.2g} times as much" if attacks is not None else ""


def execution_of(plan: Plan, workers: int) -> Execution:
    """How this machine runs the plan."""
    keep_memory()
    torch.set_num_threads(available_cores())
    low = plan.training.precision == "bfloat16"
    device = available_device()
    return Execution(device=device, workers=workers, channels_last=plan.training.channels_last, bfloat16=low)


def fit_networks(
    run: RunFolder, opened: OpenStudy, plan: Plan, execution: Execution, listener: Listener
) -> tuple[list[nn.Module], Development, Rows]:
    """Train (or go on training) every network; also the development cases and their rows in the cohort."""
    order = opened.rows("training", "tuning")
    images = opened.prepared(order, plan.preparation, listener)
    epsilon = reach(opened, plan, order, images, listener)
    development = Development(Cases(images, opened.targets(order)), pairs_of(opened, plan, order), epsilon)
    task = planned_task(plan.target, plan.task)
    listener.watch(task.monitor_name)
    networks: list[nn.Module] = []
    minutes, warned = float(read_record(run)["minutes"]), False
    for item in train_networks(plan, task, development, run.checkpoints, execution):
        if isinstance(item, StepEnded | EpochEnded | StoppedEarly):
            listener.event(item)
        else:
            networks.append(item)
        if isinstance(item, EpochEnded) and not warned:
            warned = say_if_slow(item, len(development.pairs), minutes, listener)
    write_history(run)
    return networks, development, order


def pairs_of(opened: OpenStudy, plan: Plan, order: Rows) -> tuple[tuple[Rows, Rows], ...]:
    """(training, tuning) rows of the prepared array for each network: members share them, folds rotate."""
    place = {int(row): i for i, row in enumerate(order)}

    def placed(rows: NDArray[np.intp]) -> Rows:
        return np.array([place[int(row)] for row in rows], dtype=np.intp)

    return tuple((placed(training), placed(tuning)) for training, tuning in rotated_rows(opened, plan.training))


def tuning_scores(
    networks: Sequence[nn.Module], development: Development, task: Task, plan: Plan, execution: Execution
) -> tuple[Rows, NDArray[np.float64]]:
    """Rows of the tuning cases and their scores: of the mean of members, or of the fold that did not see the case."""

    def score(group: Sequence[nn.Module], rows: Rows) -> NDArray[np.float64]:
        images = of_rows(development.cases.images, rows)
        return scores(group, images, task, views=plan.training.views, logits_of=lambda n, x: logits_of(n, x, execution))

    if not plan.training.folds:
        rows = development.pairs[0][1]
        return rows, score(networks, rows)
    parts = [(rows, score([network], rows)) for network, (_, rows) in zip(networks, development.pairs, strict=True)]
    rows = np.concatenate([part for part, _ in parts])
    ordered = np.argsort(rows, kind="stable")
    return rows[ordered], np.concatenate([found for _, found in parts])[ordered]


def finish(
    run: RunFolder,
    opened: OpenStudy,
    plan: Plan,
    networks: Sequence[nn.Module],
    development: Development,
    order: Rows,
    execution: Execution,
    listener: Listener = SILENCE,
) -> None:
    """Tuning predictions, operating points and the bundle."""
    task = planned_task(plan.target, plan.task)
    rows, found = tuning_scores(networks, development, task, plan, execution)
    table = opened.table(order[rows], found)
    table.save(run.predictions("tuning"))
    bundle = Bundle(
        target=plan.target,
        task=plan.task,
        preparation=plan.preparation,
        network=plan.network,
        networks=len(networks),
        views=plan.training.views,
        operating_points=choose_operating_points(table, plan.operating_points),
        precision=plan.training.precision,
        channels_last=plan.training.channels_last,
        synthetic=opened.settings.synthetic,
        voi=opened.settings.voi,
        provenance=provenance(plan, opened),
    )
    save_bundle(run.bundle, bundle, networks)
    choice = try_engines(
        bundle, run.bundle, networks, of_rows(development.cases.images, rows),
        plain=lambda network, block: logits_of(network, block, execution), device=execution.device,
    )  # fmt: skip
    against = record_of(hardened(networks[0], opened, plan, development, order), listener)
    write_json(run.record, {**read_record(run), "status": "trained", "engine": as_record(choice), **against})


def provenance(plan: Plan, opened: OpenStudy) -> tuple[tuple[str, str], ...]:
    """Where a bundle came from; nothing about patients."""
    facts = {"plan": plan_hash(plan), "split": opened.split.hash, "seed": str(plan.seed), **environment()}
    if plan.training.adversarial is not None:
        facts["trained against"] = attack_words(opened, plan)
    return tuple(facts.items())
