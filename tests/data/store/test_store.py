"""The store gives back what was written, goes on where it was stopped, and names what is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from radcnn.core.errors import ReadError, StorageError
from radcnn.data.store import CaseStore, class_places
from radcnn.data.store.codes import coded, decoded
from radcnn.data.store.store import INDEX, VOXELS

RNG = np.random.default_rng(4)


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
def test_every_value_comes_back_bit_for_bit(image, kind):
    codes, palette = coded(image)
    assert codes.dtype == kind
    assert np.array_equal(decoded(codes, palette).view(np.uint32), image.view(np.uint32))
    assert codes.nbytes + (0 if palette is None else palette.nbytes) <= image.nbytes


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


def test_a_build_that_was_stopped_goes_on(tmp_path: Path) -> None:
    store = CaseStore(tmp_path)
    store.add("a", np.ones((1, 5, 5), np.float32))
    store.add("b", np.full((1, 5, 5), 2, np.float32))
    index = (tmp_path / INDEX).read_text()
    (tmp_path / INDEX).write_text(index[:-30])  # as if the process had ended within the second line
    again = CaseStore(tmp_path)
    assert "a" in again
    assert "b" not in again
    again.add("c", np.full((1, 5, 5), 3, np.float32))
    whole = CaseStore(tmp_path)
    assert [float(whole[key].values()[0, 0, 0]) for key in whole] == [1, 3]
    assert all(json.loads(line) for line in (tmp_path / INDEX).read_text().splitlines())


def test_a_replaced_case_is_the_new_one(tmp_path: Path) -> None:
    store = CaseStore(tmp_path)
    store.add("a", np.ones((1, 5, 5), np.float32))
    store.add("a", np.full((1, 3, 4), 7, np.float32))
    assert CaseStore(tmp_path)["a"].size == (3, 4)
    assert len(CaseStore(tmp_path)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "no json",
        '{"key": "a", "arrays": {"image": [0, "object", [1, 2, 2]]}}',
        '{"key": "a", "affine": null, "arrays": {"image": [0, "float32", [1, 99999, 99]]}}',
    ],
)
def test_a_damaged_index_is_refused_by_name(tmp_path: Path, line: str) -> None:
    folder = tmp_path / "store"
    CaseStore(folder).add("a", np.ones((1, 5, 5), np.float32))
    with (folder / INDEX).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ReadError, match="store store is damaged"):
        CaseStore(folder)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be written"):
        CaseStore(tmp_path / "file").add("a", np.ones((1, 5, 5), np.float32))


def test_of_a_large_class_some_places_are_kept_the_same_ones_each_time() -> None:
    mask = np.zeros((60, 60), np.uint8)
    mask[10:50, 10:50] = 1
    mask[0, :3] = 9
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
