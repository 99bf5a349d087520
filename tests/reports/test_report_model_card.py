"""The model card says what the model is for, what it reached and where it came from, in plain Markdown."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from radcnn.reports import model_card
from radcnn.reports.headline import RESEARCH_USE, SYNTHETIC


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "regression"])
def test_a_card_has_use_results_limits_and_provenance(story, kind):
    told = story(kind)
    card = model_card(told)
    assert card.index(RESEARCH_USE) < card.index("## Results")
    for part in (
        "## Data",
        "## Limits of use",
        "## How to use it",
        told.split_hash,
        "| model (SHA-256) | " + "ab" * 32,
        "cd" * 32,
        "radcnn predict",
    ):
        assert part in card
    assert (SYNTHETIC in card) == told.synthetic
    assert re.search(r"95 % CI .* to .*; n = 240 of 120 patients", card)
    assert "secret" not in card


def test_a_card_names_the_version_once(story):
    card = model_card(replace(story("binary"), environment={"radcnn": "0.1.0", "python": "3.12.4"}))
    assert card.count("| radcnn |") == 1


def test_every_row_of_a_table_has_as_many_cells_as_its_head(story):
    blocks = re.findall(r"(?:^\|.*\|\n)+", model_card(story("multilabel")), flags=re.MULTILINE)
    assert blocks
    for block in blocks:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_hostile_names_neither_break_tables_nor_become_markup(story):
    told = replace(story("binary"), title="<b>a|b</b>\n# c", environment={"a|b": "[x](https://e.org) *y*\nz"})
    card = model_card(told)
    assert "# &lt;b&gt;a\\|b&lt;/b&gt; \\# c\n" in card
    assert "| a\\|b | \\[x\\](https:&#47;&#47;e.org) \\*y\\* z |" in card


def test_a_model_that_was_not_evaluated_says_so(story):
    assert "Nothing was evaluated yet." in model_card(replace(story("binary"), tuning=None, test=None))
