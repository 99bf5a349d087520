"""The compiled loops give what the matrices give, whatever the grid, the kind of numbers and the order in memory."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from radcnn.transforms import separable
from radcnn.transforms.resampling import centred_line
from radcnn.transforms.separable import resample_by_loops, resample_lines
from radcnn.transforms.weights import Interpolation, Line, resample_by_matrices

RANGE = 200
CLOSE = 1e-5 * RANGE
KINDS = ("int16", "uint8", "float32", "float64", ">i2")


def drawn_lines(generator: np.random.Generator, shape: tuple[int, ...]) -> tuple[Line, ...]:
    """Grids that reach beyond the image, are turned finer or coarser, or leave an axis as it is."""
    return tuple(
        Line(n, n, 0.0, 1.0)
        if generator.random() < 0.2
        else Line(n, int(generator.integers(1, 60)), float(generator.uniform(-6, n)), float(generator.uniform(0.1, 5)))
        for n in shape
    )


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
@pytest.mark.parametrize("seed", range(30))
def test_loops_agree_with_matrices_on_any_grid(interpolation: Interpolation, seed: int):
    generator = np.random.default_rng(seed)
    rank = 2 + seed % 2
    shape = tuple(int(generator.choice([1, 2, generator.integers(3, 50)])) for _ in range(rank))
    lines = drawn_lines(generator, shape)
    voxels = generator.integers(0, RANGE, (int(generator.integers(1, 4)), *shape)).astype(KINDS[seed % len(KINDS)])
    if generator.random() < 0.5:
        voxels = voxels[:, ::-1, ..., ::-1]
    if generator.random() < 0.3:
        voxels, lines = np.moveaxis(voxels, 1, -1), (*lines[1:], lines[0])
    made = resample_by_loops(voxels, lines, interpolation)
    known = resample_by_matrices(voxels, lines, interpolation)
    assert (made.shape, made.dtype) == (known.shape, np.float32)
    assert np.abs(made - known).max() < CLOSE


@pytest.mark.parametrize("last", [True, False])
def test_both_orders_of_axes_agree(monkeypatch, last):
    monkeypatch.setattr(separable, "_slices_go_first", lambda *_: not last)
    voxels = np.random.default_rng(0).integers(0, RANGE, (2, 9, 40, 30)).astype(np.int16)
    lines = (centred_line(9, 21, 4, 0.4), centred_line(40, 70, 19.5, 0.8), centred_line(30, 9, 14.5, 2.5))
    known = resample_by_matrices(voxels, lines, "cubic")
    assert np.abs(resample_by_loops(voxels, lines, "cubic") - known).max() < CLOSE


def test_threads_and_bands_change_no_bit(monkeypatch):
    voxels = np.random.default_rng(0).normal(size=(1, 20, 90, 70)).astype(np.float32)
    lines = tuple(centred_line(n, m, (n - 1) / 2, n / m) for n, m in zip((20, 90, 70), (50, 160, 99), strict=True))
    alone = resample_by_loops(voxels, lines, "linear", threads=1)
    monkeypatch.setattr(separable, "THREADS_FROM", 0)
    monkeypatch.setattr(separable, "BAND_ROWS", 7)
    assert np.array_equal(resample_by_loops(voxels, lines, "linear", threads=3), alone)


def test_no_sample_inside_the_image_gives_zeros():
    voxels = np.ones((1, 5, 6, 7), np.float32)
    lines = (Line(5, 4, 90.0, 1.0), Line(6, 3, 0.0, 1.0), Line(7, 2, 0.0, 1.0))
    assert not resample_by_loops(voxels, lines, "linear").any()


def test_a_small_image_does_not_start_the_compiler_and_a_large_one_gives_the_same():
    small = (
        "import sys, numpy as np\n"
        "from radcnn.core.volume import Volume\n"
        "from radcnn.transforms.resampling import resample\n"
        "resample(Volume(np.zeros((1, 256, 256)), None), size=(224, 224))\n"
        "assert 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", small], check=True)
    voxels = np.random.default_rng(0).integers(0, RANGE, (1, 40, 100, 90)).astype(np.int16)
    lines = tuple(centred_line(n, 70, (n - 1) / 2, n / 70) for n in (40, 100, 90))
    made = resample_lines(voxels, lines, "linear")
    assert np.array_equal(made, resample_by_loops(voxels, lines, "linear"))
    assert np.abs(made - resample_by_matrices(voxels, lines, "linear")).max() < CLOSE
