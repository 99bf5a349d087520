"""radcnn: convolutional networks in radiology, honestly evaluated.

Every verb of the command line is one call here, with the same name and options:

    import radcnn

    run = radcnn.run("pneumoniamnist.npz", minutes=10)
    radcnn.evaluate(run)

Nothing is loaded before it is asked for: `import radcnn` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from radcnn.core.version import __version__

if TYPE_CHECKING:
    from radcnn.data.masks.placed import mask
    from radcnn.data.read import read
    from radcnn.networks.card import card
    from radcnn.recipes.catalogue import reproduce, systems
    from radcnn.study.begin import new
    from radcnn.study.caching import cache
    from radcnn.study.checking import check
    from radcnn.study.deidentifying import deidentify
    from radcnn.study.explaining.explain import explain
    from radcnn.study.judging import evaluate
    from radcnn.study.lowdose import lowdose
    from radcnn.study.names import names
    from radcnn.study.predicting import predict
    from radcnn.study.reconstructing import reconstruct
    from radcnn.study.reporting import report
    from radcnn.study.running import demo, run
    from radcnn.study.simulating import simulate
    from radcnn.study.stressing.stress import stress
    from radcnn.study.training import train

_PLACES = {
    "cache": "radcnn.study.caching",
    "card": "radcnn.networks.card",
    "check": "radcnn.study.checking",
    "deidentify": "radcnn.study.deidentifying",
    "demo": "radcnn.study.running",
    "evaluate": "radcnn.study.judging",
    "explain": "radcnn.study.explaining.explain",
    "lowdose": "radcnn.study.lowdose",
    "mask": "radcnn.data.masks.placed",
    "names": "radcnn.study.names",
    "new": "radcnn.study.begin",
    "predict": "radcnn.study.predicting",
    "read": "radcnn.data.read",
    "reconstruct": "radcnn.study.reconstructing",
    "report": "radcnn.study.reporting",
    "reproduce": "radcnn.recipes.catalogue",
    "simulate": "radcnn.study.simulating",
    "stress": "radcnn.study.stressing.stress",
    "systems": "radcnn.recipes.catalogue",
    "run": "radcnn.study.running",
    "train": "radcnn.study.training",
}

__all__ = [
    "__version__",
    "cache",
    "card",
    "check",
    "deidentify",
    "demo",
    "evaluate",
    "explain",
    "lowdose",
    "mask",
    "names",
    "new",
    "predict",
    "read",
    "reconstruct",
    "report",
    "reproduce",
    "run",
    "simulate",
    "stress",
    "systems",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'radcnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
