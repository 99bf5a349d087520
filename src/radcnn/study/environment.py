"""The environment of a run: versions and machine, without names of users, hosts or folders."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from radcnn.core.version import __version__
from radcnn.learning.execution import available_cores, available_device

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "pydicom", "highdicom", "nibabel", "pillow")


def environment() -> dict[str, str]:
    """Versions of radcnn, Python and the libraries that make numbers; kind of machine."""
    found = {"radcnn": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    found["system"] = f"{platform.system()} {platform.machine()}"
    found["device"] = available_device()
    found["cores"] = str(available_cores())
    return found
