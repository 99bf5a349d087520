"""Panels: what is judged per kind of target. Each reads predictions and operating points, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from radcnn.core.estimate import Estimate
from radcnn.core.prediction import Predictions
from radcnn.evaluation.curves import histogram, reliability, resampled
from radcnn.evaluation.judgement import ConfusionMatrix, Judgement, PointResult, Question, Value
from radcnn.evaluation.questions import Asked, asked, labelled
from radcnn.evaluation.settings import EvaluationSettings
from radcnn.evaluation.subgroups import subgroup_rows
from radcnn.evaluation.values import judge_value, measured
from radcnn.evaluation.worst import worst_cases
from radcnn.metrics import regression
from radcnn.metrics.agreement import confusion_matrix, kappa
from radcnn.metrics.calibration import brier, calibration_intercept, calibration_slope, log_loss
from radcnn.metrics.decided import balanced_accuracy, decision_figures, majority_accuracy, predictive_values_at
from radcnn.metrics.delong import delong_interval
from radcnn.metrics.multiclass import (
    class_log_loss,
    macro_auc,
    macro_bootstrap,
    macro_mean,
    multiclass_brier,
    one_hot,
)
from radcnn.metrics.operating import OperatingPoint, counts_at
from radcnn.metrics.proportions import proportion
from radcnn.metrics.ranking import one_class

Points = tuple[OperatingPoint, ...]
Panel = Callable[[Predictions, EvaluationSettings, Points], Judgement]


def judge_question(question: Asked, settings: EvaluationSettings, points: Points) -> Question:
    """Everything about one yes/no question."""
    scores, truth, patients = question.scores, question.truth, question.patients
    n, people, level = truth.size, int(np.unique(patients).size), settings.level
    reason = one_class(truth)
    drawn = None if reason else resampled(question, settings)
    gone = Estimate.missing(reason, n, people)
    figures = {
        "auc": delong_interval(scores, truth, patients, level=level),
        "auc_bootstrap": gone,
        "auprc": gone,
        "brier": brier(scores, truth, patients, level=level),
        "log_loss": log_loss(scores, truth, patients, level=level),
        "calibration_slope": calibration_slope(scores, truth, patients, level=level),
        "calibration_intercept": calibration_intercept(scores, truth, patients, level=level),
        "ece": gone,
    }
    return Question(
        question.name,
        question.positive,
        question.negative,
        n,
        people,
        int(truth.sum()),
        float(truth.mean()) if n else math.nan,
        figures | (drawn.figures if drawn else {}),
        tuple(judge_point(question, settings, point) for point in points if point.question in ("", question.name)),
        drawn.roc if drawn else None,
        reliability(question, settings) if n else None,
        drawn.net_benefit if drawn else None,
        histogram(question),
    )


def judge_point(question: Asked, settings: EvaluationSettings, point: OperatingPoint) -> PointResult:
    """What one operating point reaches on one question; all figures missing when the point is undefined."""
    truth, patients = question.truth, question.patients
    called = question.scores >= point.threshold
    figures = decision_figures(called, truth, patients, level=settings.level)
    for prevalence in settings.prevalences:
        ppv, npv = predictive_values_at(figures["sensitivity"], figures["specificity"], prevalence)
        figures |= {f"ppv@{prevalence:g}": ppv, f"npv@{prevalence:g}": npv}
    if point.undefined:
        why = f"no operating point: {point.undefined} on the {point.chosen_on} side"
        gone = Estimate.missing(why, truth.size, int(np.unique(patients).size))
        figures = {name: figure if name == "majority_accuracy" else gone for name, figure in figures.items()}
    return PointResult(point, figures, counts_at(question.scores, truth, point.threshold))


def binary(predictions: Predictions, settings: EvaluationSettings, points: Points) -> Judgement:
    """Judge a binary target: n scores of the positive class."""
    known = labelled(predictions)
    questions = tuple(judge_question(question, settings, points) for question in asked(known))
    majority = majority_accuracy(known.targets[:, 0], known.patients, level=settings.level)
    return _judgement(predictions, settings, points, {**questions[0].figures, "majority_accuracy": majority}, questions)


def multiclass(predictions: Predictions, settings: EvaluationSettings, points: Points) -> Judgement:
    """Judge a multiclass target: one probability per class; macro figures, each class against the rest, confusion."""
    known, level = labelled(predictions), settings.level
    scores, labels, patients = known.scores, known.targets[:, 0].astype(np.intp), known.patients
    classes, top = known.target.classes, scores.argmax(axis=1)
    truth = one_hot(labels, len(classes))
    area, precision = macro_bootstrap(
        scores, truth, patients, level=level, resamples=settings.resamples, seed=settings.seed
    )
    figures = {
        "auc": macro_auc(scores, truth, patients, classes, level=level),
        "auc_bootstrap": area,
        "auprc": precision,
        "accuracy": proportion(top == labels, patients, level=level),
        "majority_accuracy": majority_accuracy(labels, patients, level=level),
        "balanced_accuracy": balanced_accuracy(top, labels, patients, level=level),
        "kappa": kappa(labels, top, patients, classes=len(classes), level=level),
        "kappa_quadratic": kappa(labels, top, patients, classes=len(classes), weights="quadratic", level=level),
        "brier": multiclass_brier(scores, labels, patients, level=level),
        "log_loss": class_log_loss(scores, labels, patients, level=level),
    }
    questions = tuple(judge_question(question, settings, points) for question in asked(known))
    counts = confusion_matrix(labels, top, len(classes))
    matrix = ConfusionMatrix(classes, tuple(tuple(int(cell) for cell in row) for row in counts))
    return _judgement(predictions, settings, points, figures, questions, confusion=matrix)


def multilabel(predictions: Predictions, settings: EvaluationSettings, points: Points) -> Judgement:
    """Judge a multi-label target: one probability per label; cases count for the labels they have."""
    known, level = labelled(predictions), settings.level
    scores, truth, patients = known.scores, known.targets, known.patients
    area, precision = macro_bootstrap(
        scores, truth, patients, level=level, resamples=settings.resamples, seed=settings.seed
    )
    whole = np.isfinite(truth).all(axis=1)
    right = ((scores >= 0.5) == (truth > 0)).all(axis=1)[whole]
    usual = 2 * np.nansum(truth, axis=0) > np.isfinite(truth).sum(axis=0)  # each label's more frequent answer
    figures = {
        "auc": macro_auc(scores, truth, patients, known.target.names, level=level),
        "auc_bootstrap": area,
        "auprc": precision,
        "brier": macro_mean((scores - truth) ** 2, patients, level=level),
        "exact_match": proportion(right, np.asarray(patients)[whole], level=level),
        "majority_match": proportion(
            (usual == (truth[whole] > 0)).all(axis=1), np.asarray(patients)[whole], level=level
        ),
    }
    questions = tuple(judge_question(question, settings, points) for question in asked(known))
    return _judgement(predictions, settings, points, figures, questions)


def values(predictions: Predictions, settings: EvaluationSettings, points: Points) -> Judgement:
    """Judge a regression target: one or more values per case, each in the table's unit."""
    known = labelled(predictions)
    judged = tuple(judge_value(value, settings) for value in measured(known))
    figures = judged[0].figures
    if len(judged) > 1:
        given = known.scores, known.targets, known.patients, known.target.names
        figures = {"r2": regression.macro_r2(*given, level=settings.level)}
    return _judgement(predictions, settings, points, figures, (), values=judged)


