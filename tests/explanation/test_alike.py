import numpy as np
import pytest
from scipy.stats import spearmanr

from radcnn.core.errors import InputError
from radcnn.explanation.alike import likeness, mean_likeness


def test_it_is_spearmans_correlation_of_absolute_values():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(3, 5, 6)), rng.integers(-3, 4, (3, 5, 6))
    expected = [spearmanr(np.abs(a).ravel(), np.abs(b).ravel()).statistic for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(likeness(one, other), expected, atol=1e-12)
    with pytest.raises(InputError, match="same images"):
        likeness(one, other[:2])


def test_constant_maps_are_left_out_with_their_reason():
    maps = np.random.default_rng(1).random((3, 4, 4))
    flat = maps.copy()
    flat[0] = 0
    values = likeness(maps, flat)
    assert np.isnan(values[0])
    made = mean_likeness(values, ["a", "b", "c"])
    assert made.value == pytest.approx(1)
    assert made.n == 2
    assert "constant" in mean_likeness(likeness(maps, 0 * maps), ["a", "b", "c"]).undefined
