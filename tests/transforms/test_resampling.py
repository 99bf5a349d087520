"""Resampling keeps every place: constants stay, ramps stay, a planted dot stays within 0.1 voxel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radcnn.core.errors import GeometryError, SettingsError
from radcnn.core.volume import Volume
from radcnn.transforms.resampling import centred_line, resample
from radcnn.transforms.separable import resample_lines
from radcnn.transforms.weights import Line, axis_weights

OBLIQUE = np.array([[0.1, 0.2, 0.7, -30.0], [0.3, 0.7, -0.2, 12.0], [2.4, -0.1, 0.0, 5.0], [0, 0, 0, 1.0]])


def dense(line: Line) -> np.ndarray:
    weights = axis_weights(line, "linear")
    full = np.zeros((line.count, line.length))
    matrix = weights.matrix if isinstance(weights.matrix, np.ndarray) else weights.matrix.toarray()
    full[:, weights.low : weights.high] = matrix
    return full


@given(st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_a_constant_stays_constant_at_every_pair_of_sizes(old, new):
    step = old / new
    assert np.allclose(dense(Line(old, new, 0.5 * step - 0.5, step)).sum(1), 1, atol=1e-6)


@given(st.floats(0.1, 4.0), st.floats(18, 22))
@settings(max_examples=60, deadline=None)
def test_a_ramp_is_reproduced_away_from_the_border_at_every_step(step, centre):
    line = centred_line(41, 5, centre, step)
    assert np.allclose(dense(line) @ np.arange(41.0), line.positions(), atol=1e-4)


@given(st.floats(1.0, 6.0))
@settings(max_examples=40, deadline=None)
def test_weights_never_go_negative(step):
    assert (dense(centred_line(64, 9, 31.3, step)) >= 0).all()


def test_the_same_grid_is_the_identity():
    values = np.random.default_rng(0).normal(size=(2, 5, 6, 7)).astype(np.float32)
    lines = tuple(Line(n, n, 0.0, 1.0) for n in (5, 6, 7))
    assert np.array_equal(resample_lines(values, lines, "linear"), values)


def test_halving_by_size_keeps_half_voxel_alignment():
    edge = np.array([0, 0, 0, 0, 1, 1, 1, 1.0]).reshape(1, 1, 8)
    half = resample(Volume(edge, None), size=(1, 4)).voxels[0, 0]
    assert np.allclose(half, 1 - half[::-1])  # a symmetric edge stays symmetric about the middle


def test_shrinking_averages_what_it_leaves_out():
    stripes = np.tile([0.0, 1.0], 32).reshape(1, 1, 64)
    small = resample(Volume(stripes, None), size=(1, 8)).voxels
    assert np.allclose(small, 0.5, atol=0.02)  # point sampling would give 0 or 1


@pytest.mark.parametrize("to", [{"spacing_mm": (1.1, 1.3, 0.9)}, {"size": (30, 17, 25)}, {"size": (12, 40, 9)}])
def test_a_planted_dot_keeps_its_world_position(to):
    size = (18, 28, 24)
    at = np.array([8.3, 13.2, 12.6])
    axes = np.meshgrid(*[np.arange(n) for n in size], indexing="ij")
    blob = np.exp(-sum((g - c) ** 2 for g, c in zip(axes, at, strict=True)) / (2 * 2.0**2))
    volume = Volume(blob[None], OBLIQUE)
    moved = resample(volume, **to)
    new_axes = np.meshgrid(*[np.arange(n) for n in moved.size], indexing="ij")
    weight = moved.voxels[0].astype(float)
    centre = np.array([(g * weight).sum() / weight.sum() for g in new_axes])
    assert np.abs(moved.index(volume.world(at)) - centre).max() < 0.1
    assert np.abs(volume.index(moved.world(centre)) - at).max() < 0.1


def test_resampling_to_a_spacing_gives_exactly_that_spacing_and_the_same_middle():
    volume = Volume(np.zeros((1, 10, 21, 30)), OBLIQUE)
    moved = resample(volume, spacing_mm=(3.0, 0.5, 0.9))
    assert np.allclose(moved.spacing_mm, (3.0, 0.5, 0.9))
    middles = [v.world([(n - 1) / 2 for n in v.size]) for v in (volume, moved)]
    assert np.allclose(*middles)


def test_an_image_of_rank_2_keeps_its_slice_axis():
    volume = Volume(np.zeros((1, 20, 30)), OBLIQUE)
    moved = resample(volume, size=(10, 15))
    assert np.allclose(moved.affine[:, 0], OBLIQUE[:, 0])
    assert np.allclose(moved.world([0, 0]), volume.world([0.5, 0.5]))


def test_labels_are_never_mixed():
    labels = np.random.default_rng(0).choice([0, 3, 7], (1, 9, 9, 9)).astype(np.uint8)
    moved = resample(Volume(labels, np.eye(4), "mask"), size=(5, 13, 9))
    assert moved.voxels.dtype == np.uint8
    assert set(np.unique(moved.voxels)) <= {0, 3, 7}


def test_a_mask_and_its_image_land_on_the_same_place():
    square = np.zeros((1, 30, 30))
    square[:, 9:18, 12:21] = 1
    image = resample(Volume(square, np.eye(4)), size=(10, 10))
    mask = resample(Volume(square.astype(np.uint8), np.eye(4), "mask"), size=(10, 10))
    assert np.array_equal(image.voxels > 0.5, mask.voxels > 0)


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_the_labels_of_a_mask_are_not_interpolated(interpolation):
    with pytest.raises(SettingsError, match="labels; use nearest"):
        resample(Volume(np.zeros((1, 4, 4)), None, "mask"), size=(2, 2), interpolation=interpolation)


def test_millimetres_of_an_image_without_spacing_are_refused():
    with pytest.raises(GeometryError, match="spacing of this image is unknown"):
        resample(Volume(np.zeros((1, 4, 4)), None), spacing_mm=(1.0, 1.0))


@pytest.mark.parametrize("spacing", [(1.0,), (1.0, 0.0), (1.0, float("nan"))])
def test_impossible_spacings_are_refused(spacing):
    with pytest.raises(GeometryError, match="2 positive numbers"):
        resample(Volume(np.zeros((1, 4, 4)), np.eye(4)), spacing_mm=spacing)


def test_impossible_sizes_and_missing_wishes_are_refused():
    with pytest.raises(SettingsError, match="2 positive whole numbers"):
        resample(Volume(np.zeros((1, 4, 4)), None), size=(0, 4))
    with pytest.raises(SettingsError, match="either spacing_mm or size"):
        resample(Volume(np.zeros((1, 4, 4)), None))


def test_samples_outside_are_zero_for_every_interpolation():
    ones = np.ones((1, 4, 4), np.float32)
    lines = (centred_line(4, 6, 1.5, 1.0), Line(4, 4, 0.0, 1.0))
    for interpolation in ("linear", "nearest", "cubic"):
        moved = resample_lines(ones, lines, interpolation)
        assert np.allclose(moved[0, :, 0], [0, 1, 1, 1, 1, 0], atol=1e-6)


def test_large_axes_use_sparse_weights_with_the_same_result():
    values = np.random.default_rng(0).normal(size=(1, 3, 400)).astype(np.float32)
    line = Line(400, 100, 1.5, 4.0)
    assert not isinstance(axis_weights(line, "linear").matrix, np.ndarray)
    moved = resample_lines(values, (Line(3, 3, 0.0, 1.0), line), "linear")
    assert np.allclose(moved, values @ dense(line).T, atol=1e-5)
