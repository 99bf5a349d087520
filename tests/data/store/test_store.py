"""The store gives back what was written, goes on where it was stopped, and names what is damaged."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from radcnn.core.errors import ReadError, StorageError
from radcnn.data.store import CaseStore, class_places
from radcnn.data.store import codes as coding
from radcnn.data.store.codes import Coder, decoded
from radcnn.data.store.index import HEADER, LINE, Line
from radcnn.data.store.places import UNLABELLED
from radcnn.data.store.store import INDEX, VOXELS

RNG = np.random.default_rng(4)


@pytest.fixture(params=[True, False], ids=["compiled", "sorted"])
def compiled(request, monkeypatch) -> bool:
    """Both ways to find the values of an image."""
    monkeypatch.setattr(coding, "worth_compiling", lambda seconds: request.param)
    return bool(request.param)


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (RNG.integers(0, 256, (1, 40, 50)).astype(np.float32) / 255, np.uint8),
        (RNG.integers(-1024, 3000, (1, 30, 40, 50)).astype(np.float32), np.uint16),
        (RNG.normal(size=(2, 30, 40, 50)).astype(np.float32), np.float32),
        (np.zeros((1, 3, 3), np.float32), np.uint8),
        (np.arange(9, dtype=np.float32).reshape(1, 3, 3), np.float32),  # nothing would be gained
        (np.where(RNG.random((1, 64, 64)) < 0.5, -0.0, 0.0).astype(np.float32), np.uint8),
        (np.full((1, 64, 64), np.nan, np.float32), np.float32),
        (np.where(RNG.random((1, 64, 64)) < 0.1, np.inf, 1.0).astype(np.float32), np.uint8),
    ],
)
def test_every_value_comes_back_bit_for_bit(image, kind, compiled):
    codes, palette, *_ = Coder().coded(image)
    assert codes.dtype == kind
    assert np.array_equal(decoded(codes, palette).view(np.uint32), image.view(np.uint32))
    assert codes.nbytes + (0 if palette is None else palette.nbytes) <= image.nbytes


@pytest.mark.parametrize(
    ("low", "high", "step", "kind"),
    [(-1024, 400, 1.0, np.uint16), (-70, 130, 1.0, np.uint8), (-3, 90, 0.5, np.uint8), (0, 40, 0.25, np.uint8)],
)
def test_a_large_image_of_even_steps_has_an_even_palette(low, high, step, kind):
    image = RNG.integers(low, high, (1, 80, 70, 60)).astype(np.float32) * np.float32(step)
    image[image == 20 * step] = 21 * step  # a value that is not met leaves no gap
    coder = Coder()
    for _ in range(2):  # the second one knows the first
        codes, palette, *_ = coder.coded(image)
        assert codes.dtype == kind
        assert palette is not None
        assert len(np.unique(np.diff(palette))) == 1
        assert np.array_equal(decoded(codes, palette).view(np.uint32), image.view(np.uint32))


@pytest.mark.parametrize(
    "values",
    [
        np.array([-1.0, -0.0, 1.0]),
        np.array([-0.0, 0.0, 1.0]),
        np.array([-np.inf, 0.0, 1.0]),
        np.array([0.1, 0.2, 0.3, 0.7]),
        np.array([1e-38, 1.0, 1e38]),
        np.array([5.0]),
    ],
)
@pytest.mark.parametrize("count", [1, 300])
def test_a_large_image_of_any_few_values_comes_back_bit_for_bit(values, count):
    values = np.concatenate([values / (1 + i / 7) for i in range(count)])
    image = RNG.choice(values.astype(np.float32), (1, 80, 70, 60))
    codes, palette, *_ = Coder().coded(image)
    assert codes.itemsize < 4
    assert np.array_equal(decoded(codes, palette).view(np.uint32), image.view(np.uint32))


def test_a_case_comes_back_with_its_mask_places_affine_and_note(tmp_path: Path) -> None:
    image = RNG.integers(0, 90, (1, 7, 8, 9)).astype(np.float32)
    mask = (image[0] > 60).astype(np.uint8) * 3
    store = CaseStore(tmp_path / "store")
    store.add("one", image, mask=mask, affine=np.diag([1.0, 2.0, 3.0, 1.0]), noted=["tilted"])
    store.add("two", -image)
    for opened in (store, CaseStore(tmp_path / "store")):
        case = opened["one"]
        assert np.array_equal(case.values(), image)
        assert case.mask is not None
        assert np.array_equal(case.mask, mask)
        assert np.array_equal(case.places[3], np.flatnonzero(mask))
        assert case.affine is not None
        assert case.affine[1, 1] == 2.0
        assert opened.noted("one") == ["tilted"]
        assert opened["two"].affine is None
        assert list(opened) == ["one", "two"]
        with pytest.raises(ValueError, match="read-only"):
            case.image[0] = 1


def test_pictures_that_are_mapped_alike_share_a_palette(tmp_path: Path, compiled: bool) -> None:
    pictures = [RNG.integers(0, 256, (1, 30, 30)).astype(np.float32) / 255 for _ in range(30)]
    pictures += [picture * 0.9 for picture in pictures]  # a palette of its own, in its turn
    store = CaseStore(tmp_path)
    with store.grouped():
        for number, picture in enumerate(pictures):
            store.add(str(number), picture)
    palettes = {int(at) for at in store.lines["palette_at"]}
    assert len(palettes) < 12
    for number, picture in enumerate(pictures):
        assert np.array_equal(store[str(number)].values(), picture)


def test_what_a_killed_process_left_is_written_over(tmp_path: Path) -> None:
    store = CaseStore(tmp_path)
    store.add("a", np.ones((1, 5, 5), np.float32))
    store.add("b", np.full((1, 5, 5), 2, np.float32))
    index = (tmp_path / INDEX).read_bytes()
    for left in (index[:-30], index[:-1] + b"x", index[:-128] + bytes(300)):
        (tmp_path / INDEX).write_bytes(left)
        again = CaseStore(tmp_path)
        assert list(again) == ["a"]
        again.add("c", np.full((1, 5, 5), 3, np.float32))
        whole = CaseStore(tmp_path)
        assert [float(whole[key].values()[0, 0, 0]) for key in whole] == [1, 3]
        assert (tmp_path / INDEX).stat().st_size == 3 * LINE.itemsize
    (tmp_path / INDEX).write_bytes(HEADER[:50])
    assert len(CaseStore(tmp_path)) == 0


def test_cases_of_a_group_are_there_when_it_ends_from_any_number_of_threads(tmp_path: Path) -> None:
    images = {f"k{i}": RNG.integers(0, 40 + i, (1, 12, 12)).astype(np.float32) for i in range(300)}
    store = CaseStore(tmp_path)
    with store.grouped():
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: store.add(key, images[key]), images))
        assert len(CaseStore(tmp_path)) == 0
    for opened in (store, CaseStore(tmp_path)):
        assert sorted(opened) == sorted(images)
        for key, image in images.items():
            assert np.array_equal(opened[key].values(), image)


def test_a_write_that_fails_is_taken_back_and_the_next_one_succeeds(tmp_path: Path, monkeypatch) -> None:
    store = CaseStore(tmp_path)
    image = RNG.integers(0, 9, (1, 12, 12)).astype(np.float32)
    store.add("a", image)
    size = (tmp_path / VOXELS).stat().st_size
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", full)
        with pytest.raises(StorageError, match="No space left on device; free some space"):
            store.add("b", image * 1.7)
    assert (tmp_path / VOXELS).stat().st_size == size
    store.add("c", image * 1.7)
    for opened in (store, CaseStore(tmp_path)):
        assert list(opened) == ["a", "c"]
        assert np.array_equal(opened["c"].values(), image * np.float32(1.7))


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_replaced_case_is_the_new_one(tmp_path: Path) -> None:
    store = CaseStore(tmp_path)
    store.add("a", np.ones((1, 5, 5), np.float32))
    store.add("a", np.full((1, 3, 4), 7, np.float32))
    assert CaseStore(tmp_path)["a"].size == (3, 4)
    assert len(CaseStore(tmp_path)) == 1


def lines_of(*changes: dict[str, object]) -> bytes:
    """Lines of an index whose voxels are 64 float32 of 1, each changed."""
    lines = []
    for change in changes:
        said = {"key": "a", "digest": bytes(32), "image_at": 0, "code_bytes": 0, "shape": (1, 4, 4)} | change
        lines.append(Line(**said).packed())
    return HEADER + b"".join(lines)


@pytest.mark.parametrize(
    "index",
    [
        b"no header of ours".ljust(256),
        lines_of({}, {}).replace(b"a", b"b", 1),  # one digit of a line before the last
        lines_of({"shape": (1, 99999, 99)}),
        lines_of({"shape": (2**32 - 1,) * 4}),
        lines_of({"image_at": 2**63}),
        lines_of({"image_at": 2}),
        lines_of({"code_bytes": 1}),
        lines_of({"palette_at": 4, "palette_count": 3}),
        lines_of({"code_bytes": 1, "palette_at": 250, "palette_count": 3}),
        lines_of({"more_at": 250, "more_bytes": 2**31}),
    ],
)
def test_a_damaged_index_is_refused_by_name(tmp_path: Path, index: bytes) -> None:
    folder = tmp_path / "store"
    CaseStore(folder).add("a", np.arange(64, dtype=np.float32).reshape(1, 8, 8))
    (folder / INDEX).write_bytes(index)
    with pytest.raises(ReadError, match="store store is damaged"):
        CaseStore(folder)


def test_voxels_that_are_gone_are_refused_by_name(tmp_path: Path) -> None:
    CaseStore(tmp_path / "store").add("a", np.ones((1, 5, 5), np.float32))
    (tmp_path / "store" / VOXELS).write_bytes(b"")
    with pytest.raises(ReadError, match="store store is damaged"):
        CaseStore(tmp_path / "store")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be written"):
        CaseStore(tmp_path / "file").add("a", np.ones((1, 5, 5), np.float32))


def test_of_a_large_class_some_places_are_kept_the_same_ones_each_time() -> None:
    mask = np.zeros((60, 60), np.uint8)
    mask[10:50, 10:50] = 1
    mask[0, :3] = 9
    mask[50:] = UNLABELLED
    places = class_places(mask, most=100)
    assert {label: len(found) for label, found in places.items()} == {1: 100, 9: 3}
    assert (mask.reshape(-1)[places[1]] == 1).all()
    assert np.array_equal(places[1], class_places(mask, most=100)[1])
    assert len(np.unique(places[1])) == 100


def test_voxels_are_read_in_place(tmp_path: Path) -> None:
    store = CaseStore(tmp_path)
    store.add("a", RNG.normal(size=(1, 32, 32, 32)).astype(np.float32))
    base = store["a"].image
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    assert not isinstance(base, np.ndarray), "the array is a view of the mapped file, not a copy"
    assert (tmp_path / VOXELS).stat().st_size == 4 * 32**3
