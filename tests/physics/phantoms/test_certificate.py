"""The difficulty certificate tells easy from hard, by patient."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from radcnn.core.errors import SettingsError
from radcnn.physics.phantoms.certificate import certificate
from radcnn.physics.phantoms.study import simulate_nodule_study

CHANCE = np.random.default_rng(0)
LABELS = CHANCE.integers(0, 2, 120)
PATIENTS = [f"p{i // 3}" for i in range(120)]


@pytest.fixture(scope="module")
def found():
    columns = {
        "noise": CHANCE.normal(size=120),
        "falling": -LABELS + CHANCE.normal(0, 0.5, 120),
        "weak": LABELS + CHANCE.normal(0, 2, 120),
    }
    return certificate(columns, LABELS.tolist(), PATIENTS)


def test_the_best_feature_is_named_in_its_better_direction(found):
    assert found.best == "falling"
    assert found.features["falling"].value > 0.85
    assert all(value.value >= 0.5 for value in found.features.values())


def test_every_figure_has_an_interval_n_and_patients(found):
    for value in [*found.features.values(), found.forest]:
        assert value.low < value.value < value.high
        assert (value.n, value.patients) == (120, 40)


def test_a_forest_finds_nothing_in_noise():
    noise = certificate({"a": CHANCE.normal(size=120), "b": CHANCE.normal(size=120)}, LABELS.tolist(), PATIENTS)
    assert noise.forest.low < 0.5


def test_text_and_json_say_the_same(found):
    told = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert told["best_feature"] == "falling"
    assert f"{told['forest']['value']:.3f}" in found.text
    assert "falling" in found.text.splitlines()[0]


def test_a_column_of_another_length_is_refused():
    with pytest.raises(SettingsError, match="mean_hu must hold one value per label"):
        certificate({"mean_hu": [1.0, 2.0]}, [0, 1, 1], ["a", "b", "c"])


@pytest.mark.slow
@pytest.mark.parametrize("patients", [24, 64])
def test_the_nodules_of_the_demo_are_no_question_of_one_number(tmp_path: Path, patients: int) -> None:
    made = simulate_nodule_study(tmp_path / "study", patients=patients, seed=0)
    best = made.certificate.features[made.certificate.best]
    assert 0.6 < best.value < 0.8
    assert made.certificate.forest.value < 0.9
