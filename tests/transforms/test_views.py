"""Test-time views are a fixed list, the identity first, each undone by its inverse."""

from __future__ import annotations

import pytest
import torch

from radcnn.core.errors import SettingsError
from radcnn.transforms.views import test_time_views as views_of


@pytest.mark.parametrize(
    ("kind", "dims", "count"),
    [
        ("identity", 2, 1),
        ("left_right", 3, 2),
        ("flips", 2, 4),
        ("flips", 3, 8),
        ("rotations", 2, 8),
        ("rotations", 3, 8),
        ("shifts", 2, 5),
        ("shifts", 3, 7),
    ],
)
def test_the_list_is_fixed_and_begins_with_the_identity(kind, dims, count):
    views = views_of(kind, dims=dims)
    assert len(views) == len({view.name for view in views}) == count
    assert views == views_of(kind, dims=dims)
    batch = torch.rand(2, 1, *[6] * dims)
    assert torch.equal(views[0].apply(batch), batch)
    looks = [view.apply(batch) for view in views]
    assert not any(torch.equal(looks[0], look) for look in looks[1:])


@pytest.mark.parametrize(
    ("kind", "dims"), [("left_right", 2), ("flips", 2), ("flips", 3), ("rotations", 2), ("rotations", 3)]
)
def test_mirrored_views_are_undone_exactly(kind, dims):
    batch = torch.rand(2, 3, *[5] * dims)
    for view in views_of(kind, dims=dims):
        assert torch.equal(view.undo(view.apply(batch)), batch)


def test_shifted_views_are_undone_inside_the_border():
    batch = torch.rand(2, 1, 6, 6)
    for view in views_of("shifts"):
        assert torch.equal(view.undo(view.apply(batch))[..., 1:-1, 1:-1], batch[..., 1:-1, 1:-1])


def test_a_shift_of_one_column_moves_to_the_right():
    batch = torch.arange(4.0).expand(1, 1, 2, 4)
    view = next(v for v in views_of("shifts") if v.name == "shift -1 by +1")
    assert view.apply(batch)[0, 0, 0].tolist() == [0, 0, 1, 2]


def test_an_unknown_kind_is_answered():
    with pytest.raises(SettingsError, match="did you mean flips"):
        views_of("flip")
