"""How long a start takes: import, help, first prediction, each in a process of its own, beside `import monai`.

python benchmarks/engine/startup.py [--json FILE]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image
from timing import measure, report, versions, write_rows

from radcnn.core.target import Target
from radcnn.inference.bundle import Bundle, save_bundle
from radcnn.networks import build
from radcnn.plan.settings import NetworkPlan, TaskPlan
from radcnn.transforms.preparation import Preparation

TASK = TaskPlan("sigmoid", "binary cross-entropy")
SEEN = Preparation(dims=2, size=(28, 28), channels=1)
IMPORT_MS, HELP_MS, PREDICTION_MS = 100, 300, 600  # asked for; the last beyond torch's own import


def process(*words: str) -> Callable[[], object]:
    """A Python process with these words, to its end."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return lambda: subprocess.run([sys.executable, *words], check=True, capture_output=True, env=environment)


def written(folder: Path) -> tuple[str, str]:
    """A bundle with a small network, and an image."""
    target = Target("binary", ("finding",), ("absent", "present"))
    options = {"stem": "small", "base_width": 16}
    network = build("resnet18", channels=1, outputs=1, dims=2, options=options, seed=0)
    plan = NetworkPlan("resnet18", options)
    save_bundle(folder / "bundle", Bundle(target, TASK, SEEN, plan, networks=1), [network])
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "one.png")
    return str(folder / "bundle"), str(folder / "one.png")


def main() -> None:
    """Time all starts side by side."""
    with tempfile.TemporaryDirectory() as folder:
        jobs = {
            "python alone": process("-c", "pass"),
            "import radcnn": process("-c", "import radcnn"),
            "radcnn --help": process("-m", "radcnn", "--help"),
            "import torch": process("-c", "import torch"),
            "radcnn predict BUNDLE one.png": process("-m", "radcnn", "predict", *written(Path(folder))),
        }
        if find_spec("monai") is not None:
            jobs["import monai"] = process("-c", "import monai")
        timed = measure(jobs, runs=5)
    ms = {name: found.median for name, found in timed.items()}
    ours = "radcnn predict BUNDLE one.png"
    beyond = {
        "import radcnn": (ms["import radcnn"] - ms["python alone"], IMPORT_MS),
        "radcnn --help": (ms["radcnn --help"], HELP_MS),
        "first prediction beyond import torch": (
            ms["radcnn predict BUNDLE one.png"] - ms["import torch"],
            PREDICTION_MS,
        ),
    }
    shown = {name: timed[name] for name in (ours, "import monai") if name in timed}
    row = report(
        "import and start", shown, ours=ours, reach=1.0,
        asked=f"import radcnn {IMPORT_MS} ms, --help {HELP_MS} ms, first prediction {PREDICTION_MS} ms beyond torch",
        note="; ".join(f"{name} {took:.0f} ms (asked {most})" for name, (took, most) in beyond.items()),
        extra={"versions": versions("torch", "monai")},
    )  # fmt: skip
    row["reached"] = all(took <= most for took, most in beyond.values())
    print("  " + row["note"])
    write_rows([row])


if __name__ == "__main__":
    main()
