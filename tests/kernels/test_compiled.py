"""Compiled loops."""

import subprocess
import sys

import numpy as np

from radcnn.kernels.compiled import compiled


@compiled
def _total(values):
    total = 0.0
    for value in values:
        total += value
    return total


def test_a_compiled_loop_computes_what_python_computes():
    values = np.random.default_rng(0).normal(size=100)
    assert _total(values) == _total.py_func(values)


def test_starting_radcnn_and_its_help_does_not_import_numba():
    code = "import sys, radcnn, radcnn.cli.main; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
