"""Prepared cases: made once, made anew when anything that went into them changes, never half-written."""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from radcnn.core.case import Case, Source
from radcnn.core.errors import GeometryError, ReadError, StorageError
from radcnn.data import prepared
from radcnn.data.findings import finding
from radcnn.data.prepared import noticed, prepare_cases
from radcnn.data.reading import Reading
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.preparation import Preparation

PLAIN = Preparation(dims=2, size=(4, 6), intensity=Intensity("range", 0, 255))
REGION = Preparation(dims=3, size=(4, 4, 4), region_mm=(4.0, 4.0, 4.0), intensity=Intensity("keep"))


def picture(folder: Path, number: int) -> Case:
    """A picture of 4 x 6 pixels whose grey is its number."""
    path = folder / f"{number}.png"
    Image.fromarray(np.full((4, 6), number, np.uint8)).save(path)
    return Case(f"c{number}", f"p{number}", Source(path), (0.0,))


def pictures(folder: Path, count: int = 3) -> list[Case]:
    folder.mkdir(exist_ok=True)
    return [picture(folder, number) for number in range(count)]


def scan(folder: Path, name: str = "ct.nii") -> Path:
    """A volume of 1 mm voxels, each of which holds its x in millimetres (LPS)."""
    folder.mkdir(exist_ok=True)
    x = np.broadcast_to(np.arange(16, dtype=np.float32)[:, None, None], (16, 16, 16))
    nibabel.save(nibabel.Nifti1Image(x.copy(), np.diag([-1.0, -1.0, 1.0, 1.0])), folder / name)
    return folder / name


def regions(path: Path) -> list[Case]:
    return [Case(f"n{x}", "p", Source(path), (0.0,), centre_mm=(float(x), 8.0, 8.0)) for x in (4, 8, 11)]


@pytest.fixture
def reads(monkeypatch) -> Counter:
    """How often each file was read."""
    seen: Counter = Counter()
    original = prepared.read_noted

    def counted(source: Source, **options: bool):
        seen[source.path.name] += 1
        return original(source, **options)

    monkeypatch.setattr(prepared, "read_noted", counted)
    return seen


def test_each_row_is_its_case_and_nobody_can_write_to_it(tmp_path: Path) -> None:
    array = prepare_cases(pictures(tmp_path / "in"), PLAIN, tmp_path / "cache")
    assert (array.shape, array.dtype) == ((3, 1, 4, 6), np.float32)
    assert np.allclose(array, np.arange(3).reshape(3, 1, 1, 1) / 255)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_number_of_workers_changes_nothing_and_progress_ends_at_the_whole(tmp_path: Path, workers: int) -> None:
    cases = pictures(tmp_path / "in", 12)
    told: list[tuple[int, int]] = []
    array = prepare_cases(
        cases, PLAIN, tmp_path / "cache", workers=workers, told=lambda done, of: told.append((done, of))
    )
    assert np.array_equal(array, prepare_cases(cases, PLAIN, tmp_path / "other", workers=1))
    assert told == [(done, 12) for done in range(1, 13)]


def test_what_was_prepared_is_taken_again(tmp_path: Path, reads: Counter) -> None:
    cases = pictures(tmp_path / "in")
    first = prepare_cases(cases, PLAIN, tmp_path / "cache")
    renamed = [replace(case, id=f"x{case.id}", patient="other", targets=(1.0,)) for case in cases]
    again = prepare_cases(renamed, PLAIN, tmp_path / "cache")  # names and labels do not go into the pixels
    assert np.array_equal(first, again)
    assert max(reads.values()) == 1
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_grey_stored_as_colour_is_prepared_as_the_grey_it_is(tmp_path: Path) -> None:
    one, other = pictures(tmp_path / "in", 2)
    grey = np.arange(24, dtype=np.uint8).reshape(4, 6)
    Image.fromarray(grey).save(one.source.path)
    Image.fromarray(np.repeat(grey[..., None], 3, axis=-1)).save(other.source.path)
    array = prepare_cases([one, other], PLAIN, tmp_path / "cache")
    assert np.allclose(array[0], array[1], atol=1e-6)


def test_a_changed_preparation_file_order_or_selection_is_prepared_anew(tmp_path: Path, reads: Counter) -> None:
    cases = pictures(tmp_path / "in")
    cache = tmp_path / "cache"
    prepare_cases(cases, PLAIN, cache)
    wider = prepare_cases(cases, replace(PLAIN, size=(4, 8)), cache)
    assert wider.shape == (3, 1, 4, 8)
    turned = prepare_cases(cases[::-1], PLAIN, cache)
    assert turned[0, 0, 0, 0] > turned[2, 0, 0, 0]
    assert len(prepare_cases(cases[:2], PLAIN, cache)) == 2
    Image.fromarray(np.full((4, 6), 200, np.uint8)).save(cases[0].source.path)
    os.utime(cases[0].source.path, ns=(1, 1))  # as if written within the clock's resolution but at another time
    assert np.allclose(prepare_cases(cases, PLAIN, cache)[0], 200 / 255)
    assert len(list(cache.iterdir())) == 5


