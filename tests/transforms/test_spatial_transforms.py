"""Each spatial transform alone: exact where it can be, drawn as promised, moving points with voxels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from radcnn.core.chance import torch_generator
from radcnn.core.errors import SettingsError
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.pipeline import Pipeline
from radcnn.transforms.spatial import Crop, Flip, Grid, Rotate, Scale, Translate
from radcnn.transforms.warp import move_points

MANY = (4000, 1, 10, 20)


def generator(*path):
    return torch_generator(11, "transforms", *path)


def test_flips_are_exact_and_reversible():
    batch = torch.rand(16, 2, 5, 6, 7, generator=generator())
    flip = Flip(axes=(-1, -2, -3), laterality="free")
    drawn = flip.sample(generator("flip"), batch.shape)
    moved = flip.apply(batch, drawn)
    for i in range(16):
        axes = tuple(a + 1 for a in range(3) if drawn["flipped"][i, a])
        assert torch.equal(moved[i], batch[i].flip(axes))
    assert torch.equal(flip.apply(moved, drawn), batch)


def test_each_axis_is_flipped_with_probability_p():
    drawn = Flip(axes=(-1, -2), laterality="free", p=0.3).sample(generator(), MANY)
    assert drawn["flipped"].double().mean(0).numpy() == pytest.approx([0.3, 0.3], abs=0.03)
    only_rows = Flip(axes=(-2,), laterality="fixed", p=1.0).sample(generator(), MANY)["flipped"]
    assert only_rows[:, 0].all()
    assert not only_rows[:, 1].any()


def test_a_left_right_flip_is_refused_where_the_side_carries_meaning():
    with pytest.raises(SettingsError, match="exchanges the patient's left and right"):
        Flip(laterality="fixed")
    Flip(laterality="fixed", left_right_axis=None)  # a sagittal image has no such axis
    with pytest.raises(SettingsError, match="exchanges the patient's left and right"):
        Flip(laterality="fixed", axes=(-3,), left_right_axis=-3)


@pytest.mark.parametrize("axes", [(), (0,), (-1, -1), (-4,)])
def test_impossible_axes_are_refused(axes):
    with pytest.raises(SettingsError, match="axes of flip"):
        Flip(axes=axes, laterality="free")


def test_a_slice_flip_of_a_2d_batch_is_refused():
    with pytest.raises(SettingsError, match="needs a 3D batch"):
        Flip(axes=(-3,), laterality="free").sample(generator(), (2, 1, 8, 8))


def test_shifts_are_uniform_fractions_of_each_axis():
    shift = Translate(fraction=0.2).sample(generator(), MANY)["shift"]
    for axis, n in enumerate(MANY[2:]):
        assert shift[:, axis].abs().max() <= 0.2 * n
        assert shift[:, axis].std().item() == pytest.approx(0.2 * n / math.sqrt(3), rel=0.05)
        assert shift[:, axis].mean().item() == pytest.approx(0, abs=0.02 * n)


def test_whole_voxel_shifts_move_values_without_changing_them():
    batch = torch.rand(32, 1, 12, 12, generator=generator())
    translate = Translate(fraction=0.25, whole_voxels=True)
    drawn = translate.sample(generator("t"), batch.shape)
    moved = translate.apply(batch, drawn)
    for i, (down, right) in enumerate(drawn["shift"].to(torch.int64).tolist()):
        rows = torch.arange(12).sub(down).clamp(0, 11)
        columns = torch.arange(12).sub(right).clamp(0, 11)
        assert torch.allclose(moved[i, 0], batch[i, 0][rows][:, columns], atol=1e-5)


def test_a_crop_has_the_area_it_was_to_have_and_stays_inside():
    drawn = Crop(area=(0.3, 0.9), aspect=2.0).sample(generator(), MANY)
    area = drawn["side"].prod(1)
    assert 0.3 - 1e-9 <= area.min() < 0.31
    assert 0.89 < area.max() <= 0.9 + 1e-9
    assert area.mean().item() == pytest.approx(0.6, abs=0.01)
    assert drawn["side"].max() <= 1
    assert (drawn["side"][:, 0] / drawn["side"][:, 1]).max() <= 2 + 1e-9
    half = torch.tensor(MANY[2:]) / 2
    assert (drawn["centre"].abs() + drawn["side"] * half <= half + 1e-9).all()


def test_a_3d_crop_has_the_volume_it_was_to_have_and_spares_single_slices():
    drawn = Crop(area=(0.5, 0.5), aspect=1.5).sample(generator(), (500, 1, 8, 9, 10))
    assert torch.allclose(drawn["side"].prod(1), torch.tensor(0.5, dtype=torch.float64))
    flat = Crop(area=(0.5, 0.5), aspect=1.5).sample(generator(), (500, 1, 1, 9, 10))
    assert (flat["side"][:, 0] == 1).all()
    assert torch.allclose(flat["side"].prod(1), torch.tensor(0.5, dtype=torch.float64))


def test_a_crop_shows_its_part_enlarged():
    ramp = torch.arange(40.0).reshape(1, 1, 40, 1).expand(1, 1, 40, 40)
    drawn = {"side": torch.tensor([[0.5, 1.0]]), "centre": torch.tensor([[6.0, 0.0]])}
    moved = Crop().apply(ramp, drawn)[0, 0, :, 7]
    assert torch.allclose(moved, 19.5 + 6 + (torch.arange(40.0) - 19.5) / 2, atol=1e-4)


def test_crops_outside_the_image_are_refused():
    with pytest.raises(SettingsError, match="must not exceed 1"):
        Crop(area=(0.5, 1.2))


def test_a_quarter_turn_is_counter_clockwise_as_displayed():
    batch = torch.rand(2, 1, 9, 9, generator=generator())
    turned = Rotate().apply(batch, {"angle": torch.full((2, 1), math.pi / 2, dtype=torch.float64)})
    assert torch.allclose(turned, torch.rot90(batch, 1, (2, 3)), atol=1e-5)


def test_angles_are_uniform_in_every_plane():
    angle = Rotate(degrees=10, out_of_plane_degrees=4).sample(generator(), (3000, 1, 6, 6, 6))["angle"]
    limits = torch.deg2rad(torch.tensor([10.0, 4.0, 4.0], dtype=torch.float64))
    assert (angle.abs() <= limits).all()
    assert (angle.std(0) / limits).numpy() == pytest.approx([1 / math.sqrt(3)] * 3, rel=0.05)


def test_a_plane_with_a_single_voxel_is_not_turned():
    angle = Rotate(degrees=10).sample(generator(), (50, 1, 1, 6, 6))["angle"]
    assert angle[:, 0].all()
    assert not angle[:, 1:].any()


def test_rotation_is_rigid_in_mm_where_voxels_are_anisotropic():
    spacing = (5.0, 1.0, 1.0)
    rotate = Rotate(degrees=40)
    drawn = rotate.sample(generator("rigid"), (1, 1, 8, 30, 30))
    step = rotate.step(drawn, Grid((8, 30, 30), spacing))
    points = torch.tensor([[[1.0, 3.0, 4.0], [6.0, 20.0, 11.0], [3.0, 15.0, 28.0]]], dtype=torch.float64)
    moved = move_points(points, [step], (8, 30, 30))
    mm = torch.tensor(spacing, dtype=torch.float64)
    assert torch.allclose(torch.cdist(points * mm, points * mm), torch.cdist(moved * mm, moved * mm), atol=1e-6)


def test_scale_factors_are_log_uniform_and_shared_by_all_axes_unless_asked():
    one = Scale(factor=(0.5, 2.0)).sample(generator(), MANY)["factor"]
    assert torch.equal(one[:, 0], one[:, 1])
    assert torch.log2(one).mean().item() == pytest.approx(0, abs=0.05)
    assert 0.5 <= one.min() < one.max() <= 2.0
    each = Scale(per_axis=True).sample(generator(), MANY)["factor"]
    assert not torch.equal(each[:, 0], each[:, 1])


def test_a_factor_above_one_enlarges():
    batch = torch.zeros(1, 1, 33, 33)
    batch[..., 12:21, 12:21] = 1
    moved = Scale().apply(batch, {"factor": torch.full((1, 2), 2.0, dtype=torch.float64)})
    assert moved.sum().item() == pytest.approx(4 * 81, rel=0.01)


@pytest.mark.parametrize("transform", [Translate(p=0.25), Crop(p=0.25), Rotate(p=0.25), Scale(p=0.25)])
def test_a_transform_acts_on_a_share_p_and_passes_on_the_others_bit_for_bit(transform):
    shape = (1200, 1, 6, 6)
    batch = torch.rand(shape, generator=generator())
    moved = transform.apply(batch, transform.sample(generator("p"), shape))
    untouched = (moved == batch).flatten(1).all(1)
    assert untouched.double().mean().item() == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize(
    "transform",
    [Flip(axes=(-1, -2), laterality="free"), Translate(), Crop(), Rotate(degrees=25), Scale(factor=(0.8, 1.3))],
    ids=lambda t: type(t).__name__,
)
def test_image_mask_and_points_move_together(transform):
    count, size, at = 24, (41, 47), np.array([17.0, 25.0])
    rows, columns = torch.meshgrid(*[torch.arange(float(n)) for n in size], indexing="ij")
    distance = (rows - at[0]) ** 2 + (columns - at[1]) ** 2
    image = torch.exp(-distance / 18).expand(count, 1, *size)
    mask = (distance < 16).long().expand(count, *size)
    pipeline = Pipeline(Augmentation((transform,)))
    drawn = pipeline.sample(generator("together"), image.shape)
    moved = pipeline.apply_together(image, drawn, mask=mask, points=torch.tensor(at).expand(count, 1, 2))
    assert moved.mask is not None
    assert moved.points is not None
    assert moved.mask.dtype == torch.int64
    for i in range(count):
        peak = moved.image[i, 0].double() ** 2
        for axis, grid in enumerate((rows, columns)):
            assert (peak * grid).sum() / peak.sum() == pytest.approx(moved.points[i, 0, axis].item(), abs=0.1)
            inside = moved.mask[i].double()
            assert (inside * grid).sum() / inside.sum() == pytest.approx(moved.points[i, 0, axis].item(), abs=0.51)
