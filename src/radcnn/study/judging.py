"""`evaluate`: judge a run on the tuning set, or open the sealed test set and write that into the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from radcnn.core.case import Side
from radcnn.core.errors import InputError, Stopped
from radcnn.core.files import read_json, write_json
from radcnn.core.prediction import Predictions
from radcnn.data import ledger
from radcnn.evaluation import restoration, segmentation
from radcnn.evaluation.judgement import Judgement
from radcnn.evaluation.panels import PANELS
from radcnn.evaluation.restoration import RestorationJudgement
from radcnn.evaluation.segmentation import SegmentationJudgement
from radcnn.evaluation.settings import EvaluationSettings
from radcnn.inference.bundle import Bundle, load_bundle, verify
from radcnn.inference.scores import scores
from radcnn.learning.execution import logits_of
from radcnn.plan.settings import Plan
from radcnn.plan.stored import load_plan
from radcnn.study.folder import RunFolder, find_run, quoted
from radcnn.study.listener import SILENCE, Listener
from radcnn.study.open_study import OpenStudy, open_study
from radcnn.study.restoring.judging import judge_restoration
from radcnn.study.segmenting.judging import judge_segmentation
from radcnn.study.training import execution_of

Opened = Literal["tuning", "test"]
AnyJudgement = Judgement | RestorationJudgement | SegmentationJudgement
JUDGING: dict[str, Callable[..., RestorationJudgement | SegmentationJudgement]] = {
    "restoration": judge_restoration,
    "segmentation": judge_segmentation,
}
KINDS: dict[str, type[RestorationJudgement | SegmentationJudgement]] = {
    restoration.KIND: RestorationJudgement,
    segmentation.KIND: SegmentationJudgement,
}


def evaluate(
    run: Path | str, *, open_test: bool = False, reason: str = "evaluate", listener: Listener = SILENCE
) -> AnyJudgement:
    """Judge a run: on the tuning set, or with `open_test` on the sealed test set.

    Every opening of the test set is entered in the study's ledger before a network sees a test case. Figures of the
    tuning set are optimistic: operating points were chosen on it.

    Raises InputError when the run is not trained to the end, BundleError when its bundle was changed.
    """
    folder = find_run(run)
    if not (folder.bundle / "bundle.json").is_file():
        raise InputError(
            f"{folder.path} is not trained to the end; go on with: radcnn train {quoted(folder.path)} --resume"
        )
    opened = open_study(folder.study)
    judge_images = JUDGING.get(opened.settings.makes)
    if judge_images is not None:
        found = judge_images(folder, opened, open_test=open_test, reason=reason, listener=listener)
        write_json(folder.judgement(found.side), found.as_json())
        return found
    side: Opened = "test" if open_test else "tuning"
    table = _test_table(folder, opened, reason, listener) if open_test else _tuning_table(folder, opened)
    judgement = judge(folder, opened, table, side)
    write_json(folder.judgement(side), judgement.as_json())
    return judgement


def judge(folder: RunFolder, opened: OpenStudy, table: Predictions, side: Side) -> Judgement:
    """All figures of a table of predictions, at the operating points of the bundle, with the subgroups of study.yaml.

    Cases are called by their number in the study: a judgement may be shown around, and a file name may name a patient.
    """
    place = {case.id: i for i, case in enumerate(opened.cohort.cases)}
    rows = [place[case] for case in table.cases]
    # the columns stand in the study, not in a table written at training: study.yaml may ask for others since
    columns = opened.columns([opened.cohort.cases[i] for i in rows])
    table = replace(table, cases=tuple(str(i + 1) for i in rows), attributes=columns)
    bundle, _ = load_bundle(folder.bundle)
    plan = load_plan(folder.plan)
    settings = EvaluationSettings(
        resamples=plan.resamples,
        seed=plan.seed,
        prevalences=opened.settings.prevalences,
        subgroups=tuple(table.attributes),
        side=side,
        unit=opened.cohort.unit,
        synthetic=bundle.synthetic,
    )
    judgement = PANELS[bundle.make_task().panel](table, settings, bundle.operating_points)
    notes = (*judgement.notes, *notes_on_folds(plan, side), *notes_on_points(bundle, opened))
    return replace(judgement, notes=notes)


def notes_on_folds(plan: Plan, side: Side) -> tuple[str, ...]:
    """What a reader must know of folds: the tuning set and the points saw single networks, new cases get their mean.

    Points stay on out-of-fold scores: the mean of all networks was partly trained on every case that could choose one.
    """
    folds, notes = plan.training.folds, []
    if folds and side == "tuning":
        notes.append(f"These are out-of-fold scores of single networks; new cases get the mean of {folds} networks.")
    if folds and plan.operating_points and plan.target.kind != "regression":
        notes.append(
            f"Operating points were chosen on out-of-fold scores of single networks; the mean of {folds} networks is "
            "less spread and usually exceeds the rate that was asked for, at the cost of the other."
        )
    return tuple(notes)


def notes_on_points(bundle: Bundle, opened: OpenStudy) -> tuple[str, ...]:
    """What a reader must know of the operating points: that study.yaml asks for others than were chosen."""
    chosen = tuple(dict.fromkeys(point.rule for point in bundle.operating_points))
    asked = opened.settings.operating_points
    if not chosen or set(chosen) == set(asked):
        return ()
    found, wanted = ", ".join(chosen), ", ".join(asked) or "none"
    return (
        f"The operating points are those chosen at training ({found}); study.yaml now asks for {wanted}: train again.",
    )


def _tuning_table(folder: RunFolder, opened: OpenStudy) -> Predictions:
    return Predictions.load(folder.predictions("tuning"), opened.cohort.target)


def _test_table(folder: RunFolder, opened: OpenStudy, reason: str, listener: Listener) -> Predictions:
    model = verify(folder.bundle)
    bundle, networks = load_bundle(folder.bundle)
    rows = opened.rows("test")
    if not len(rows):
        raise InputError(f"no test case of {opened.folder.path} is labelled, so there is nothing to judge it by")
    # an image that cannot be read must not cost an opening; no network sees any before the ledger knows of it
    images = opened.prepared(rows, bundle.preparation, listener, "test cases")
    count = ledger.open_test(opened.folder.ledger, opened.split, model=model, run=folder.name, reason=reason)
    listener.say(f"the test set was opened (time {count} for this split); this is in the ledger")
    execution = execution_of(load_plan(folder.plan), workers=0)
    placed = [execution.place(network) for network in networks]
    try:
        found = scores(
            placed,
            images,
            bundle.make_task(),
            views=bundle.views,
            logits_of=lambda network, block: logits_of(network, block, execution),
            told=lambda done, of: listener.progress("predicting test cases", done, of),
        )
    except KeyboardInterrupt as stop:
        raise Stopped("the test set was opened but not judged; the ledger keeps the opening") from stop
    table = opened.table(rows, found)
    table.save(folder.predictions("test"))
    return table


def evaluated(run: Path | str) -> AnyJudgement:
    """What was found about a run: on the test set where it was opened, else on the tuning set.

    Raises InputError when the run was not evaluated yet.
    """
    folder = find_run(run)
    found = read_any_judgement(folder, "test") or read_any_judgement(folder, "tuning")
    if found is None:
        raise InputError(f"{folder.path} was not evaluated yet; first: radcnn evaluate {quoted(folder.path)}")
    return found


def read_judgement(folder: RunFolder, side: str) -> Judgement | None:
    """A judgement of labels or values made before, or None."""
    found = read_any_judgement(folder, side)
    return found if isinstance(found, Judgement) else None


def read_any_judgement(folder: RunFolder, side: str) -> AnyJudgement | None:
    """A judgement made before, of whichever kind, or None."""
    file = folder.judgement(side)
    if not file.is_file():
        return None
    found = read_json(file)
    kind = found.get("kind") if isinstance(found, dict) else None
    return KINDS.get(str(kind), Judgement).from_json(found)
