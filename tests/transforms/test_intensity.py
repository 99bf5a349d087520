"""What numbers become is what the setting says, in the volume's own units."""

from __future__ import annotations

import numpy as np
import pytest

from radcnn.core.errors import InputError
from radcnn.transforms.intensity import Intensity, linear_map, percentiles


@pytest.fixture
def image():
    return np.random.default_rng(3).normal(100, 20, (1, 16, 16))


def test_a_window_maps_hounsfield_units_and_clips():
    hu = np.array([-2000.0, -1000.0, -300.0, 400.0, 3000.0])
    assert np.allclose(linear_map(Intensity("window", -1000, 400), hu)(hu), [0, 0, 0.5, 1, 1])


def test_percentiles_are_of_the_image_itself(image):
    mapped = linear_map(Intensity("percentiles", 10, 90), image)(image)
    assert mapped.min() == 0
    assert mapped.max() == 1
    assert np.mean(mapped == 0) == pytest.approx(0.1, abs=0.01)


def test_a_zscore_has_mean_0_and_sd_1(image):
    mapped = linear_map(Intensity("zscore"), image)(image)
    assert mapped.mean() == pytest.approx(0, abs=1e-5)
    assert mapped.std() == pytest.approx(1, abs=1e-5)


def test_a_zscore_with_given_figures_uses_them(image):
    mapped = linear_map(Intensity("zscore", mean=90.0, sd=10.0), image)(image)
    assert np.allclose(mapped, (image - 90) / 10, atol=1e-5)


def test_a_range_is_not_clipped():
    values = np.array([0, 255, 300])
    assert np.allclose(linear_map(Intensity("range", 0, 255), values)(values), [0, 1, 300 / 255])


def test_a_range_without_limits_takes_the_extremes(image):
    mapped = linear_map(Intensity("range"), image)(image)
    assert (mapped.min(), mapped.max()) == pytest.approx((0, 1))


def test_keep_keeps(image):
    assert np.array_equal(linear_map(Intensity("keep"), image)(image), image.astype(np.float32))


@pytest.mark.parametrize("kind", ["percentiles", "zscore", "range"])
def test_a_constant_image_becomes_zero(kind):
    constant = np.full((1, 7, 7), 0.1)
    assert not linear_map(Intensity(kind), constant)(constant).any()


@pytest.mark.parametrize("kind", ["percentiles", "zscore", "range", "keep"])
def test_nan_is_refused(kind, image):
    image[0, 0, 0] = np.nan
    with pytest.raises(InputError, match="not finite"):
        linear_map(Intensity(kind), image)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("at", [(0.0, 100.0), (1.0, 99.0), (33.3, 66.6)])
def test_percentiles_equal_numpy_for_every_type(dtype, at):
    values = np.random.default_rng(1).integers(0, 120, (3, 11, 7)).astype(dtype)
    assert np.allclose(percentiles(values, at), np.percentile(values, at))


def test_percentiles_of_extreme_whole_numbers_do_not_overflow():
    values = np.array([-32768, 32767, 0, 5], dtype=np.int16)
    assert np.allclose(percentiles(values, (0, 100)), (-32768, 32767))
