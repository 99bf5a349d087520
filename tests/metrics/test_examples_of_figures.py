"""The examples in the docstrings of metrics and evaluation run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import radcnn.evaluation
import radcnn.metrics

MODULES = sorted(
    module.name
    for room in (radcnn.metrics, radcnn.evaluation)
    for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}.")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
