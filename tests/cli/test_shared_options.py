"""Options that several verbs share: each names a setting of the study, and --set reaches all of them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from cli_in_process import told
from radcnn.cli.options import DATA_OPTIONS, TRAINING_OPTIONS, given
from radcnn.core.errors import SettingsError
from radcnn.study.options import settings_from
from radcnn.study.settings import StudySettings
from radcnn.study.words import SHORT


def test_every_option_is_a_setting_of_the_study() -> None:
    known = {field.name for field in fields(StudySettings)} | {"changes", *SHORT}
    names = [option.name for option in (*DATA_OPTIONS, *TRAINING_OPTIONS)]
    assert set(names) <= known
    assert len(set(names)) == len(names)


def test_what_was_not_given_is_left_to_the_study() -> None:
    assert given({"target": None, "subgroup": [], "seed": 0, "labels": Path("a.csv")}) == {
        "seed": 0,
        "labels": "a.csv",
    }


def test_changes_are_put_into_their_sections_as_yaml_values() -> None:
    changes = ["training.epochs=3", "training.keep=best", "network.options.kernels=[4, 8]", "resamples=100"]
    assert given({"changes": changes, "network": "chain"}) == {
        "training": {"epochs": 3, "keep": "best"},
        "network": {"name": "chain", "options": {"kernels": [4, 8]}},
        "resamples": 100,
    }


def test_later_changes_beat_earlier_ones() -> None:
    assert given({"changes": ["training.epochs=3", "training.epochs=4"]}) == {"training": {"epochs": 4}}


def test_options_of_a_network_can_be_given_one_by_one() -> None:
    changes = ["network.options.dropout=0.1", "network.options.norm=batch"]
    found = given({"changes": changes, "network": "chain"})
    assert found["network"] == {"name": "chain", "options": {"dropout": 0.1, "norm": "batch"}}
    assert settings_from({"data": "x", **found}).network == found["network"]


@pytest.mark.parametrize("change", ["training.epochs", "=3", "", "data=elsewhere", "out=x", "workers=3", "a=[", "a={"])
def test_a_change_that_is_none_is_refused(change: str) -> None:
    with pytest.raises(SettingsError):
        given({"changes": [change]})


def test_several_values_are_shown_as_they_are_typed_with_spaces() -> None:
    """`<float,float,float>...` in the help made people type commas."""
    shown = told("run", "--help").out
    assert "--fractions TRAINING TUNING TEST" in shown
    assert "--box X0 Y0 X1 Y1" in shown
    assert ",float" not in shown
    assert "--centre X Y Z" in told("predict", "--help").out
