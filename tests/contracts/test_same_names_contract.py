"""The same names and options: what a verb takes on the command line, its Python call takes by the same name."""

from __future__ import annotations

import inspect
from dataclasses import fields

import pytest
import typer

import radcnn
from radcnn.cli.main import app
from radcnn.study.settings import StudySettings
from radcnn.study.words import SHORT

GROUP = typer.main.get_group(app)
PRINTING = {"help", "as_json", "quiet"}  # of a terminal; Python has a listener instead
FIELDS = {field.name for field in fields(StudySettings)} | set(SHORT)  # and what is said in short


def options_of(verb: str) -> dict[str, object]:
    """What the verb takes, with its defaults; --set stands for the settings by name."""
    found = {p.name: p.default for p in GROUP.commands[verb].params if p.name not in PRINTING}
    if "changes" in found:
        found["options"] = found.pop("changes")
    return found


def parameters_of(verb: str) -> dict[str, inspect.Parameter]:
    found = dict(inspect.signature(getattr(radcnn, verb)).parameters)
    found.pop("listener", None)
    return found


@pytest.mark.parametrize("verb", GROUP.commands)
def test_the_call_takes_what_the_verb_takes(verb: str) -> None:
    typed, called = options_of(verb), parameters_of(verb)
    by_name = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in called.values())
    settings = FIELDS if by_name else set()
    assert set(typed) - set(called) <= settings
    assert set(called) - set(typed) == set()


@pytest.mark.parametrize("verb", GROUP.commands)
def test_an_option_that_is_left_out_means_the_same(verb: str) -> None:
    typed = options_of(verb)
    for name, parameter in parameters_of(verb).items():
        if parameter.default is not inspect.Parameter.empty:
            assert str(typed[name]) == str(parameter.default), name


@pytest.mark.parametrize("verb", GROUP.commands)
def test_every_long_option_is_spelled_like_its_parameter(verb: str) -> None:
    for parameter in GROUP.commands[verb].params:
        if parameter.param_type_name == "option" and parameter.name not in {"as_json", "changes"}:
            assert f"--{str(parameter.name).replace('_', '-')}" in parameter.opts


def test_a_card_needs_only_a_name() -> None:
    assert radcnn.card("resnet18") == radcnn.card("resnet18", size=(224, 224), channels=1, outputs=1, dims=2)
