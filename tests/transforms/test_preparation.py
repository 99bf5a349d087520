"""Preparation gives the same anatomy in mm whatever the spacing, and refuses what it cannot place."""

from __future__ import annotations

import numpy as np
import pytest

from radcnn.core.errors import GeometryError, SettingsError
from radcnn.core.volume import Volume
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.orientation import towards_patient_axes
from radcnn.transforms.preparation import Preparation, prepare, prepare_volume

KEEP = Intensity("keep")
CENTRE = (4.0, -7.0, 11.0)


def anatomy(world: np.ndarray) -> np.ndarray:
    """A smooth, asymmetric field over the patient (mm) whose value tells the place."""
    x, y, z = (world[..., i] for i in range(3))
    return 30 * np.sin(x / 17) + 20 * np.cos(y / 21 + 0.3) + 0.8 * z + 10 * np.sin((x + y - z) / 35)


def scan(affine: np.ndarray, size: tuple[int, ...]) -> Volume:
    """The anatomy as a scanner of this geometry shows it."""
    empty = Volume(np.zeros((1, *size), np.float32), affine, "HU")
    index = np.stack(np.meshgrid(*[np.arange(n) for n in size], indexing="ij"), -1)
    return empty.with_voxels(anatomy(empty.world(index))[None].astype(np.float32))


def axial(spacing: tuple[float, ...], size: tuple[int, ...]) -> Volume:
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = *spacing, 1
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(size) - 1) / 2) + (1.3, -2.1, 0.7)
    return scan(affine, size)


def where(region: tuple[float, ...], size: tuple[int, ...]) -> np.ndarray:
    """World positions a patch of this region promises to show, (*size, 3)."""
    lines = [(np.arange(n) - (n - 1) / 2) * mm / n for mm, n in zip(region, size, strict=True)]
    z, y, x = np.meshgrid(*lines, indexing="ij")
    return np.stack([x, y, z], -1) + CENTRE


@pytest.mark.parametrize(
    "volume",
    [
        axial((1.0, 0.8, 0.8), (70, 90, 90)),
        axial((2.5, 0.5, 0.5), (28, 140, 140)),
        axial((1.3, 1.1, 0.9), (60, 60, 80)),
    ],
    ids=["fine", "thick slices", "unequal"],
)
def test_a_patch_in_mm_shows_the_same_anatomy_at_every_spacing(volume):
    preparation = Preparation(dims=3, size=(16, 20, 20), region_mm=(32, 40, 40), intensity=KEEP)
    patch = prepare(volume, preparation, centre_mm=CENTRE)
    assert patch.shape == (1, 16, 20, 20)
    assert np.abs(patch[0] - anatomy(where((32, 40, 40), (16, 20, 20)))).max() < 0.5  # of a range of about 150


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1), (-1, -1, -1)])
def test_the_patch_does_not_depend_on_how_the_file_stores_its_axes(order, signs):
    base = axial((1.5, 1.0, 1.0), (50, 70, 72))
    stored = base.voxels.transpose(0, *(a + 1 for a in order))
    change = np.zeros((4, 4))
    change[3, 3] = 1
    for new, old in enumerate(order):
        change[old, new] = signs[new]
        change[old, 3] = base.size[old] - 1 if signs[new] < 0 else 0
    stored = stored[(slice(None), *(slice(None, None, s) for s in signs))]
    other = Volume(stored, base.affine @ change, "HU")
    assert np.array_equal(towards_patient_axes(other).voxels, base.voxels)
    assert np.allclose(towards_patient_axes(other).affine, base.affine)
    preparation = Preparation(dims=3, size=(8, 8, 8), region_mm=(30, 30, 30), intensity=KEEP)
    both = [prepare(v, preparation, centre_mm=CENTRE) for v in (base, other)]
    assert np.array_equal(*both)


def test_a_prepared_volume_knows_where_its_voxels_lie():
    preparation = Preparation(dims=3, size=(9, 11, 13), region_mm=(30, 36, 40), intensity=KEEP)
    placed = prepare_volume(axial((1.2, 0.9, 0.9), (60, 80, 80)), preparation, centre_mm=CENTRE)
    assert np.allclose(placed.world((4, 5, 6)), CENTRE)
    assert np.allclose(placed.spacing_mm, (30 / 9, 36 / 11, 40 / 13))
    index = np.stack(np.meshgrid(*[np.arange(n) for n in placed.size], indexing="ij"), -1)
    assert np.abs(placed.voxels[0] - anatomy(placed.world(index))).max() < 0.8


def test_a_slice_of_a_volume_is_cut_at_the_centre_and_placed():
    preparation = Preparation(dims=2, size=(21, 21), region_mm=(42, 42), intensity=KEEP)
    placed = prepare_volume(axial((1.2, 0.9, 0.9), (60, 80, 80)), preparation, centre_mm=CENTRE)
    assert placed.rank == 2
    assert np.allclose(placed.world((10, 10)), CENTRE)
    index = np.stack(np.meshgrid(np.arange(21), np.arange(21), indexing="ij"), -1)
    assert np.abs(placed.voxels[0] - anatomy(placed.world(index))).max() < 0.5


