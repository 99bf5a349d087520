import tracemalloc

import numpy as np
import pytest
import torch
from torch import nn

from radcnn.core.errors import GeometryError, SettingsError
from radcnn.inference.reach import Reach, reach_of
from radcnn.inference.windows import slabs, windowed_labels, windowed_logits


def straight(volume, compute, window, step):
    """The same by the definition: all sums and all weights of the whole volume, divided at the end."""
    size = volume.shape[1:]
    wide = [max(n, w) for n, w in zip(size, window, strict=True)]
    before = [(a - n) // 2 for a, n in zip(wide, size, strict=True)]
    pads = [(b, a - n - b) for a, n, b in zip(wide, size, before, strict=True)]
    padded = np.pad(volume.astype(np.float32), [(0, 0), *pads], mode="reflect")
    starts = []
    for n, w, s in zip(wide, window, step, strict=True):
        count = -(-(n - w) // s) + 1
        starts.append([round(i * (n - w) / max(count - 1, 1)) for i in range(count)])
    weights = np.ones(window)
    for axis, w in enumerate(window):
        bell = np.exp(-0.5 * ((np.arange(w) - (w - 1) / 2) / (w / 8)) ** 2)
        weights = weights * bell.reshape([-1 if i == axis else 1 for i in range(len(window))])
    total, sums = np.zeros(wide), None
    for corner in np.array(np.meshgrid(*starts, indexing="ij")).reshape(len(window), -1).T:
        where = tuple(slice(a, a + w) for a, w in zip(corner, window, strict=True))
        found = compute(torch.from_numpy(padded[(slice(None), *where)].copy())[None])[0].double().numpy()
        sums = np.zeros((len(found), *wide)) if sums is None else sums
        sums[(slice(None), *where)] += weights * found
        total[where] += weights
    inside = tuple(slice(b, b + n) for b, n in zip(before, size, strict=True))
    return (sums / total)[(slice(None), *inside)]


def moody(images):
    """Logits that depend on where in its window a voxel lies, so that every weight is seen."""
    ramp = torch.linspace(-1, 1, images[0, 0].numel()).reshape(images.shape[2:])
    return torch.stack([images[:, 0] + ramp, images[:, 0] * ramp, images.sum(1) - ramp**2], dim=1)


GEOMETRIES = [
    ((1, 20, 17, 23), (8, 8, 8), (4, 4, 4)),
    ((2, 9, 30, 8), (8, 16, 8), (4, 8, 4)),
    ((1, 33, 8, 9), (7, 5, 6), (3, 2, 3)),
    ((1, 1, 12, 12), (4, 8, 8), (2, 4, 4)),  # one slice
    ((1, 5, 3, 1), (8, 8, 8), (4, 4, 4)),  # smaller than the window everywhere
    ((1, 8, 8, 8), (8, 8, 8), (4, 4, 4)),
    ((2, 31, 26), (8, 12), (4, 6)),  # 2D
]


@pytest.mark.parametrize(("shape", "window", "step"), GEOMETRIES)
@pytest.mark.parametrize("batch", [1, 3])
def test_streamed_slabs_equal_sums_and_weights_of_the_whole_volume(shape, window, step, batch):
    volume = np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)
    found = windowed_logits(volume, moody, window=window, batch=batch)
    np.testing.assert_allclose(found, straight(volume, moody, window, step), atol=2e-6)


@pytest.mark.parametrize("seed", range(6))
def test_random_volumes_and_windows_agree_with_the_definition(seed):
    chance = np.random.default_rng(seed)
    shape = (1, *chance.integers(1, 22, size=3))
    window = tuple(int(w) for w in chance.integers(2, 9, size=3))
    volume = chance.normal(size=shape).astype(np.float32)
    overlap = int(chance.integers(1, min(window)))
    found = windowed_logits(volume, moody, window=window, overlap=overlap)
    np.testing.assert_allclose(found, straight(volume, moody, window, [w - overlap for w in window]), atol=2e-6)


def test_slabs_come_in_order_without_a_gap_and_need_memory_of_one_window():
    made = [(slab.low, slab.high) for slab in slabs(np.zeros((1, 50, 8, 8)), moody, window=(8, 8, 8))]
    assert [low for low, _ in made] == [0, *(high for _, high in made[:-1])]
    assert made[-1][1] == 50
    held = {slab.logits.untyped_storage().nbytes() for slab in slabs(np.zeros((1, 50, 8, 8)), moody, window=(8, 8, 8))}
    assert held == {3 * 8 * 8 * 8 * 4}


def test_labels_of_a_memory_map_take_far_less_memory_than_its_logits(tmp_path):
    file = tmp_path / "volume.npy"
    np.save(file, np.zeros((1, 256, 32, 32), dtype=np.int16))
    volume = np.load(file, mmap_mode="r")

    def compute(images):
        return torch.cat([images] * 20, dim=1)

    tracemalloc.start()
    labels = windowed_labels(volume, compute, window=(16, 16, 16))
    assert tracemalloc.get_traced_memory()[1] < 2 * labels.nbytes
    tracemalloc.stop()
    assert labels.shape == (256, 32, 32)


def test_labels_are_the_largest_logit_and_one_output_is_cut_at_zero():
    volume = np.random.default_rng(0).normal(size=(1, 12, 9, 9)).astype(np.float32)
    logits = windowed_logits(volume, moody, window=(6, 6, 6))
    assert (windowed_labels(volume, moody, window=(6, 6, 6)) == logits.argmax(0)).all()
    assert (windowed_labels(volume, lambda x: x, window=(6, 6, 6)) == (volume[0] > 0)).all()


class Pooled(nn.Module):
    """Down twice and up again: a field that depends on how windows are aligned."""

    def __init__(self, dims):
        super().__init__()
        conv, up = (nn.Conv3d, nn.ConvTranspose3d) if dims == 3 else (nn.Conv2d, nn.ConvTranspose2d)
        pool = nn.MaxPool3d if dims == 3 else nn.MaxPool2d
        self.layers = nn.Sequential(
            conv(1, 4, 3, padding=1), nn.ReLU(), pool(2), conv(4, 4, 3, padding=1), nn.ReLU(), pool(2),
            up(4, 4, 2, stride=2), nn.ReLU(), up(4, 3, 2, stride=2), conv(3, 2, 3, padding=1),
        )  # fmt: skip

    def forward(self, x):
        return self.layers(x)


@pytest.mark.parametrize(
    ("size", "window"),
    [
        ((64, 48), (32, 32)),
        ((50, 61), (32, 28)),
        ((9, 70), (32, 32)),
        ((32, 32), (32, 32)),
        ((20, 64, 24), (20, 32, 24)),
    ],
)
def test_kept_centres_are_one_pass_over_the_whole_volume(size, window):
    torch.manual_seed(0)
    network = Pooled(len(size)).eval()
    reach = reach_of(network, window, 1)
    assert set(reach.stride) == {4}
    volume = np.random.default_rng(1).normal(size=(1, *size)).astype(np.float32)
    wide = [w + max(0, -(-(n - w) // 4)) * 4 for n, w in zip(size, window, strict=True)]
    pads = [((a - n) // 2, a - n - (a - n) // 2) for a, n in zip(wide, size, strict=True)]
    with torch.inference_mode():
        whole = network(torch.from_numpy(np.pad(volume, [(0, 0), *pads], mode="reflect"))[None])[0]
        found = windowed_logits(volume, network, window=window, reach=reach)
    inside = tuple(slice(a, a + n) for (a, _), n in zip(pads, size, strict=True))
    np.testing.assert_allclose(found, whole[(slice(None), *inside)].numpy(), atol=1e-5)


def test_a_reach_that_leaves_nothing_of_a_window_is_refused():
    with pytest.raises(SettingsError, match="take at least 22"):
        slabs(np.zeros((1, 40, 40)), moody, window=(16, 16), reach=Reach((10, 10), (10, 10), (2, 2)))


def test_a_network_joined_by_functions_needs_its_reach_to_be_given():
    class Joined(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(2, 1, 1)

        def forward(self, x):
            return self.two(torch.cat([x, self.one(x)], dim=1))

    with pytest.raises(SettingsError, match="give its Reach"):
        reach_of(Joined(), (8, 8), 1)
    with pytest.raises(SettingsError, match="size of its input"):
        reach_of(nn.Conv2d(1, 1, 3), (8, 8), 1)


@pytest.mark.parametrize("overlap", [8, 9, -1, 1.0 - 1e-9])
def test_an_overlap_without_a_step_is_refused(overlap):
    with pytest.raises(SettingsError, match="overlap"):
        slabs(np.zeros((1, 20, 20)), moody, window=(8, 8), overlap=overlap)


@pytest.mark.parametrize("shape", [(1, 0, 4, 4), (4, 4), (1, 8, 8)])
def test_a_volume_without_voxels_or_of_another_rank_is_refused(shape):
    with pytest.raises(GeometryError, match="window"):
        slabs(np.zeros(shape), moody, window=(4, 4, 4))


def test_a_network_whose_output_has_another_size_is_refused():
    with pytest.raises(GeometryError, match="must have their size"):
        list(slabs(np.zeros((1, 8, 8)), lambda x: x[..., ::2], window=(4, 4)))
