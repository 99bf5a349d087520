"""Fixtures every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# how long an example takes says more about the machine than about the code
settings.register_profile("radcnn", deadline=None)
settings.load_profile("radcnn")

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets (RADCNN_DATA, or ../shared/data beside the project); skips where it is absent."""
    folder = Path(os.environ.get("RADCNN_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the real data sets are not on this machine (set RADCNN_DATA to their folder)")
    return folder