def test_three_planes_show_axial_coronal_and_sagittal():
    preparation = Preparation(dims=2, channels=3, size=(21, 21), region_mm=(42, 42), intensity=KEEP, planes="triplanar")
    made = prepare(axial((1.2, 0.9, 0.9), (60, 80, 80)), preparation, centre_mm=CENTRE)
    step = (np.arange(21) - 10) * 2.0
    x, y, z = CENTRE
    rows, columns = np.meshgrid(step, step, indexing="ij")
    flat = np.zeros_like(rows)
    expected = [
        anatomy(np.stack([x + columns, y + rows, z + flat], -1)),
        anatomy(np.stack([x + columns, y + flat, z - rows], -1)),  # rows from head to feet
        anatomy(np.stack([x + flat, y + columns, z - rows], -1)),
    ]
    assert np.abs(made - np.stack(expected)).max() < 0.5


def test_three_planes_of_a_2d_image_are_refused():
    preparation = Preparation(dims=2, channels=3, size=(4, 4), planes="triplanar")
    with pytest.raises(GeometryError, match="three planes of a volume"):
        prepare(Volume(np.ones((1, 8, 8)), None), preparation)
    with pytest.raises(SettingsError, match="use prepare"):
        prepare_volume(Volume(np.ones((1, 8, 8, 8)), None), preparation)


def test_three_planes_work_without_spacing_when_no_mm_are_asked():
    preparation = Preparation(dims=2, channels=3, size=(8, 8), planes="triplanar", intensity=KEEP)
    ramp = np.arange(9.0)[:, None, None] * np.ones((9, 9, 9))
    made = prepare(Volume(ramp[None], None), preparation)
    assert np.allclose(made[0], 4)
    assert np.allclose(made[1], made[2])
    assert (np.diff(made[1][:, 0]) < 0).all()


@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_a_given_spacing_is_what_the_array_has(fit):
    volume = axial((1.0, 0.8, 0.8), (70, 90, 90))
    preparation = Preparation(dims=3, size=(12, 14, 14), spacing_mm=(2, 3, 3), fit=fit, intensity=KEEP)
    patch = prepare(volume, preparation, centre_mm=CENTRE)
    assert np.abs(patch[0] - anatomy(where((24, 42, 42), (12, 14, 14)))).max() < 0.9


def test_padding_takes_the_darkest_value():
    volume = Volume.from_spacing(np.full((1, 4, 4), 50.0), (1.0, 1.0), units="HU")
    window = Preparation(dims=2, size=(8, 8), spacing_mm=(1, 1), fit="pad", intensity=Intensity("window", 0, 100))
    made = prepare(volume, window)[0]
    assert np.allclose(made[2:6, 2:6], 0.5)
    assert made.sum() == pytest.approx(8)
    kept = prepare(
        volume.with_voxels(volume.voxels - 80),
        Preparation(dims=2, size=(8, 8), spacing_mm=(1, 1), fit="pad", intensity=KEEP),
    )
    assert np.allclose(kept, -30)


def test_padding_and_cropping_keep_the_proportions():
    disc = np.zeros((1, 40, 80))
    rows, columns = np.meshgrid(np.arange(40), np.arange(80), indexing="ij")
    disc[0][(rows - 19.5) ** 2 + (columns - 39.5) ** 2 < 15**2] = 1
    for fit, radius in (("pad", 6.0), ("crop", 12.0)):
        made = prepare(Volume(disc, None), Preparation(dims=2, size=(32, 32), fit=fit, intensity=KEEP))[0]
        across, down = (made > 0.5).sum(0).max(), (made > 0.5).sum(1).max()
        assert across == down == pytest.approx(2 * radius, abs=1)


def test_proportions_are_those_in_mm_where_the_spacing_is_known():
    rows, columns = np.meshgrid((np.arange(20) - 9.5) * 2.0, np.arange(40) - 19.5, indexing="ij")
    disc = (rows**2 + columns**2 < 14**2).astype(float)[None]  # a circle in mm, an ellipse in voxels
    made = prepare(
        Volume.from_spacing(disc, (2.0, 1.0)), Preparation(dims=2, size=(32, 32), fit="pad", intensity=KEEP)
    )[0]
    assert abs(int((made > 0.5).sum(0).max()) - int((made > 0.5).sum(1).max())) <= 1


def test_stretching_uses_the_whole_image():
    ramp = np.arange(12.0)[:, None] * np.ones((12, 6))
    made = prepare(Volume(ramp[None], None), Preparation(dims=2, size=(24, 24), intensity=KEEP))[0]
    assert np.allclose(made[1:-1, 0], (np.arange(24)[1:-1] + 0.5) / 2 - 0.5, atol=1e-5)