def _judgement(
    predictions: Predictions,
    settings: EvaluationSettings,
    points: Points,
    figures: dict[str, Estimate],
    questions: tuple[Question, ...],
    *,
    confusion: ConfusionMatrix | None = None,
    values: tuple[Value, ...] = (),
) -> Judgement:
    known = labelled(predictions)
    return Judgement(
        synthetic=settings.synthetic,
        side=settings.side,
        unit=settings.unit,
        level=settings.level,
        target=predictions.target,
        n=len(known),
        patients=len(set(known.patients)),
        unlabelled=len(predictions) - len(known),
        figures=figures,
        questions=questions,
        confusion=confusion,
        values=values,
        subgroups=subgroup_rows(known, settings, points),
        worst=worst_cases(known),
        notes=tuple(_notes(known, settings, figures, questions, values)),
    )


def _notes(
    known: Predictions,
    settings: EvaluationSettings,
    figures: dict[str, Estimate],
    questions: tuple[Question, ...],
    values: tuple[Value, ...],
) -> list[str]:
    """Sentences a reader must know before the numbers."""
    notes = []
    if settings.unit == "image":
        notes.append("The unit is the image: intervals take images as independent, and are too narrow if they are not.")
    elif len(set(known.patients)) < len(known):
        notes.append("Several cases belong to one patient: all intervals are by patient.")
    for name, figure in figures.items():
        if figure.undefined:
            notes.append(f"{name} is undefined: {figure.undefined}.")
    if any("stratified" in question.figures["auc_bootstrap"].method for question in questions):
        notes.append("An outcome has few patients: the bootstrap draws patients within their outcome.")
    counts = [(part.name, part.n) for part in questions] + [(part.name, part.n) for part in values]
    missing = [f"{name} ({len(known) - n})" for name, n in counts if n < len(known)]
    if missing:
        notes.append("Cases without a label were left out, per label: " + ", ".join(missing) + ".")
    return notes


PANELS: dict[str, Panel] = {
    "binary": binary,
    "multiclass": multiclass,
    "multilabel": multilabel,
    "regression": values,
}
