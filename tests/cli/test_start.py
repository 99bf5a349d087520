"""What is loaded before the first answer: a verb that needs a library loads it, no other does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radcnn.inference.bundle import Bundle, save_bundle
from written_lessons import tiny_network, tiny_plan

SEEN = "import sys; print(*sorted({m for m in sys.modules}), file=sys.stderr)"
HEAVY = ("scipy.stats", "scipy.optimize", "scipy.interpolate", "sklearn", "matplotlib", "pydicom", "highdicom", "numba",
         "pandas", "openvino", "torch._dynamo", "torch._inductor", "cc3d", "jinja2", "openpyxl")  # fmt: skip


def loaded(program: str) -> set[str]:
    """The modules of a Python process of its own at its end."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


def verb(*words: str) -> str:
    return (
        f"import sys; sys.argv = {['radcnn', *words]!r}\nfrom radcnn.cli.main import main\n"
        f"try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n{SEEN}"
    )


def test_importing_radcnn_loads_nothing_of_weight() -> None:
    assert loaded(f"import radcnn; {SEEN}").isdisjoint({*HEAVY, "torch", "numpy", "scipy", "typer", "PIL"})


@pytest.mark.parametrize("words", [("--help",), ("predict", "--help"), ("run", "--help"), ("--version",)])
def test_help_loads_neither_torch_nor_numpy(words: tuple[str, ...]) -> None:
    assert loaded(verb(*words)).isdisjoint({*HEAVY, "torch", "numpy", "scipy", "PIL"})


def test_predicting_an_image_loads_torch_and_no_statistics_tables_plots_or_compilers(tmp_path: Path) -> None:
    plan = tiny_plan()
    bundle = Bundle(plan.target, plan.task, plan.preparation, plan.network, networks=1)
    save_bundle(tmp_path / "bundle", bundle, [tiny_network(0)])
    Image.fromarray(np.zeros((40, 40), dtype=np.uint8)).save(tmp_path / "one.png")
    seen = loaded(verb("predict", str(tmp_path / "bundle"), str(tmp_path / "one.png")))
    assert "torch" in seen
    assert seen.isdisjoint(HEAVY)
    assert seen.isdisjoint({"radcnn.study.checks", "radcnn.study.restoring.predicting", "radcnn.physics", "skimage"})
