"""npz files are read without unpickling anything, item by item, and refused by the array's name."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy
from numpy.typing import NDArray

from radcnn.core.errors import ReadError
from radcnn.data import npz
from radcnn.data.npz import open_npz
from radcnn.data.read import read, read_source

GENERATOR = np.random.default_rng(5)


def medmnist(path: Path, shape: tuple[int, ...] = (8, 8), *, labels: int = 1) -> dict[str, NDArray]:
    arrays: dict[str, NDArray] = {}
    for side, n in (("train", 6), ("val", 2), ("test", 3)):
        arrays[f"{side}_images"] = GENERATOR.integers(0, 255, (n, *shape)).astype(np.uint8)
        arrays[f"{side}_labels"] = GENERATOR.integers(0, 2, (n, labels)).astype(np.uint8)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    return arrays


@pytest.mark.parametrize(
    ("shape", "size", "channels"),
    [((8, 8), (8, 8), 1), ((8, 9, 3), (8, 9), 3), ((4, 5, 6), (4, 5, 6), 1), ((4, 5, 6, 3), (4, 5, 6), 3)],
)
def test_medmnist_files_are_listed_without_being_unpacked(
    tmp_path: Path, shape: tuple[int, ...], size: tuple[int, ...], channels: int
) -> None:
    arrays = medmnist(tmp_path / "set.npz", shape, labels=2)
    study = open_npz(tmp_path / "set.npz")
    assert study.sides == ("training", "tuning", "test")
    assert [stack.n for stack in study.stacks] == [6, 2, 3]
    for stack in study.stacks:
        assert (stack.size, stack.channels, stack.rank, stack.dtype) == (size, channels, len(size), "uint8")
        assert np.array_equal(study.labels(stack), arrays[stack.array.replace("images", "labels")])
        assert np.array_equal(study.images(stack), arrays[stack.array])


@pytest.mark.parametrize("shape", [(8, 8), (8, 9, 3), (4, 5, 6), (4, 5, 6, 3)])
def test_an_item_is_read_channel_first_and_without_place(tmp_path: Path, shape: tuple[int, ...]) -> None:
    arrays = medmnist(tmp_path / "set.npz", shape)
    study = open_npz(tmp_path / "set.npz")
    volume = read_source(study.source(study.stacks[2], 1))
    stored = arrays["test_images"][1]
    expected = np.moveaxis(stored, -1, 0) if shape[-1] == 3 else stored[None]
    assert np.array_equal(volume.voxels, expected)
    assert (volume.frame, volume.spacing_mm) == ("unknown", None)
    assert volume.units == ("rgb" if shape[-1] == 3 else "grey")


def test_a_stack_is_unpacked_once_and_again_after_the_file_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "set.npz"
    medmnist(path)
    calls = []
    unpack = npz.unpacked
    monkeypatch.setattr(npz, "unpacked", lambda *a: calls.append(a) or unpack(*a))
    first = [read(path, array="train_images", item=i) for i in range(6)]
    assert len(calls) == 1
    first[0].voxels[:] = 0  # each Volume is the reader's own
    assert read(path, array="train_images", item=0).voxels.any()
    arrays = medmnist(path, (9, 9))
    assert np.array_equal(read(path, array="train_images", item=2).voxels[0], arrays["train_images"][2])


def test_a_plain_stack_and_a_single_image_are_read_too(tmp_path: Path) -> None:
    stack = GENERATOR.normal(size=(3, 4, 5)).astype(np.float32)
    np.savez(tmp_path / "stack.npz", images=stack)
    assert open_npz(tmp_path / "stack.npz").stacks[0].side is None
    assert np.array_equal(read(tmp_path / "stack.npz", item=2).voxels[0], stack[2])
    np.savez(tmp_path / "one.npz", image=stack, label=stack > 0)
    volume = read(tmp_path / "one.npz")
    assert (volume.rank, volume.units) == (3, "arbitrary")
    assert np.array_equal(volume.voxels[0], stack)
    mask = read(tmp_path / "one.npz", array="label")
    assert mask.voxels.dtype == np.uint8


def test_what_is_not_said_or_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    medmnist(path)
    with pytest.raises(
        ReadError, match=r"set\.npz does not say which of its arrays is the image: it holds test_images"
    ):
        read(path)
    with pytest.raises(ReadError, match=r"no array 'trian_images'; did you mean train_images\?"):
        read(path, array="trian_images", item=0)
    for item in (6, -1):
        with pytest.raises(ReadError, match=f"train_images of set.npz holds 6 images; say which, got {item}"):
            read(path, array="train_images", item=item)
    with pytest.raises(ReadError, match="say which, none was named"):
        read(path, array="train_images")
    np.savez(tmp_path / "bare.npz", test_images=np.zeros((2, 4, 4), np.uint8), other=np.zeros(3))
    study = open_npz(tmp_path / "bare.npz")
    with pytest.raises(ReadError, match=r"bare\.npz has test_images but no test_labels"):
        study.labels(study.stacks[0])
    np.savez(tmp_path / "none.npz", other=np.zeros(3))
    with pytest.raises(ReadError, match=r"none\.npz holds no stack of images.*found were other"):
        open_npz(tmp_path / "none.npz")


def test_labels_must_fit_their_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", test_images=np.zeros((2, 4, 4), np.uint8), test_labels=np.zeros(3))
    study = open_npz(tmp_path / "a.npz")
    with pytest.raises(ReadError, match=r"test_labels of a\.npz must be \(2, k\)"):
        study.labels(study.stacks[0])


def test_python_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", test_images=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ReadError, match=r"array test_images of a\.npz holds Python objects, which are never read"):
        open_npz(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", image=np.array([["a"]]))
    with pytest.raises(ReadError, match=r"array image of b\.npz holds <U1 values"):
        read(tmp_path / "b.npz")


@pytest.mark.parametrize("kind", ["<U8", "S8", "datetime64[D]", object])
def test_arrays_that_are_not_used_may_hold_anything_and_are_never_unpacked(tmp_path: Path, kind: object) -> None:
    arrays = medmnist(tmp_path / "set.npz")
    extra = np.array(["2020-01-01"] * 3).astype(kind)  # type: ignore[call-overload]
    np.savez(tmp_path / "set.npz", **arrays, ids=extra)  # type: ignore[arg-type]
    study = open_npz(tmp_path / "set.npz")
    assert np.array_equal(study.labels(study.stacks[0]), arrays["train_labels"])
    assert np.array_equal(read_source(study.source(study.stacks[2], 1)).voxels[0], arrays["test_images"][1])
    with pytest.raises(ReadError, match=r"array ids of set\.npz holds .*, which are never read; save plain numbers"):
        read(tmp_path / "set.npz", array="ids")
    np.savez(tmp_path / "set.npz", **{**arrays, "val_labels": extra})  # type: ignore[arg-type]
    with pytest.raises(ReadError, match=r"array val_labels of set\.npz holds .*, which are never read"):
        open_npz(tmp_path / "set.npz")


def test_an_array_that_lies_about_its_size_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    def lying(path: Path, shape: tuple[int, ...]) -> Path:
        with zipfile.ZipFile(path, "w") as archive, archive.open("images.npy", "w") as file:
            npy.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
            file.write(b"\0" * 64)
        return path

    with pytest.raises(ReadError, match=r"array images of huge\.npz unpacks to .* GiB"):
        open_npz(lying(tmp_path / "huge.npz", (100_000, 1000, 1000)))
    with pytest.raises(ReadError, match=r"array images of short\.npz is damaged: 128 bytes announced, 64 stored"):
        open_npz(lying(tmp_path / "short.npz", (4, 2, 2)))


def test_a_zip_archive_of_something_else_and_a_cut_one_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("letter.txt", "hello")
    with pytest.raises(ReadError, match=r"a\.npz is a zip archive but not an npz file"):
        read(tmp_path / "a.npz")
    medmnist(tmp_path / "b.npz")
    content = (tmp_path / "b.npz").read_bytes()
    (tmp_path / "b.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(ReadError, match=r"b\.npz is damaged or truncated"):
        read(tmp_path / "b.npz", array="test_images", item=0)


def test_an_item_with_nan_is_refused_and_can_be_asked_for(tmp_path: Path) -> None:
    images = np.zeros((2, 3, 4), np.float32)
    images[1, :, 0] = np.nan
    images[1, 0, 1] = np.inf
    np.savez(tmp_path / "a.npz", images=images)
    assert read(tmp_path / "a.npz", item=0).rank == 2
    sentence = r"item 1 of images in a\.npz holds 3 NaN and 1 infinite voxels of 12; replace them"
    with pytest.raises(ReadError, match=sentence):
        read(tmp_path / "a.npz", item=1)
    assert np.isnan(read(tmp_path / "a.npz", item=1, allow_nonfinite=True).voxels).sum() == 3


def test_a_big_endian_array_is_read_in_native_order(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=np.arange(6, dtype=">u2").reshape(2, 3))
    voxels = read(tmp_path / "a.npz").voxels
    assert voxels.dtype.isnative
    assert voxels.ravel().tolist() == list(range(6))
