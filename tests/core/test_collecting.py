"""Garbage is not looked for meanwhile, and is again afterwards, whatever happened."""

from __future__ import annotations

import gc

import pytest

from radcnn.core.collecting import RARELY, collect_rarely, no_collecting


def test_collecting_goes_on_afterwards_even_after_a_failure() -> None:
    @no_collecting()
    def fails() -> None:
        raise KeyError

    assert gc.isenabled()
    with pytest.raises(KeyError):
        fails()
    assert gc.isenabled()


def test_who_does_not_collect_is_not_made_to() -> None:
    gc.disable()
    try:
        with no_collecting():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_it_holds_during_each_call_of_a_function() -> None:
    @no_collecting()
    def collects() -> bool:
        return gc.isenabled()

    assert [collects(), collects(), gc.isenabled()] == [False, False, True]


def test_a_program_collects_rarely_and_still_collects() -> None:
    before = gc.get_threshold()
    try:
        collect_rarely()
        assert gc.get_threshold() == RARELY
        assert gc.isenabled()
    finally:
        gc.set_threshold(*before)
