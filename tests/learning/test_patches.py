"""Random patches: the same for any number of workers, classes seen alike, cut where they are said to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from radcnn.core.chance import generator, torch_generator
from radcnn.core.errors import SettingsError
from radcnn.data.store import CaseStore, StoredCase
from radcnn.learning.patches import drawn_place, holders_of, patch_batches
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.elastic import Elastic
from radcnn.transforms.noise import Noise
from radcnn.transforms.pipeline import Pipeline
from radcnn.transforms.spatial import Flip, Rotate, Scale

STRONG = Pipeline(Augmentation((Rotate(degrees=30), Scale(), Flip(laterality="free"), Elastic(points=3), Noise(p=1.0))))
STILL = Pipeline(Augmentation())


@pytest.fixture
def cases(tmp_path: Path) -> list[StoredCase]:
    """Volumes of different sizes; class 1 is common, class 2 is one voxel, an image's value tells its mask."""
    store = CaseStore(tmp_path / "store")
    for number, size in enumerate([(20, 24, 28), (18, 30, 22), (9, 40, 16)]):
        mask = np.zeros(size, np.uint8)
        mask[2:7, 4:12, 4:12] = 1
        mask[0, 0, 0] = 2
        store.add(str(number), (mask[None] * 10 + number).astype(np.float32), mask=mask)
    return [store[key] for key in store]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_workers_change_no_number(cases, workers):
    asked = {"size": (8, 12, 12), "batch": 2, "steps": 3, "seed": 5}
    alone = list(patch_batches(cases, STRONG, workers=0, **asked))
    shared = list(patch_batches(cases, STRONG, workers=workers, **asked))
    for (image, mask), (other, labels) in zip(alone, shared, strict=True):
        assert image.shape == (2, 1, 8, 12, 12)
        assert mask.shape == (2, 8, 12, 12)
        assert torch.equal(image, other)
        assert torch.equal(mask, labels)


def test_image_and_mask_show_the_same_place(cases):
    for image, mask in patch_batches(cases, STILL, size=(6, 8, 8), batch=4, steps=5, seed=1):
        number = image[:, 0] - 10 * mask
        assert all(len(torch.unique(one)) == 1 for one in number)


def test_a_rare_class_is_seen_as_often_as_a_common_one(cases):
    seen = [
        set(torch.unique(mask).tolist())
        for _, mask in patch_batches(cases, STILL, size=(3, 3, 3), batch=1, steps=400, seed=2, foreground=1.0)
    ]
    rare, common = sum(2 in labels for labels in seen), sum(1 in labels for labels in seen)
    assert 140 < rare < 260
    assert 140 < common < 260


def test_a_class_that_few_cases_have_is_seen_as_often_as_one_that_all_have(tmp_path):
    store = CaseStore(tmp_path / "store")
    for number in range(20):
        mask = np.zeros((4, 8, 8), np.uint8)
        mask[:, 2:4, 2:4] = 1
        mask[1, 6, 6] = 2 if number == 7 else 0
        store.add(str(number), mask[None].astype(np.float32), mask=mask)
    cases, chance = [store[key] for key in store], generator(0, "few")
    holders = holders_of(cases)
    assert holders[2] == (7,)
    drawn = [drawn_place(cases, holders, lambda _: (1, 1, 1), chance, 1.0) for _ in range(400)]
    rare = sum(case.mask[tuple(int(at) for at in centre)] == 2 for case, centre in drawn)
    assert 140 < rare < 260


def test_of_slices_that_show_a_class_each_is_as_likely(tmp_path):
    store = CaseStore(tmp_path / "store")
    mask = np.zeros((5, 40, 40), np.uint8)
    mask[1, :2, :2], mask[2, :30, :30], mask[4, :1, :1] = 1, 1, 1
    store.add("one", mask[None].astype(np.float32), mask=mask)
    cases, chance = [store["one"]], generator(0, "slices")
    drawn = [drawn_place(cases, holders_of(cases), lambda _: (1, 9, 9), chance, 1.0)[1][0] for _ in range(600)]
    for at in (1.0, 2.0, 4.0):
        assert 140 < drawn.count(at) < 260
    assert len(set(drawn)) == 3


def test_a_patch_lies_in_its_case_where_it_fits_and_about_its_middle_where_it_does_not(cases):
    chance = generator(0, "centres")
    for case in cases:
        for _ in range(50):
            _, centre = drawn_place([case], holders_of([case]), lambda _: (12, 16, 16), chance, 0.5)
            for middle, asked, length in zip(centre, (12, 16, 16), case.size, strict=True):
                first, last = middle - (asked - 1) / 2, middle + (asked - 1) / 2
                assert first == int(first)
                assert (first >= 0 and last <= length - 1) if length >= asked else abs(middle - (length - 1) / 2) <= 1


def test_a_patch_is_what_is_cut_out_of_the_moved_whole(cases):
    pipeline = Pipeline(Augmentation((Rotate(degrees=30), Scale())))
    case = cases[0]
    shape = (1, 1, *case.size)
    drawn = pipeline.sample(torch_generator(3, "patch"), shape)
    whole = pipeline.apply(torch.from_numpy(case.values())[None], drawn)
    centre = tuple((n - 1) / 2 for n in case.size)
    part = pipeline.apply_to_patch(case.image, drawn, centre=centre, size=(10, 10, 10), palette=case.palette)
    cut = whole[:, :, 5:15, 7:17, 9:19]
    assert float((part.image - cut).abs().max()) < 1e-3


def test_no_case_and_no_mask_are_refused(cases):
    with pytest.raises(SettingsError, match="at least one case"):
        next(patch_batches([], STILL, size=(4, 4, 4), batch=1, steps=1, seed=0))
    bare = [StoredCase(np.zeros((1, 5, 5, 5), np.float32))]
    with pytest.raises(SettingsError, match="a mask in every case"):
        next(patch_batches(bare, STILL, size=(4, 4, 4), batch=1, steps=1, seed=0))


def test_a_failure_of_a_worker_is_raised_as_it_is(cases):
    broken = StoredCase(cases[0].image[:, :, :, :0], cases[0].palette, cases[0].mask)
    with pytest.raises(ValueError):
        list(patch_batches([broken], STILL, size=(4, 4, 4), batch=1, steps=2, seed=0, workers=2))
