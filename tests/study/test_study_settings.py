"""study.yaml: what a person says, strictly read, beaten by options, and no longer than it must be."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from radcnn.core.errors import SettingsError
from radcnn.plan.settings import Reason
from radcnn.study.options import for_run, settings_from, with_options
from radcnn.study.settings import StudySettings
from radcnn.study.study_yaml import load_settings, save_settings


def written(folder: Path, text: str) -> Path:
    file = folder / "study.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_only_what_differs_from_the_defaults_is_written(tmp_path: Path) -> None:
    settings = settings_from({"data": "/images", "target": "malignant", "minutes": 5, "network": "chain"})
    save_settings(settings, tmp_path / "study.yaml", (Reason("training.batch", "32", "a rule says so"),))
    text = (tmp_path / "study.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(text) == {
        "data": "/images",
        "target": ["malignant"],
        "minutes": 5.0,
        "network": {"name": "chain"},
    }
    assert "# training.batch: 32  (a rule says so)" in text
    assert load_settings(tmp_path / "study.yaml") == settings


def test_paths_are_relative_to_the_study_and_words_may_have_any_letters(tmp_path: Path) -> None:
    file = written(tmp_path, "data: ../bilder\nlabels: äöü.csv\ntarget: [größe]\npatient: Patient:in\n")
    settings = load_settings(file)
    assert settings.data == tmp_path / "../bilder"
    assert settings.labels == tmp_path / "äöü.csv"
    save_settings(settings, file, ())
    assert load_settings(file) == settings


def test_a_setting_may_be_named_whole_or_in_its_section(tmp_path: Path) -> None:
    whole = written(
        tmp_path,
        "data: x\nnetwork: chain\nnetwork.options.dropout: 0.5\nnetwork.options.norm: batch\n"
        "training.epochs: 3\ntraining: {batch: 4}\n",
    )
    settings = load_settings(whole)
    assert settings.network == {"name": "chain", "options": {"dropout": 0.5, "norm": "batch"}}
    assert settings.training == {"epochs": 3, "batch": 4}


def test_options_beat_the_study_value_by_value() -> None:
    study = settings_from(
        {"data": "x", "network": {"name": "chain", "options": {"dropout": 0.5}}, "training": {"epochs": 3, "batch": 4}}
    )
    beaten = with_options(study, {"training": {"epochs": 9}, "network": {"options": {"norm": "batch"}}, "seed": None})
    assert beaten.training == {"epochs": 9, "batch": 4}
    assert beaten.network == {"name": "chain", "options": {"dropout": 0.5, "norm": "batch"}}
    assert with_options(study, {"network": "resnet18"}).network == {"name": "resnet18"}, "options were the chain's"
    assert with_options(study, {}) == study


def test_last_layer_and_loss_may_be_named_and_are_written(tmp_path: Path) -> None:
    file = written(tmp_path, "data: x\ntask: {last_layer: sigmoid}\ntask.loss: binary cross-entropy\n")
    settings = load_settings(file)
    assert settings.task == {"last_layer": "sigmoid", "loss": "binary cross-entropy"}
    assert settings.asked() == {"task": settings.task}
    save_settings(settings, file, ())
    assert load_settings(file) == settings


def test_findings_are_muted_by_code_with_or_without_a_reason(tmp_path: Path) -> None:
    by_code = written(tmp_path, "data: x\nmute: {RC023: a published split, RC055: }\n")
    assert load_settings(by_code).mute == {"RC023": "a published split", "RC055": ""}
    assert load_settings(written(tmp_path, "data: x\nmute: [RC023, RC055]\n")).mute == {"RC023": "", "RC055": ""}
    study = settings_from({"data": "x", "mute": ["RC023=a published split"]})
    both = with_options(study, {"mute": ["RC055"]})
    assert both.mute == {"RC023": "a published split", "RC055": ""}
    save_settings(both, tmp_path / "study.yaml", ())
    assert load_settings(tmp_path / "study.yaml").mute == both.mute
    assert for_run(study, {"mute": "RC055"}) == both, "muting may change after the study was made"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mute": "RC23"}, "did you mean RC023"),
        ({"mute": ["mute everything"]}, "mute names no finding"),
        ({"mute": {"RC023": 3}}, "reason for RC023 in words"),
        ({"mute": 23}, "codes of findings"),
        ({"mintes": 3}, "did you mean minutes"),
        ({"minutes": -1}, "minutes must be positive"),
        ({"minutes": float("nan")}, "finite number"),
        ({"minutes": True}, "finite number"),
        ({"seed": 1.5}, "whole number"),
        ({"unit": "pixel"}, "patient, image"),
        ({"target": 3}, "must be a list"),
        ({"centre": ["x", "y"]}, "must have 3 items"),
        ({"region_mm": 20}, "no centre was given"),
        ({"region_mm": -1, "centre": ["x", "y", "z"]}, "must be positive"),
        ({"operating_points": "sensitivity>=1.5"}, "rate in"),
        ({"resamples": 10}, "at least 100"),
        ({"training": []}, "names with values"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        settings_from({"data": "x", **options})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "data: [",
        "data: x\ndata",
        "data: !!python/object/apply:os.system ['echo harm']",
        "target: [a]",
        "data: \x00",
        "&a [*a]",
    ],
)
def test_a_file_that_is_no_study_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        load_settings(written(tmp_path, text))


def test_a_huge_or_missing_file_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load_settings(tmp_path / "study.yaml")
    with pytest.raises(SettingsError, match="larger than any"):
        load_settings(written(tmp_path, "# " + "x" * (1 << 20)))


def test_defaults_are_the_settings_of_a_study_that_says_nothing() -> None:
    assert settings_from({"data": "x"}) == StudySettings(data=Path("x"))
    assert settings_from({"data": "x"}).asked() == {}
