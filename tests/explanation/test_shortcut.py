import numpy as np
import pytest

from radcnn.core.errors import InputError, SettingsError
from radcnn.explanation.shortcut import attribution, border_frame, outside_body

PATIENTS = [f"p{k}" for k in range(10)]


def test_the_frame_is_a_share_of_each_side_and_never_of_the_slices():
    frame = border_frame((20, 40))
    assert not frame[2:18, 4:36].any()
    assert frame.sum() == 20 * 40 - 16 * 32
    np.testing.assert_array_equal(border_frame((3, 20, 40)), np.stack([frame] * 3))
    with pytest.raises(SettingsError, match=r"between 0 and 0\.5"):
        border_frame((8, 8), width=0.5)


@pytest.mark.parametrize("size", [(20, 20), (4, 20, 20)])
def test_maps_without_preference_have_ratio_one(size):
    maps = np.random.default_rng(0).normal(size=(10, *size))
    made = attribution("border", maps, border_frame(size), PATIENTS)
    assert made.area.value == pytest.approx(0.36)
    assert made.ratio.value == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("size", [(20, 20), (4, 20, 20)])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_planted_corner_marker_is_exposed(size, sign):
    maps = np.random.default_rng(1).random((10, *size)) * 0.1
    maps[..., :2, :2] = 5
    made = attribution("border", sign * maps, border_frame(size), PATIENTS)
    assert made.ratio.low > 1.2
    marker = np.zeros(size, dtype=bool)
    marker[..., :2, :2] = True
    assert attribution("marker", sign * maps, marker, PATIENTS).ratio.low > 10


def test_each_image_may_have_its_own_place_and_the_ratio_is_of_means():
    maps, places = np.ones((2, 4, 4)), np.zeros((2, 4, 4), dtype=bool)
    maps[0, 0] = 3
    places[0, 0] = True
    made = attribution("marker", maps, places, ["a", "b"])
    assert made.share.value == pytest.approx(0.25)
    assert made.area.value == pytest.approx(0.125)
    assert made.ratio.value == pytest.approx(2)


def test_empty_maps_and_missing_places_are_said():
    maps = np.zeros((3, 4, 4))
    maps[0] = 1
    made = attribution("border", maps, border_frame((4, 4)), ["a", "b", "c"])
    assert (made.n, made.empty) == (1, 2)
    none = attribution("marker", maps, np.zeros((4, 4), dtype=bool), ["a", "b", "c"])
    assert "no image has this place" in none.ratio.undefined
    assert "no map" in attribution("border", maps[1:], border_frame((4, 4)), ["b", "c"]).ratio.undefined
    with pytest.raises(InputError, match="places must be"):
        attribution("border", maps, border_frame((5, 4)), ["a", "b", "c"])


@pytest.mark.parametrize("leading", [(1,), (1, 2)])
def test_air_about_the_body_is_outside_and_air_within_it_is_not(leading):
    images = np.random.default_rng(2).random((*leading, 16, 16)) * 0.02
    images[..., 3:13, 3:13] = 0.8
    images[..., 6:9, 6:9] = 0.0
    expected = np.ones((16, 16), dtype=bool)
    expected[3:13, 3:13] = False
    np.testing.assert_array_equal(outside_body(images), np.broadcast_to(expected, images.shape))
    assert not outside_body(np.ones((1, 8, 8))).any()
