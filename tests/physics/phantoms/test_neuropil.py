"""Sections of neural tissue: cells that touch, membranes that part them, and dark things that part nothing."""

from __future__ import annotations

import numpy as np
import pytest

from radcnn.core.errors import SettingsError
from radcnn.metrics.components import components
from radcnn.physics.phantoms.neuropil import CELL, MEMBRANE, sections


@pytest.fixture(scope="module")
def drawn() -> list:
    return list(sections(3, size=192))


def test_membranes_part_as_many_cells_as_there_are(drawn: list) -> None:
    for one in drawn:
        assert set(np.unique(one.mask)) == {MEMBRANE, CELL}
        assert 0.08 < np.mean(one.mask == MEMBRANE) < 0.3
        parts = components(one.mask == CELL, connectivity=4).sizes
        large = sum(size > 100 for size in parts)
        assert 0.75 * one.cells <= large <= 1.25 * one.cells


def test_membranes_are_dark_and_no_threshold_finds_them(drawn: list) -> None:
    for one in drawn:
        inside, wall = one.levels[one.mask == CELL].mean(), one.levels[one.mask == MEMBRANE].mean()
        assert wall + 25 < inside
        errors = [np.mean((one.levels > level) != (one.mask == CELL)) for level in range(10, 250, 10)]
        assert min(errors) > 0.05


def test_the_same_seed_gives_the_same_sections(drawn: list) -> None:
    again = list(sections(3, size=192))
    assert all(
        np.array_equal(a.levels, b.levels) and np.array_equal(a.mask, b.mask) for a, b in zip(drawn, again, strict=True)
    )
    assert not np.array_equal(drawn[0].levels, drawn[1].levels)
    with pytest.raises(SettingsError, match="at least one, of 64 pixels"):
        list(sections(0))
