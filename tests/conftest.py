"""Fixtures every test may use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

# how long an example takes says more about the machine than about the code
settings.register_profile("radcnn", deadline=None)
settings.load_profile("radcnn")

PROJECT = Path(__file__).resolve().parents[1]
SEEDED: dict[tuple[str, str], Mapping[str, Any]] = {}
"""The state of each test module's generators before their first draw in a test."""


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets (RADCNN_DATA, or ../shared/data beside the project); skips where it is absent."""
    folder = Path(os.environ.get("RADCNN_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the real data sets are not on this machine (set RADCNN_DATA to their folder)")
    return folder


@pytest.fixture(autouse=True)
def _same_draws_in_any_order(request: pytest.FixtureRequest) -> None:
    """Set a module's generators back to their seeds before each of its tests, whichever ran before."""
    module = getattr(request, "module", None)
    for name, generator in vars(module).items() if module is not None else ():
        if isinstance(generator, np.random.Generator):
            seeded = SEEDED.setdefault((module.__name__, name), generator.bit_generator.state)
            generator.bit_generator.state = seeded
