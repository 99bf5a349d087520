"""The environment of a run: versions and machine, without names of users, hosts or folders."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from radcnn.core.cores import available_cores
from radcnn.core.version import __version__
from radcnn.learning.execution import available_device

ROUNDING = ("device", "cores", "torch")  # what decides the order in which floats are summed
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "pydicom", "highdicom", "isal", "pillow")


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


def changed_rounding(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """One sentence when a run goes on where sums may round otherwise than where it began; empty when nothing changed.

    >>> changed_rounding({"device": "cpu", "cores": "8"}, {"device": "cpu", "cores": "2"})
    'this run began with cores 8 and goes on with cores 2: last digits may differ from those of an uninterrupted run'
    """
    other = [name for name in ROUNDING if name in before and name in now and before[name] != now[name]]
    if not other:
        return ""
    began, goes_on = (", ".join(f"{name} {facts[name]}" for name in other) for facts in (before, now))
    return (
        f"this run began with {began} and goes on with {goes_on}: last digits may differ from those of an "
        "uninterrupted run"
    )
