"""What every verb of the command line promises: help for each option, JSON on wish, one sentence on bad input."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import typer

import radcnn
from cli_in_process import refused, spoken, told
from radcnn.cli.main import app

GROUP = typer.main.get_group(app)
VERBS = sorted(GROUP.commands)
WITHOUT_A_PATH = ("card", "demo", "reproduce", "simulate", "systems")  # they need no data


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_has_a_word_of_help(verb: str) -> None:
    said = told(verb, "--help").out
    for parameter in GROUP.commands[verb].params:
        assert getattr(parameter, "help", None), f"{parameter.name} of {verb}"
        if parameter.name != "help" and parameter.param_type_name == "option":
            assert any(name in said for name in parameter.opts)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_prints_json_on_wish(verb: str) -> None:
    assert "as_json" in {parameter.name for parameter in GROUP.commands[verb].params}


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("card", "systems")])
def test_every_verb_that_works_for_a_while_can_be_quiet(verb: str) -> None:
    assert "quiet" in {parameter.name for parameter in GROUP.commands[verb].params}


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in WITHOUT_A_PATH])
def test_every_verb_refuses_a_path_that_is_not_there(tmp_path: Path, verb: str) -> None:
    words = [tmp_path / "absent"] * (2 if verb in ("predict", "mask", "deidentify") else 1)
    assert "does not exist" in refused(verb, *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_answers_an_unknown_option_with_exit_code_two(verb: str) -> None:
    said = spoken(verb, "--nonsense")
    assert said.code == 2
    assert "Traceback" not in said.err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_a_call_that_says_what_it_does(verb: str) -> None:
    call = getattr(radcnn, verb)
    assert callable(call)
    assert inspect.getdoc(call)
    named = [p for p in inspect.signature(call).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert len(named) <= 2, "options are given by name"
