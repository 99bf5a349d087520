"""Structures on the image's own grid: whatever its orientation and spacing, slice by slice, by windows and tiles."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from radcnn.core.errors import BundleError, GeometryError, InputError, StorageError
from radcnn.core.volume import Volume
from radcnn.inference import looking, seen
from radcnn.inference.looking import tiled
from radcnn.inference.segmented import outlined, segmented
from radcnn.inference.segmenter import Segmenter, load_segmenter, save_segmenter
from radcnn.inference.tidying import largest_component, without_holes
from radcnn.networks.image_network import ImageNetwork
from radcnn.networks.image_networks import build_image_network
from radcnn.plan.segmentation import SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.orientation import Plane, acquired_plane
from radcnn.transforms.views import ViewKind

BRIGHT = (Structure("soft", (1,)), Structure("hard", (2,)))
REGIONS = (Structure("body", (1, 2)), Structure("hard", (2,)))


class Thresholds(ImageNetwork):
    """Says of each voxel what its value says: above 0.25 soft, above 0.75 hard."""

    halo = 0

    def __init__(self, regions: bool) -> None:
        super().__init__()
        self.regions = regions
        self.maps = self._maps

    def _maps(self, x: Tensor) -> Tensor:
        middle = x[:, x.shape[1] // 2][:, None]
        soft, hard = middle - 0.25, middle - 0.75
        if self.regions:
            return torch.cat([soft, hard], 1)
        return torch.cat([torch.zeros_like(soft), soft, 3 * hard + 0.5], 1)


def planned(structures: tuple[Structure, ...] = BRIGHT, **more: object) -> SegmentationPlan:
    asked: dict[str, object] = {"patch": (32, 32), "intensity": Intensity("window", 0, 1000), **more}
    return SegmentationPlan(
        NetworkPlan("modern_unet"), TrainingPlan(epochs=1, batch=1), structures, **asked,  # type: ignore[arg-type]
    )  # fmt: skip


def made(volume: Volume, plan: SegmentationPlan) -> np.ndarray:
    network = Thresholds(not plan.exclusive)
    return segmented([network, network], volume, plan, logits_of=lambda n, x: n(x))


def ball(spacing: tuple[float, float, float] = (3.0, 1.0, 1.0)) -> Volume:
    """A soft ball of 12 mm about a hard one of 6 mm, off the middle, within 24 x 40 x 50 mm."""
    size = tuple(round(mm / step) for mm, step in zip((24, 40, 50), spacing, strict=True))
    at = [(np.arange(n) + 0.5) * step - c for n, step, c in zip(size, spacing, (11, 18, 28), strict=True)]
    distance = np.sqrt(sum(np.meshgrid(*(x**2 for x in at), indexing="ij")))
    values = 500.0 * (distance < 12) + 500.0 * (distance < 6)
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = *spacing, 1
    affine[:3, 3] = (5.0, -7.0, 100.0)
    return Volume(values[None].astype(np.int16), affine, "HU", "patient")


def turned(volume: Volume) -> Volume:
    """The same anatomy with its axes in another order, one of them backwards."""
    voxels = volume.voxels.transpose(0, 3, 1, 2)[:, ::-1]
    assert volume.affine is not None
    change = np.zeros((4, 4))
    change[2, 0], change[0, 1], change[1, 2], change[3, 3] = -1, 1, 1, 1
    change[2, 3] = volume.size[2] - 1
    return Volume(np.ascontiguousarray(voxels), volume.affine @ change, "HU", "patient")


@pytest.mark.parametrize("structures", [BRIGHT, REGIONS])
@pytest.mark.parametrize("dims", [2, 3])
def test_masks_lie_on_the_image_as_it_came(structures: tuple[Structure, ...], dims: int) -> None:
    plan = planned(structures, dims=dims, patch=(32,) * dims)
    volume = ball()
    found = made(volume, plan)
    wanted = volume.voxels[0] > 250, volume.voxels[0] > 750
    assert np.array_equal(found[1], wanted[1])
    assert np.array_equal(found[0], wanted[0] if structures == REGIONS else wanted[0] & ~wanted[1])
    other = turned(volume)
    there = made(other, plan)
    assert there.shape[1:] == other.size
    for k in range(2):
        assert np.array_equal(there[k][::-1].transpose(1, 2, 0), found[k])


@pytest.mark.parametrize("plane", ["axial", "sagittal", "coronal"])
def test_slices_of_any_plane_are_looked_at_as_they_were_acquired(plane: Plane) -> None:
    """A sagittal series has thick voxels from left to right: its slices are what a network of slices must see."""
    order: tuple[int, ...] = {"axial": (0, 1, 2), "sagittal": (2, 0, 1), "coronal": (1, 0, 2)}[plane]
    base = ball((1.0, 1.0, 1.0))
    assert base.affine is not None
    thick = base.voxels[0].transpose(order)[::4]
    affine = base.affine[:, [*order, 3]]
    affine[:, 0] *= 4
    volume = Volume(np.ascontiguousarray(thick[None]), affine, "HU", "patient")
    assert acquired_plane(volume) == plane
    stored = Volume(np.ascontiguousarray(thick.transpose(2, 1, 0)[None]), affine[:, [2, 1, 0, 3]], "HU", "patient")
    assert acquired_plane(stored) == plane  # in whatever order its axes are stored
    seen: list[tuple[int, ...]] = []

    def looked(network: ImageNetwork, images: Tensor) -> Tensor:
        seen.append(tuple(images.shape[2:]))
        return network(images)

    plan = planned(patch=(64, 64), plane=plane, spacing_mm=(0.0, 1.0, 1.0))
    found = segmented([Thresholds(False)], stored, plan, logits_of=looked)
    assert np.array_equal(found[1], stored.voxels[0] > 750)
    assert {tuple(sorted(size)) for size in seen} == {tuple(sorted(thick.shape[1:]))}


@pytest.mark.parametrize("structures", [BRIGHT, REGIONS])
def test_one_anatomy_at_two_spacings_has_one_volume_in_ml(structures: tuple[Structure, ...]) -> None:
    plan = planned(structures, spacing_mm=(2.0, 1.0, 1.0))
    volumes = []
    for spacing in ((3.0, 1.0, 1.0), (1.5, 0.8, 0.8)):
        found = made(ball(spacing), plan)
        volumes.append(found.reshape(2, -1).sum(1) * np.prod(spacing))
    assert np.allclose(volumes[0], volumes[1], rtol=0.06)


def test_a_network_of_slices_takes_one_slice_and_volumes_whichever_it_learned_from() -> None:
    volume = ball((3.0, 1.6, 1.6))
    of_volumes, of_slices = planned(spacing_mm=(0.0, 1.0, 1.0)), planned(spacing_mm=(1.0, 1.0))
    found = made(volume, of_volumes)
    assert np.array_equal(made(volume, of_slices), found)
    assert volume.affine is not None
    for k in (2, 4):
        affine = volume.affine.copy()
        affine[:3, 3] = volume.world((k, 0, 0))
        slice_ = Volume(volume.voxels[:, k], affine, "HU", "patient")
        for plan in (of_volumes, of_slices):
            assert np.array_equal(made(slice_, plan), found[:, k])


class Halving(Thresholds):
    """Takes sizes that are multiples of 16, and keeps what it was shown."""

    multiple = 16

    def __init__(self) -> None:
        super().__init__(False)
        self.shown: list[Tensor] = []

    def _maps(self, x: Tensor) -> Tensor:
        assert all(n % 16 == 0 for n in x.shape[2:])
        self.shown.append(x)
        return super()._maps(x)


def test_slices_that_cannot_be_halved_are_mirrored_on_both_sides() -> None:
    network, chance = Halving(), np.random.default_rng(0)
    image = chance.integers(0, 1000, (1, 3, 25, 30)).astype(np.int16)
    volume = Volume.from_spacing(image, (8.0, 1.0, 1.0), "HU")
    found = segmented([network], volume, planned(), logits_of=lambda n, x: n(x))
    assert np.array_equal(found[1], image[0] > 750)
    shown = network.shown[0][:, 0].numpy()
    assert shown.shape == (3, 32, 32)
    assert np.allclose(shown[:, 3:28, 1:31], image[0] / 1000)
    assert np.allclose(shown[:, 2], shown[:, 4])
    assert np.allclose(shown[..., 31], shown[..., 29])


class Above(Thresholds):
    """One structure: what is above a value, and how many voxels it was asked about."""

    def __init__(self, level: float) -> None:
        super().__init__(regions=False)
        self.level, self.asked = level, 0

    def _maps(self, x: Tensor) -> Tensor:
        middle = x[:, x.shape[1] // 2][:, None]
        self.asked += middle.numel()
        return torch.cat([torch.zeros_like(middle), middle - self.level], 1)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_second_network_looks_about_the_first_ones_structure_alone(dims: int) -> None:
    plan = planned(REGIONS, within="body", dims=dims, patch=(8,) * dims)
    volume = turned(ball())
    networks = Above(0.25), Above(-1.0)  # the second one calls everything hard
    found = segmented(networks, volume, plan, logits_of=lambda n, x: n(x))
    body = volume.voxels[0] > 250
    assert np.array_equal(found[0], body)
    assert np.array_equal(found[1], body)
    assert networks[1].asked < networks[0].asked
    nothing = volume.with_voxels(np.zeros_like(volume.voxels))
    networks = Above(0.25), Above(-1.0)
    assert not segmented(networks, nothing, plan, logits_of=lambda n, x: n(x)).any()
    assert networks[1].asked == 0


@pytest.mark.parametrize("structures", [BRIGHT, REGIONS])
@pytest.mark.parametrize("dims", [2, 3])
def test_networks_say_which_dice_they_expect(
    structures: tuple[Structure, ...], dims: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, volume = planned(structures, dims=dims, patch=(8,) * dims), turned(ball())
    network = Thresholds(not plan.exclusive)
    found = outlined([network], volume, plan, logits_of=lambda n, x: 8 * n(x))
    logits = 8 * network(torch.from_numpy(volume.voxels[None].astype(np.float32) / 1000))[0]
    if plan.exclusive:
        p, m = logits.softmax(0)[1:], logits.argmax(0) == torch.arange(1, 3).view(-1, 1, 1, 1)
    else:
        p, m = logits.sigmoid(), logits > 0
    dice = 2 * (p * m).sum((1, 2, 3)) / (p.sum((1, 2, 3)) + m.sum((1, 2, 3)))
    assert found.expected == pytest.approx(dice.tolist(), abs=0.01)
    assert np.array_equal(found.masks, segmented([network], volume, plan, logits_of=lambda n, x: 8 * n(x)))
    monkeypatch.setattr(seen, "EXPECTED_AT_ONCE", 5000)
    again = outlined([network], volume, plan, logits_of=lambda n, x: 8 * n(x))
    assert outlined([network], volume, plan, logits_of=lambda n, x: 8 * n(x), expecting=False).expected == ()
    assert again.expected == pytest.approx(found.expected)
    surer = outlined([network], volume, plan, logits_of=lambda n, x: 80 * n(x))
    assert all(more > less for more, less in zip(surer.expected, found.expected, strict=True))
    nothing = volume.with_voxels(np.zeros_like(volume.voxels))
    assert np.isnan(outlined([network], nothing, plan, logits_of=lambda n, x: n(x)).expected).all()


def test_the_second_networks_expectation_is_of_its_region_alone() -> None:
    plan, volume = planned(REGIONS, within="body", patch=(8, 8)), turned(ball())
    networks = Above(0.25), Above(-1.0)  # the second one calls everything hard, within the first one's body and beyond
    found = outlined(networks, volume, plan, logits_of=lambda n, x: 20 * n(x))
    assert found.expected[1] == pytest.approx(1.0, abs=1e-3)


class Beside(Above):
    """What the slice before shows, of three that it sees."""

    def _maps(self, x: Tensor) -> Tensor:
        before = x[:, :1]
        return torch.cat([torch.zeros_like(before), before - self.level], 1)


def test_a_second_network_of_slices_sees_the_true_ones_beside_its_region() -> None:
    plan = planned(REGIONS, within="body", neighbours=1, patch=(8, 8))
    values = np.zeros((1, 7, 16, 16), np.int16)
    values[0, 2:5, 4:12, 4:12] = 500
    found = segmented((Above(0.25), Beside(0.1)), Volume(values, None, "HU"), plan, logits_of=lambda n, x: n(x))
    assert found[0].any((1, 2)).tolist() == [False, False, True, True, True, False, False]
    assert found[1].any((1, 2)).tolist() == [False, False, False, True, True, False, False]  # nothing before slice 2


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("plan", [planned(), planned(REGIONS), planned(spacing_mm=(2.0, 1.0, 1.0))])
def test_logits_that_are_not_finite_are_refused_on_any_grid(plan: SegmentationPlan, value: float) -> None:
    network = Thresholds(not plan.exclusive)
    with pytest.raises(InputError, match="logits are not finite"):
        segmented([network], ball(), plan, logits_of=lambda n, x: n(x).masked_fill(x[:, :1] > 0.75, value))


def test_slices_larger_than_the_patch_are_looked_at_by_windows() -> None:
    volume = ball()
    assert np.array_equal(made(volume, planned(patch=(16, 24))), made(volume, planned(patch=(64, 64))))


@pytest.mark.parametrize("size", [(90, 110), (20, 34, 30)])
@pytest.mark.parametrize("name", ["unet2015", "lu2017"])
def test_tiles_of_a_network_without_padding_give_what_the_whole_image_would(
    name: str, size: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, object] = {"unet2015": {"kernels": (3, 4, 5)}, "lu2017": {"kernels": (3, 4), "dense": 5}}[name]  # type: ignore[assignment]
    dims = len(size)
    network = build_image_network(name, outputs=3, dims=dims, options=options, seed=0).eval()  # type: ignore[arg-type]
    image = torch.randn(1, *size, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(looking, "TILES", {2: 24, 3: 12})
    for flips in ((-1,), (-2, -1)):
        (there,) = tiled(network, np.flip(image.numpy(), flips))
        torch.testing.assert_close(there.logits, network(image.flip(flips)[None])[0].detach(), rtol=1e-5, atol=1e-5)
    (slab,) = tiled(network, image.numpy())
    whole = network(image[None])[0].detach()
    torch.testing.assert_close(slab.logits, whole, rtol=1e-5, atol=1e-5)
    plan = planned(dims=dims, patch=(8,) * dims, intensity=Intensity("keep"))
    found = segmented([network], Volume(image.numpy(), None), plan, logits_of=lambda n, x: n(x))
    first, second = whole.topk(2, dim=0).values
    settled = (first - second > 1e-4 + 1e-3 * first.abs()).numpy()  # logits are kept in half precision
    assert settled.mean() > 0.8  # where all maps end in 0 they are equal
    assert np.array_equal(found[:, settled], torch.stack([whole.argmax(0) == k for k in (1, 2)]).numpy()[:, settled])


def test_what_is_on_the_disk_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    volume, plan = ball(), planned()
    before = made(volume, plan)
    monkeypatch.setattr(seen, "IN_MEMORY", 0)
    assert np.array_equal(made(volume, plan), before)


def test_logits_that_do_not_fit_on_the_disk_are_refused_before_they_are_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(seen, "IN_MEMORY", 0)
    monkeypatch.setattr(seen.shutil, "disk_usage", lambda where: SimpleNamespace(free=1000))
    network = Above(0.25)
    with pytest.raises(StorageError, match="let TMPDIR name a folder"):
        segmented([network], ball(), planned(), logits_of=lambda n, x: n(x))
    assert network.asked == 0


@pytest.mark.parametrize("views", ["flips", "rotations"])
def test_flips_and_rotations_are_undone(views: ViewKind) -> None:
    training = TrainingPlan(epochs=1, batch=1, views=views)
    plan = planned()
    flipped = SegmentationPlan(plan.network, training, plan.structures, plan.patch, intensity=plan.intensity)
    assert np.array_equal(made(ball(), flipped), made(ball(), plan))


def test_components_and_holes_follow_the_plan() -> None:
    values = np.zeros((1, 9, 20), np.int16)
    values[0, 1:8, 1:8], values[0, 4, 4], values[0, 2:4, 12:14] = 500, 0, 500
    image = Volume(values, None, "HU")
    found = made(image, planned(largest=("soft",), filled=("soft",)))
    assert found[0].sum() == 49
    assert made(image, planned())[0].sum() == 52


@pytest.mark.parametrize("size", [(24, 30), (12, 24, 30)])
def test_components_and_holes_are_looked_for_in_a_box_and_are_those_of_the_whole(size: tuple[int, ...]) -> None:
    chance = np.random.default_rng(1)
    for share in (0.0, 0.3, 0.7):
        mask = np.zeros(size, bool)
        inner = tuple(slice(3, n - 5) for n in size)
        mask[inner] = chance.random(mask[inner].shape) < share
        assert np.array_equal(without_holes(mask), ndimage.binary_fill_holes(mask))
        labels, count = ndimage.label(mask, np.ones((3,) * len(size)))
        sizes = np.bincount(labels.reshape(-1), minlength=2)[1:]
        wanted = labels == 1 + int(sizes.argmax()) if count else mask
        assert np.array_equal(largest_component(mask), wanted)


def test_images_that_do_not_fit_are_refused() -> None:
    with pytest.raises(GeometryError, match="outlines structures in volumes"):
        made(Volume(np.zeros((1, 8, 8), np.int16), None), planned(dims=3, patch=(8, 8, 8)))
    with pytest.raises(InputError, match="images of 1 channels, got 3"):
        made(Volume(np.zeros((3, 8, 8), np.int16), None, "rgb"), planned())
    with pytest.raises(GeometryError, match="spacing of this image is unknown"):
        made(Volume(np.zeros((1, 4, 8, 8), np.int16), None), planned(spacing_mm=(1.0, 1.0, 1.0)))


def test_a_bundle_keeps_plan_and_weights_and_refuses_a_changed_byte(tmp_path: Path) -> None:
    plan = SegmentationPlan(
        NetworkPlan("modern_unet", {"kernels": [4, 6, 8], "supervised": 1}), TrainingPlan(epochs=1, batch=1), REGIONS,
        (16, 16), largest=("hard",),
    )  # fmt: skip
    network = build_image_network("modern_unet", outputs=2, options=plan.network.options, seed=0)
    network.leave_out_auxiliary()
    save_segmenter(tmp_path / "bundle", Segmenter(plan, 1, synthetic=True), [network])
    known, (loaded,) = load_segmenter(tmp_path / "bundle")
    assert (known.segmentation, known.synthetic) == (plan, True)
    x = torch.randn(1, 1, 16, 16)
    assert torch.equal(loaded(x), network.eval()(x))
    weights = tmp_path / "bundle" / "weights-0.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(BundleError):
        load_segmenter(tmp_path / "bundle")
