"""Runs of every kind of data, made once through the command line and shared by the stories, which only read them."""

from __future__ import annotations

import pytest

from cli_in_process import QUICK, told
from finished_studies import DATA, Finish, Finished


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finish:
    """The finished run of a kind of data in DATA, made when it is first asked for."""
    made: dict[str, Finished] = {}

    def finish(kind: str) -> Finished:
        if kind not in made:
            folder = tmp_path_factory.mktemp("study")
            data, options = DATA[kind](folder)
            said = told("run", data, "--out", folder / "study", *options, *QUICK, "--json")
            made[kind] = Finished(data, folder / "study" / "runs" / "run-001", said)
        return made[kind]

    return finish