def test_grey_becomes_three_equal_channels_and_rgb_becomes_grey():
    grey = prepare(
        Volume(np.random.default_rng(0).random((1, 8, 8)), None), Preparation(dims=2, channels=3, size=(4, 4))
    )
    assert np.array_equal(grey[0], grey[1])
    assert np.array_equal(grey[0], grey[2])
    rgb = Volume(np.array([255, 0, 0], np.uint8).reshape(3, 1, 1) * np.ones((3, 8, 8), np.uint8), None, "rgb")
    made = prepare(rgb, Preparation(dims=2, size=(4, 4), intensity=Intensity("range", 0, 255)))
    assert np.allclose(made, 0.299, atol=1e-6)


def test_channels_that_cannot_be_made_are_refused():
    with pytest.raises(
        SettingsError, match="3 channels \\(arbitrary\\) cannot be turned into 1; give images of 1, or train"
    ):
        prepare(Volume(np.zeros((3, 4, 4)), None), Preparation(dims=2, size=(4, 4)))


def test_a_mask_lands_on_the_grid_of_its_image_and_keeps_its_labels():
    volume = axial((1.2, 0.9, 0.9), (40, 60, 60))
    labels = volume.with_voxels((volume.voxels > 20).astype(np.uint8) * 5, units="mask")
    preparation = Preparation(dims=3, size=(12, 12, 12), region_mm=(30, 30, 30), intensity=Intensity("window", 0, 40))
    image, mask = (prepare(v, preparation, centre_mm=CENTRE) for v in (volume, labels))
    assert set(np.unique(mask)) == {0, 5}
    away = np.abs(image - 0.5) > 0.05  # off the boundary both must say the same
    assert np.array_equal(mask[away] == 5, image[away] > 0.5)


def test_the_same_call_gives_the_same_array_of_float32():
    volume = Volume(np.random.default_rng(0).integers(0, 4000, (1, 33, 47)).astype(np.uint16), None)
    first, second = (prepare(volume, Preparation(dims=2, size=(28, 28))) for _ in range(2))
    assert first.dtype == np.float32
    assert first.flags["C_CONTIGUOUS"]
    assert np.array_equal(first, second)
    assert 0 <= first.min() <= first.max() <= 1


def test_one_slice_counts_as_an_image():
    flat = np.random.default_rng(0).random((1, 1, 9, 9))
    preparation = Preparation(dims=2, size=(5, 5))
    made = [prepare(Volume(v, np.eye(4)), preparation) for v in (flat, flat[:, 0])]
    assert np.array_equal(*made)


@pytest.mark.parametrize(
    ("volume", "settings", "centre", "says"),
    [
        (Volume(np.ones((1, 8, 8)), None), {"region_mm": (4.0, 4.0)}, None, "region_mm is given in millimetres"),
        (Volume(np.ones((1, 8, 8)), None), {"spacing_mm": (4.0, 4.0), "fit": "pad"}, None, "spacing of this image is"),
        (Volume(np.ones((1, 8, 8)), None), {"region_mm": (4.0, 4.0)}, CENTRE, "spacing of this image is unknown"),
        (Volume(np.ones((1, 9, 8, 8)), np.eye(4)), {}, None, "volume of 9 slices; give a 2D image, or the centre"),
        (Volume(np.ones((1, 8, 8)), np.eye(4)), {}, (0.0, 1.0, 1.0), "looks at whole images, but a centre was given"),
        (Volume(np.ones((1, 8, 8)), np.eye(4)), {"region_mm": (4.0, 4.0)}, (0.0, 1.0, 99.0), "outside the image"),
        (Volume(np.ones((1, 8, 8)), np.eye(4)), {"region_mm": (4.0, 4.0)}, (0.0, np.nan, 9.0), "three finite numbers"),
    ],
)
def test_what_cannot_be_placed_is_refused(volume, settings, centre, says):
    with pytest.raises(GeometryError, match=says):
        prepare(volume, Preparation(dims=2, size=(4, 4), **settings), centre_mm=centre)


def test_a_volume_cannot_be_made_of_an_image():
    with pytest.raises(GeometryError, match="this network reads volumes"):
        prepare(Volume(np.ones((1, 8, 8)), None), Preparation(dims=3, size=(4, 4, 4)))


def test_real_images_of_medmnist_are_prepared(real_data):
    with np.load(real_data / "medmnist" / "pneumoniamnist.npz", allow_pickle=False) as archive:
        image = archive["test_images"][0]
    made = prepare(
        Volume(image[None], None, "grey"), Preparation(dims=2, size=(28, 28), intensity=Intensity("range", 0, 255))
    )
    assert np.allclose(made[0], image / 255, atol=1e-6)
