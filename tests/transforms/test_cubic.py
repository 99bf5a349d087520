"""Cubic resampling: scipy's spline when enlarging, a clean low-pass filter when shrinking."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, sparse

from radcnn.core.volume import Volume
from radcnn.transforms.resampling import centred_line, resample
from radcnn.transforms.weights import Line, axis_weights, resample_by_matrices

HU = 660.0  # range of the image below
FLOAT32 = 5e-4  # HU: what single precision leaves of such a range


def dense(line: Line) -> np.ndarray:
    weights = axis_weights(line, "cubic")
    full = np.zeros((line.count, line.length))
    full[:, weights.low : weights.high] = sparse.csr_matrix(weights.matrix).toarray()
    return full


def ct_like(shape: tuple[int, ...], seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    organs = np.where(ndimage.gaussian_filter(generator.normal(size=shape), 4) > 0, 150.0, -150.0)
    noise = ndimage.gaussian_filter(generator.normal(size=shape), 1)
    return np.clip(organs + 20 * noise / noise.std(), -HU / 2, HU / 2).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_enlarging_equals_zoom_of_order_3(seed):
    image = ct_like((17, 24, 31), seed)
    size = (40, 24, 57)
    lines = tuple(Line(n, m, 0.0, (n - 1) / (m - 1)) for n, m in zip(image.shape, size, strict=True))
    zoomed = ndimage.zoom(image.astype(float), [m / n for n, m in zip(image.shape, size, strict=True)], order=3)
    assert np.abs(resample_by_matrices(image[None], lines, "cubic")[0] - zoomed).max() < FLOAT32


def test_the_outer_half_voxels_are_scipys_mirror():
    image = ct_like((1, 40), 0)[0]
    line = Line(40, 120, -1 / 3, 1 / 3)
    mirrored = ndimage.map_coordinates(image.astype(float), [line.positions()], order=3, mode="mirror")
    assert np.abs(dense(line) @ image - mirrored).max() < FLOAT32


def test_the_same_grid_is_the_identity():
    assert np.array_equal(dense(Line(30, 30, 0.0, 1.0)), np.eye(30))


@pytest.mark.parametrize("length", [1, 2, 3, 5])
@pytest.mark.parametrize("step", [0.3, 1.0, 2.7])
def test_a_constant_stays_constant_on_axes_shorter_than_the_kernel(length, step):
    assert np.allclose(dense(centred_line(length, 3, (length - 1) / 2, min(step, length / 3))).sum(1), 1, atol=1e-6)


@pytest.mark.parametrize("step", [0.4, 1.0, 1.43, 2.0, 3.3])
def test_a_ramp_is_reproduced_away_from_the_border(step):
    line = centred_line(161, 9, 80.2, step)
    assert np.allclose(dense(line) @ np.arange(161.0), line.positions(), atol=1e-4)


@pytest.mark.parametrize("step", [1.43, 2.0, 3.3])
def test_shrinking_keeps_what_the_new_grid_can_show_and_drops_the_rest(step):
    line = centred_line(401, 9, 200.0, step)
    for cycles_per_new_voxel, low, high in ((0.1, 0.99, 1.01), (0.5, 0.4, 0.6), (0.75, 0.0, 0.05)):
        wave = np.exp(2j * np.pi * cycles_per_new_voxel / step * np.arange(401))
        assert low <= np.abs(dense(line) @ wave).mean() <= high


@pytest.mark.parametrize("size", [27, 90])
def test_an_edge_overshoots_by_no_more_than_an_eighth_of_its_height(size):
    edge = np.repeat([0.0, 1.0], 20).reshape(1, 1, 40)
    values = resample(Volume(edge, None), size=(1, size), interpolation="cubic").voxels
    assert 1.02 < values.max() < 1.125
    assert -0.125 < values.min() < -0.02
    linear = resample(Volume(edge, None), size=(1, size), interpolation="linear").voxels
    assert linear.max() <= 1 + 1e-6, "an edge that does not overshoot is another one"
