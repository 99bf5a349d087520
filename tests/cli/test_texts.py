"""Results as text: the main figures first, and simulated ones labelled before any number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from radcnn.cli.texts import judged_text, predicted_text, ran_json
from radcnn.core.prediction import Predictions
from radcnn.core.target import Target
from radcnn.evaluation.judgement import Judgement
from radcnn.evaluation.panels import PANELS
from radcnn.evaluation.questions import choose_operating_points
from radcnn.evaluation.settings import EvaluationSettings
from radcnn.study.predicted import Predicted


def judged(*, synthetic: bool = False) -> Judgement:
    """A small binary judgement."""
    truth = np.arange(24)[:, None] % 2
    scores = np.linspace(0, 1, 24)[:, None]
    names = tuple(map(str, range(24)))
    table = Predictions(Target("binary", ("sick",), ("no", "yes")), names, names, scores, truth.astype(float))
    return PANELS["binary"](table, EvaluationSettings(resamples=100, synthetic=synthetic), ())


def test_simulated_figures_are_labelled_before_any_number() -> None:
    made = judged(synthetic=True)
    assert judged_text(made).startswith("SYNTHETIC: ")
    assert "SYNTHETIC" not in judged_text(judged())
    assert next(iter(made.as_json().items())) == ("synthetic", True)
    assert Judgement.from_json(made.as_json()) == made


def test_several_classes_take_a_line_each_after_the_main_figures() -> None:
    truth = np.arange(24)[:, None] % 3
    scores = np.full((24, 3), 0.2) + 0.4 * (truth == np.arange(3))
    names = tuple(map(str, range(24)))
    table = Predictions(
        Target("multiclass", ("organ",), ("liver", "spleen", "lung")), names, names, scores, truth + 0.0
    )
    points = choose_operating_points(table, ("youden", "sensitivity>=0.95"))
    lines = judged_text(PANELS["multiclass"](table, EvaluationSettings(resamples=100), points)).splitlines()
    assert lines[1].startswith("  auc ")
    assert [line for line in lines if line.startswith("  liver: auc 1.000")]
    assert sum("youden" in line for line in lines) == 3
    assert not any("sensitivity>=0.95" in line for line in lines)
    assert judged_text(judged()).count("more of each") == 0


def test_several_values_take_a_line_each() -> None:
    truth = np.arange(24.0)[:, None] * [1, 10]
    names = tuple(map(str, range(24)))
    table = Predictions(Target("regression", ("length", "mass"), ()), names, names, truth + np.array([1, -5]), truth)
    text = judged_text(PANELS["regression"](table, EvaluationSettings(resamples=100), ()))
    assert "  length: mae 1.000" in text
    assert "  mass: mae 5.000" in text


def test_scores_of_a_network_that_saw_simulated_cases_are_labelled() -> None:
    one = Predicted("a.png", {"yes": 0.25}, {})
    assert "SYNTHETIC" not in predicted_text([one])
    assert predicted_text([replace(one, synthetic=True)]).startswith("SYNTHETIC: ")
    assert replace(one, synthetic=True).as_json()["synthetic"] is True


def test_a_whole_run_says_in_its_json_whether_it_is_simulated(tmp_path) -> None:
    assert ran_json(tmp_path, judged(synthetic=True), ())["synthetic"] is True
    assert ran_json(tmp_path, judged(), ())["synthetic"] is False