def test_a_moved_centre_is_prepared_anew(tmp_path: Path) -> None:
    cases = regions(scan(tmp_path / "in"))
    first = prepare_cases(cases, REGION, tmp_path / "cache")
    moved = [replace(cases[0], centre_mm=(5.0, 8.0, 8.0)), *cases[1:]]
    second = prepare_cases(moved, REGION, tmp_path / "cache")
    assert np.allclose(second[0] - first[0], 1.0)
    assert np.array_equal(second[1:], first[1:])


def test_a_file_with_several_regions_is_read_once(tmp_path: Path, reads: Counter) -> None:
    array = prepare_cases(regions(scan(tmp_path / "in")), REGION, tmp_path / "cache")
    assert reads == {"ct.nii": 1}
    assert array.mean(axis=(1, 2, 3, 4)) == pytest.approx([4, 8, 11], abs=1e-4)


def test_a_slice_added_to_a_series_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "series"
    pictures(folder)
    one = prepared._key([Case("s", "p", Source(folder), (0.0,))], PLAIN)
    picture(folder, 7)
    assert prepared._key([Case("s", "p", Source(folder), (0.0,))], PLAIN) != one


@pytest.mark.parametrize("workers", [1, 3])
def test_an_image_that_cannot_be_read_is_named_with_its_case_and_leaves_nothing(tmp_path: Path, workers: int) -> None:
    cases = pictures(tmp_path / "in", 6)
    cases[3].source.path.write_bytes(cases[3].source.path.read_bytes()[:40])
    with pytest.raises(ReadError, match=r"^case c3: .*3\.png"):
        prepare_cases(cases, PLAIN, tmp_path / "cache", workers=workers)
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_image_with_nan_is_refused_with_its_case(tmp_path: Path) -> None:
    path = scan(tmp_path / "in")
    voxels = np.zeros((16, 16, 16), np.float32)
    voxels[3, 4, 5] = np.nan
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), path)
    with pytest.raises(ReadError, match=r"^case n4: .*holds 1 NaN voxel"):
        prepare_cases(regions(path), REGION, tmp_path / "cache")


def test_a_region_outside_its_image_is_refused_with_its_case(tmp_path: Path) -> None:
    cases = regions(scan(tmp_path / "in"))
    cases[1] = replace(cases[1], centre_mm=(500.0, 8.0, 8.0))
    with pytest.raises(GeometryError, match=r"^case n8: "):
        prepare_cases(cases, REGION, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_file_that_is_gone_is_refused_with_its_case(tmp_path: Path) -> None:
    cases = pictures(tmp_path / "in")
    cases[1].source.path.unlink()
    with pytest.raises(ReadError, match=r"^case c1: 1\.png does not exist any more"):
        prepare_cases(cases, PLAIN, tmp_path / "cache")


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_too_little_space_is_said_before_anything_is_read(tmp_path: Path, monkeypatch, reads: Counter) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(StorageError, match=r"the prepared cases need 0.0 MiB but .* has 0.0 MiB free"):
        prepare_cases(pictures(tmp_path / "in"), PLAIN, tmp_path / "cache")
    assert not reads


def test_a_disk_that_fills_meanwhile_is_said_too_and_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StorageError, match="No space left on device; free some space"):
        prepare_cases(pictures(tmp_path / "in"), PLAIN, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(StorageError, match="prepared cases could not be written"):
        prepare_cases(pictures(tmp_path / "in"), PLAIN, tmp_path / "cache")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"x" * 300, b"\x80\x04]\x94."])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, content: bytes) -> None:
    cases = pictures(tmp_path / "in")
    first = np.array(prepare_cases(cases, PLAIN, tmp_path / "cache"))
    (file,) = (tmp_path / "cache").glob("*.npy")
    file.write_bytes(content)
    assert np.array_equal(prepare_cases(cases, PLAIN, tmp_path / "cache"), first)


def test_no_cases_are_an_empty_array(tmp_path: Path) -> None:
    assert prepare_cases([], PLAIN, tmp_path / "cache").shape == (0, 1, 4, 6)


def test_what_readers_noticed_is_kept_beside_the_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = finding("spacing unknown", "no spacing")
    original = prepared.read_noted
    monkeypatch.setattr(prepared, "read_noted", lambda source: Reading(original(source).volume, (said,)))
    cases = pictures(tmp_path / "in")
    prepare_cases(cases, PLAIN, tmp_path / "cache")
    monkeypatch.undo()
    assert noticed(cases, PLAIN, tmp_path / "cache") == dict.fromkeys(range(len(cases)), (said,))
    assert noticed(cases[:1], PLAIN, tmp_path / "cache") == {}
    (kept,) = (tmp_path / "cache").glob("*.json")
    kept.write_text("[1]")
    with pytest.raises(ReadError, match="delete the folder cache"):
        noticed(cases, PLAIN, tmp_path / "cache")
