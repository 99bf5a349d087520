"""The version is said once in the code and once for the installer, and both say the same."""

from __future__ import annotations

from importlib.metadata import version

import radcnn


def test_the_installed_version_is_the_one_the_code_says() -> None:
    assert radcnn.__version__ == version("radcnn")
