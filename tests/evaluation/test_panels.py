"""What a judgement holds for every kind of target, and how it says what cannot be known."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from radcnn.core.errors import ReadError, SettingsError
from radcnn.core.estimate import Estimate
from radcnn.core.prediction import Predictions
from radcnn.core.target import Target
from radcnn.evaluation.judgement import Judgement
from radcnn.evaluation.panels import PANELS
from radcnn.evaluation.questions import choose_operating_points
from radcnn.evaluation.settings import EvaluationSettings
from radcnn.metrics.operating import OperatingPoint
from radcnn.metrics.ranking import auc

KINDS = ("binary", "multiclass", "multilabel", "regression")
RULES = ("youden", "sensitivity>=0.9", "threshold=0.5")
QUICK = EvaluationSettings(resamples=100)


def predictions(kind, n=120, images=1, seed=0):
    """Calibrated predictions with some labels missing (multi-label) and a site column with gaps."""
    chance = np.random.default_rng(seed)
    if kind == "binary":
        target = Target(kind, ("tumour",), ("benign", "malignant"))
        scores = chance.random((n, 1))
        truth = (chance.random((n, 1)) < scores).astype(float)
    elif kind == "multiclass":
        target = Target(kind, ("type",), ("cyst", "mass", "scar"))
        scores = chance.dirichlet(np.ones(3), n)
        truth = np.array([[chance.choice(3, p=row)] for row in scores], dtype=float)
    elif kind == "multilabel":
        target = Target(kind, ("effusion", "nodule"), ("absent", "present"))
        scores = chance.random((n, 2))
        truth = (chance.random((n, 2)) < scores).astype(float)
        truth[:6, 0] = np.nan
    else:
        target = Target(kind, ("age",))
        truth = 50 + 10 * chance.normal(size=(n, 1))
        scores = truth + 1 + 3 * chance.normal(size=(n, 1))
    return Predictions(
        target,
        tuple(f"case{i}" for i in range(n)),
        tuple(f"patient{i // images}" for i in range(n)),
        scores,
        truth,
        {"site": [("north", "south", "")[i % 3] if i else "island" for i in range(n)]},
    )


def judge(kind, table=None, settings=QUICK, rules=RULES, **options):
    table = predictions(kind, **options) if table is None else table
    return PANELS[kind](table, settings, choose_operating_points(table, rules))


def estimates(judgement):
    """All Estimates of a judgement with where they stand."""
    found = dict(judgement.figures)
    for question in judgement.questions:
        found |= {f"{question.name}/{name}": made for name, made in question.figures.items()}
        for result in question.points:
            found |= {f"{question.name}/{result.point.name}/{name}": made for name, made in result.figures.items()}
    for row in judgement.subgroups:
        found |= {f"{row.value}/{row.question}/{name}": made for name, made in row.figures.items()}
    return found


@pytest.mark.parametrize("images", [1, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_a_judgement_comes_back_from_json_as_it_was(kind, images):
    made = judge(kind, images=images, settings=dataclasses.replace(QUICK, subgroups=("site",), prevalences=(0.01,)))
    text = json.dumps(made.as_json(), allow_nan=False)
    back = Judgement.from_json(json.loads(text))
    assert back == made
    assert json.dumps(back.as_json(), allow_nan=False) == text


@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_has_an_interval_around_it_and_an_n(kind):
    made = judge(kind, settings=dataclasses.replace(QUICK, subgroups=("site",)))
    assert made.figures
    for name, figure in estimates(made).items():
        assert isinstance(figure, Estimate), name
        if figure.undefined:
            assert "fewer than 10" in figure.undefined, name
            continue
        assert figure.low <= figure.value <= figure.high, name
        assert figure.n > 0, name
        assert figure.patients > 0, name


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_judges_the_same(kind):
    assert judge(kind).as_json() == judge(kind).as_json()


def test_a_binary_judgement_has_both_intervals_of_the_auc_and_the_right_value():
    table = predictions("binary")
    made = judge("binary", table)
    assert made.figures["auc"].value == pytest.approx(auc(table.scores[:, 0], table.targets[:, 0]))
    assert made.figures["auc_bootstrap"].value == pytest.approx(made.figures["auc"].value)
    assert "DeLong" in made.figures["auc"].method
    assert "bootstrap by patient" in made.figures["auc_bootstrap"].method
    assert set(made.figures) == {*made.questions[0].figures, "majority_accuracy"}


def test_counts_at_each_point_add_up_and_the_points_are_those_given():
    made = judge("binary")
    question = made.questions[0]
    assert [result.point.name for result in question.points] == list(RULES)
    for result in question.points:
        counts = result.counts
        assert counts.true_positive + counts.false_negative == question.positives
        assert counts.false_positive + counts.true_negative == question.n - question.positives
        share = counts.true_positive / question.positives
        assert result.figures["sensitivity"].value == pytest.approx(share)
        assert "majority_accuracy" in result.figures


def test_curves_run_from_corner_to_corner_inside_their_bands():
    question = judge("binary", settings=EvaluationSettings(resamples=500)).questions[0]
    roc = question.roc
    assert (roc.false_positive_rate[0], roc.true_positive_rate[0]) == (0, 0)
    assert (roc.false_positive_rate[-1], roc.true_positive_rate[-1]) == (1, 1)
    area = float(np.trapezoid(roc.true_positive_rate, roc.false_positive_rate))
    assert area == pytest.approx(question.figures["auc"].value, abs=1e-9)
    for low, high in zip(roc.band_low, roc.band_high, strict=True):
        assert 0 <= low <= high <= 1
    drawn = question.net_benefit
    assert all(low <= value <= high for low, value, high in zip(drawn.low, drawn.model, drawn.high, strict=True))
    assert drawn.treat_all[0] == pytest.approx(question.prevalence - (1 - question.prevalence) / 99)
    assert sum(question.reliability.count) == question.n
    assert sum(question.histogram.positive) == question.positives
    assert sum(question.histogram.negative) == question.n - question.positives


def test_predictive_values_are_given_at_the_asked_prevalences():
    made = judge("binary", settings=EvaluationSettings(resamples=100, prevalences=(0.01, 0.2)))
    figures = made.questions[0].points[0].figures
    assert figures["ppv@0.01"].value < figures["ppv@0.2"].value
    assert figures["npv@0.01"].value > figures["npv@0.2"].value


def test_multiclass_asks_each_class_and_counts_a_confusion():
    table = predictions("multiclass")
    made = judge("multiclass", table)
    assert [question.name for question in made.questions] == ["cyst", "mass", "scar"]
    assert made.figures["auc"].value == pytest.approx(np.mean([q.figures["auc"].value for q in made.questions]))
    counts = np.array(made.confusion.counts)
    assert counts.sum() == made.n
    assert counts.sum(axis=1).tolist() == [(table.targets[:, 0] == k).sum() for k in range(3)]
    assert made.figures["accuracy"].value == pytest.approx(np.trace(counts) / made.n)
    assert {result.point.question for result in made.questions[1].points} == {"mass"}


def test_multilabel_masks_missing_labels_and_says_so():
    made = judge("multilabel")
    assert [question.n for question in made.questions] == [114, 120]
    assert made.n == 120
    assert made.figures["exact_match"].n == made.figures["majority_match"].n == 114
    assert "effusion (6)" in " ".join(made.notes)


def test_all_labels_right_is_compared_with_each_labels_more_frequent_answer():
    truth = np.array([[1, 0], [1, 0], [0, 0], [1, 1], [np.nan, 1], [1, np.nan]] * 4, dtype=float)
    names = tuple(map(str, range(len(truth))))
    target = Target("multilabel", ("effusion", "nodule"), ("absent", "present"))
    table = Predictions(target, names, names, np.full(truth.shape, 0.5), truth)
    figures = PANELS["multilabel"](table, QUICK, ()).figures
    assert figures["majority_match"].value == 0.5, "two of four: an effusion and no nodule"
    assert figures["majority_match"].n == 16


@pytest.mark.parametrize(("images", "bins"), [(4, 1), (14, 2), (120, 10)])
def test_a_bin_of_the_reliability_curve_holds_five_cases_where_there_are_as_many(images, bins):
    truth = (np.arange(images) % 2).astype(float)[:, None]
    names = tuple(map(str, range(images)))
    table = Predictions(Target("binary", ("y",), ("0", "1")), names, names, np.linspace(0, 1, images)[:, None], truth)
    curve = PANELS["binary"](table, QUICK, ()).questions[0].reliability
    assert len(curve.count) == bins
    assert min(curve.count) >= min(5, images)


def test_large_errors_are_rounded_like_the_truth():
    truth = np.array([[60.5], [70.0], [81.5]])
    table = Predictions(Target("regression", ("age",)), ("a", "b", "c"), ("a", "b", "c"), truth + 1 / 3, truth)
    worst = PANELS["regression"](table, QUICK, ()).worst
    assert {(one.truth, one.predicted) for one in worst} == {("60.5", "60.8"), ("70.0", "70.3"), ("81.5", "81.8")}


def test_regression_gives_agreement_data():
    made = judge("regression")
    assert made.questions == ()
    (value,) = made.values
    assert value.figures == made.figures
    assert len(value.agreement.truth) == 120
    assert value.agreement.bias == made.figures["bias"].value
    assert made.figures["limit_low"].value < value.agreement.bias < made.figures["limit_high"].value
    assert made.figures["mae"].value < made.figures["mae_of_median"].value


def two_values():
    """Values of different units, the first not known of every third case."""
    table, chance = predictions("regression"), np.random.default_rng(1)
    second = 5000 + 1000 * chance.normal(size=(120, 1))
    truth = np.hstack([table.targets, second])
    truth[::3, 0] = np.nan
    scores = np.hstack([table.scores, second + 200 * chance.normal(size=(120, 1))])
    return dataclasses.replace(table, target=Target("regression", ("age", "dose")), scores=scores, targets=truth)


def test_each_of_several_values_is_judged_on_the_cases_that_have_it():
    table = two_values()
    made = judge("regression", table, settings=dataclasses.replace(QUICK, subgroups=("site",)))
    age, dose = made.values
    assert (age.name, age.n, dose.name, dose.n) == ("age", 80, "dose", 120)
    assert age.figures["mae"].value == pytest.approx(np.nanmean(np.abs(table.scores - table.targets)[:, 0]))
    assert dose.figures["mae"].value == pytest.approx(np.abs(table.scores - table.targets)[:, 1].mean())
    mean = (age.figures["r2"].value + dose.figures["r2"].value) / 2
    assert made.figures["r2"].value == pytest.approx(mean)
    assert made.figures["r2"].low < mean < made.figures["r2"].high
    assert "age (40)" in " ".join(made.notes)
    assert {row.question for row in made.subgroups} == {"age", "dose"}
    assert {case.question for case in made.worst} == {"age", "dose"}
    assert Judgement.from_json(json.loads(json.dumps(made.as_json(), allow_nan=False))) == made


def test_several_values_of_which_one_does_not_vary_have_no_mean_r2_and_name_it():
    table = two_values()
    table.targets[:, 1] = 1.0
    made = judge("regression", table)
    assert made.figures["r2"].undefined == "the truth does not vary for dose"
    assert math.isfinite(made.values[0].figures["r2"].value)


def test_unlabelled_cases_are_left_out_and_counted():
    table = predictions("binary")
    table.targets[:20] = np.nan
    made = judge("binary", table)
    assert (made.n, made.unlabelled) == (100, 20)


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_without_any_label_are_judged_as_undefined_throughout(kind):
    table = predictions(kind, n=8)
    table.targets[:] = np.nan
    made = judge(kind, table)
    assert made.n == 0
    assert all(figure.undefined for figure in made.figures.values())
    assert Judgement.from_json(made.as_json()) == made


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_one_class_is_said_and_does_not_stop_the_rest(kind):
    table = predictions(kind, n=40)
    table.targets[:] = 0
    made = judge(kind, table)
    assert made.figures["auc"].undefined
    assert any("auc is undefined" in note for note in made.notes)
    assert not made.figures["brier"].undefined
    question = made.questions[-1]
    assert question.roc is None
    assert question.points[0].figures["sensitivity"].undefined
    assert question.points[0].point.undefined == "no positive cases"
    assert not question.points[-1].figures["specificity"].undefined
    assert Judgement.from_json(json.loads(json.dumps(made.as_json(), allow_nan=False))) == made


def test_an_operating_point_that_could_not_be_chosen_gives_missing_figures():
    point = OperatingPoint("youden", math.nan, "youden", "tuning", "tumour", "no positive cases")
    made = PANELS["binary"](predictions("binary"), QUICK, (point,))
    assert made.questions[0].points[0].figures["sensitivity"].undefined == (
        "no operating point: no positive cases on the tuning side"
    )


def test_few_patients_of_an_outcome_draw_within_their_outcome_and_are_noted():
    table = predictions("binary", n=60)
    table.targets[:] = 0
    table.targets[:4] = 1
    assert any("within their outcome" in note for note in judge("binary", table).notes)


def test_repeated_patients_and_the_unit_image_are_noted():
    assert "by patient" in judge("binary", images=4).notes[0]
    made = judge("binary", settings=dataclasses.replace(QUICK, unit="image"))
    assert "unit is the image" in made.notes[0]
    assert made.unit == "image"


@pytest.mark.parametrize("kind", KINDS)
def test_subgroups_add_up_and_small_ones_stay_undefined(kind):
    made = judge(kind, settings=dataclasses.replace(QUICK, subgroups=("site",)))
    names = {row.question for row in made.subgroups}
    for name in names:
        rows = [row for row in made.subgroups if row.question == name]
        assert {row.value for row in rows} == {"north", "south", "not stated", "island"}
        known = next((q.n for q in made.questions if q.name == name), made.n)
        assert sum(row.n for row in rows) == known
        for row in rows:
            if row.value == "island":
                assert all("fewer than 10" in figure.undefined for figure in row.figures.values())


def test_an_unknown_subgroup_column_is_answered_with_did_you_mean():
    with pytest.raises(SettingsError, match="did you mean site"):
        judge("binary", settings=dataclasses.replace(QUICK, subgroups=("sites",)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_worst_cases_are_wrong_and_sorted(kind):
    table = predictions(kind)
    made = judge(kind, table)
    wrongness = [case.wrongness for case in made.worst]
    assert 0 < len(wrongness) <= 20
    assert wrongness == sorted(wrongness, reverse=True)
    assert {case.case for case in made.worst} <= set(table.cases)
    assert all(case.truth != case.predicted for case in made.worst)
    if kind in ("binary", "multilabel"):
        assert min(wrongness) > 0.5


def test_perfect_scores_have_no_worst_case_and_no_slope():
    table = predictions("binary")
    table.scores[:] = 0.1 + 0.8 * table.targets
    made = judge("binary", table)
    assert made.worst == ()
    assert made.figures["auc"].value == 1
    assert made.figures["auc"].low < 1
    assert "separate" in made.figures["calibration_slope"].undefined


def test_points_are_chosen_per_question_and_none_for_values():
    points = choose_operating_points(predictions("multiclass"), ("youden", "specificity>=0.8"))
    assert [(point.question, point.name) for point in points][:3] == [
        ("cyst", "youden"),
        ("cyst", "specificity>=0.8"),
        ("mass", "youden"),
    ]
    assert all(point.chosen_on == "tuning" for point in points)
    assert choose_operating_points(predictions("regression"), ("youden",)) == ()


@pytest.mark.parametrize(
    "wrong", [{"level": 1.0}, {"level": 95}, {"resamples": 10}, {"prevalences": (0.5, 2.0)}, {"prevalences": (0.0,)}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SettingsError, match=r"must .*, got"):
        EvaluationSettings(**wrong)


def test_json_of_another_form_is_refused():
    value = judge("regression").as_json()
    with pytest.raises(ReadError, match="Judgement must have the fields"):
        Judgement.from_json({**value, "extra": 1})
    with pytest.raises(ReadError, match="Target must have the fields"):
        Judgement.from_json({**value, "target": {"kind": "binary"}})


@pytest.mark.parametrize("n", [1, 2, 3, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_a_handful_of_cases_is_judged_without_warnings_and_comes_back_from_json(kind, n):
    settings = dataclasses.replace(QUICK, subgroups=("site",), prevalences=(0.1,))
    for seed in range(6):
        made = judge(kind, n=n, images=1 + seed % 3, seed=seed, settings=settings, rules=("youden", "specificity>=0.9"))
        assert made.patients <= n
        assert Judgement.from_json(json.loads(json.dumps(made.as_json(), allow_nan=False))) == made
