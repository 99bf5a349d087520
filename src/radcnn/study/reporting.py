"""`report`: everything a run found, told as one page and as the bundle's model card."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import SIDE_NAMES, SIDES, Side
from radcnn.core.files import read_json, write_text
from radcnn.core.settings import to_plain
from radcnn.core.target import Target
from radcnn.core.version import __version__
from radcnn.data.ledger import openings
from radcnn.data.outcome import Outcome
from radcnn.evaluation.restoration import RestorationJudgement
from radcnn.evaluation.segmentation import SegmentationJudgement
from radcnn.inference.bundle import verify, write_model_card
from radcnn.learning.verdict import verdict
from radcnn.networks import card
from radcnn.plan.settings import Plan
from radcnn.plan.stored import load_plan, plan_hash
from radcnn.reports.model_card import model_card
from radcnn.reports.page import render
from radcnn.reports.story import (
    ClassCount,
    Flow,
    LeftOut,
    Opening,
    SideCount,
    Story,
    Verdict,
)
from radcnn.study.again import commands_again
from radcnn.study.environment import environment
from radcnn.study.explaining.explain import explain_fragments
from radcnn.study.folder import RunFolder, find_run, read_record
from radcnn.study.found import read_outcomes
from radcnn.study.going_on import read_history
from radcnn.study.hardening import hardened_sentences
from radcnn.study.judging import evaluated, notes_on_folds, read_judgement
from radcnn.study.listener import SILENCE, Listener
from radcnn.study.open_study import OpenStudy, open_study
from radcnn.study.pictures import pictured, pictured_pairs
from radcnn.study.predicting import place_words
from radcnn.study.restoring.reporting import report_restoration
from radcnn.study.segmenting.reporting import report_segmentation
from radcnn.study.stressing.stress import stress_fragments
from radcnn.study.told import LIMITS, accepted, epoch_rows, finding_lines, mutes_of
from radcnn.tasks import planned_task


def report(run: Path | str, *, listener: Listener = SILENCE) -> Path:
    """Write the report of a run and the model card of its bundle; returns the path of report.html.

    Raises InputError when the run was not evaluated yet.
    """
    folder = find_run(run)
    found, opened = evaluated(folder.path), open_study(folder.study)
    if isinstance(found, RestorationJudgement):
        return report_restoration(folder, opened, found, listener, stress=stress_fragments(folder))
    if isinstance(found, SegmentationJudgement):
        return report_segmentation(folder, opened, found, listener, stress=stress_fragments(folder))
    story = tell(folder, opened, listener)
    write_text(folder.report, render(story))
    words = ("radcnn predict BUNDLE IMAGE_OR_FOLDER", *place_words(load_plan(folder.plan).preparation))
    write_model_card(folder.bundle, model_card(story, predict=(" ".join(words),)))
    return folder.report


def tell(folder: RunFolder, opened: OpenStudy, listener: Listener = SILENCE) -> Story:
    """The story of a run."""
    plan = load_plan(folder.plan)
    target, side = opened.cohort.target, "test" if folder.judgement("test").is_file() else "tuning"
    judged = read_judgement(folder, side)
    made = verdict(read_history(folder), plan, _guessing(opened, plan))
    found = read_outcomes(folder.findings) or (Outcome("study", opened.findings),)
    findings = finding_lines(found, mutes_of(folder, opened))
    pairs = tuple(pair for outcome in found for pair in outcome.pairs)
    return Story(
        title=f"{', '.join(target.names)}: {opened.settings.data.stem}",
        task=f"predict {', '.join(target.names)} ({target.kind}) from {_images(opened, plan)}",
        data=opened.settings.data.name,
        created=datetime.now(UTC).date().isoformat(),
        version=__version__,
        flow=_flow(opened, plan),
        split_rule=opened.split.method,
        split_hash=opened.split.hash,
        plan=json.dumps({k: v for k, v in to_plain(plan).items() if k != "reasons"}, indent=1),
        card=_card(plan),
        figure=planned_task(plan.target, plan.task).monitor_name,
        verdict=Verdict(made.label, made.sentence, made.in_use, made.not_in_use),
        synthetic=opened.settings.synthetic,
        certificate=_certificate(opened),
        regions=opened.fingerprint.regions,
        unit=opened.cohort.unit,
        findings=findings,
        pairs=pictured_pairs(opened, pairs, plan.preparation, listener),
        pairs_found=len(pairs),
        passed=tuple(one.named for one in found if one.word == "passed"),
        not_applicable=tuple((one.check, one.because) for one in found if one.because),
        openings=tuple(Opening(o.date, o.reason, o.model, o.run) for o in openings(opened.folder.ledger, opened.split)),
        reasons=plan.reasons,
        history=epoch_rows(folder),
        tuning=read_judgement(folder, "tuning"),
        test=read_judgement(folder, "test"),
        worst=pictured(opened, judged.worst, plan.preparation, listener) if judged is not None else (),
        worst_side="internal test" if side == "test" else "tuning",
        explain=explain_fragments(folder),
        stress=stress_fragments(folder),
        hashes={"model": verify(folder.bundle), "plan": plan_hash(plan), "split": opened.split.hash},
        environment={**environment(), **{str(k): str(v) for k, v in read_record(folder)["environment"].items()}},
        seeds={"training": plan.seed, "split": opened.split.seed},
        commands=commands_again(folder, opened, plan),
        limits=(*LIMITS, *notes_on_folds(plan, "test"), *hardened_sentences(folder), *accepted(findings)),
    )


def _guessing(opened: OpenStudy, plan: Plan) -> float:
    """Loss of the best constant answer to the cases that were trained on."""
    sides: tuple[Side, ...] = ("training", "tuning") if plan.training.folds else ("training",)
    task = planned_task(plan.target, plan.task)
    return task.guessing(opened.targets(opened.rows(*sides)), balanced=plan.training.balance)


def _images(opened: OpenStudy, plan: Plan) -> str:
    found = opened.fingerprint
    what = "regions" if found.regions else "volumes" if found.rank == 3 else "images"
    points = "voxels" if plan.preparation.dims == 3 else "pixels"
    return f"{'/'.join(found.units)} {what}, {' x '.join(map(str, plan.preparation.size))} {points}"


def _flow(opened: OpenStudy, plan: Plan) -> Flow:
    unlabelled = len(opened.cohort) - int(opened.cohort.labelled().sum())
    left_out = (LeftOut("no label", unlabelled),) if unlabelled else ()
    note = f"{plan.training.folds} folds rotate through training and tuning cases" if plan.training.folds else ""
    sides = tuple(_side(opened, side, note if side == "training" else "") for side in SIDES)
    return Flow(len(opened.cohort), len(opened.cohort.by_patient), left_out, sides)


def _side(opened: OpenStudy, side: Side, note: str) -> SideCount:
    rows = opened.rows(side)
    patients = len({case.patient for case in opened.cases(rows)})
    classes = class_counts(opened.cohort.target, opened.targets(rows))
    return SideCount(SIDE_NAMES[side], len(rows), patients, classes, note)


def class_counts(target: Target, truth: NDArray[np.float64]) -> tuple[ClassCount, ...]:
    """Cases per class, or per label of those where it is known; none for a value."""
    if target.kind == "regression":
        return ()
    known = np.isfinite(truth)
    if target.kind == "multilabel":
        counts, labelled = np.nansum(truth, axis=0).astype(int).tolist(), known.sum(axis=0).tolist()
    else:
        counts = np.bincount(truth[known].astype(int), minlength=len(target.classes)).tolist()
        labelled = [int(known.sum())] * len(target.classes)
    names = target.names if target.kind == "multilabel" else target.classes
    return tuple(ClassCount(name, n, of, len(truth) - of) for name, n, of in zip(names, counts, labelled, strict=True))


def _card(plan: Plan) -> str:
    return card(
        plan.network.name,
        channels=plan.preparation.channels,
        outputs=planned_task(plan.target, plan.task).outputs,
        dims=plan.preparation.dims,
        size=plan.preparation.size,
        options=plan.network.options,
    ).as_text()


def _certificate(opened: OpenStudy) -> str:
    """The difficulty certificate that a simulator wrote beside its table, as text."""
    if not opened.settings.synthetic or opened.settings.labels is None:
        return ""
    file = opened.settings.labels.with_name("certificate.json")
    return str(read_json(file).get("text", "")) if file.is_file() else ""
