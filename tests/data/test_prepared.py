"""Prepared cases: each made once, made anew when anything that went into it changes, never half-written."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from radcnn.core.case import Case, Source
from radcnn.core.errors import GeometryError, ReadError, StorageError
from radcnn.data.findings import finding
from radcnn.data.prepared import building
from radcnn.data.prepared import cases as prepared_cases
from radcnn.data.prepared.building import noticed, prepare_cases, ready
from radcnn.data.prepared.cases import of_rows
from radcnn.data.prepared.keys import folder_of, keys_of
from radcnn.data.reading import Reading
from radcnn.data.store import codes, store
from radcnn.data.store.index import LINE
from radcnn.data.store.locks import BUILDING, hold
from radcnn.data.store.store import INDEX, VOXELS
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
    original = building.read_noted

    def counted(source: Source, **options: bool):
        seen[source.path.name] += 1
        return original(source, **options)

    monkeypatch.setattr(building, "read_noted", counted)
    return seen


def test_each_row_is_its_case_as_an_array_would_give_it(tmp_path: Path) -> None:
    images = prepare_cases(pictures(tmp_path / "in", 5), PLAIN, tmp_path / "cache")
    assert (images.shape, len(images), images.ndim, images.dtype) == ((5, 1, 4, 6), 5, 4, np.float32)
    assert images.nbytes == 4 * 5 * 24
    array = np.asarray(images)
    assert np.allclose(array, np.arange(5).reshape(5, 1, 1, 1) / 255)
    for rows in (
        2,
        -1,
        np.int64(3),
        slice(1, 4),
        slice(None, None, -2),
        [4, 0, 0],
        np.array([1, 3]),
        array[:, 0, 0, 0] > 0,
    ):
        assert np.array_equal(images[rows], array[rows])
    assert np.array_equal(images.of(np.array([3, 1]))[:], array[[3, 1]])
    assert np.array_equal(of_rows(images, np.array([3, 1]))[1:], of_rows(array, np.array([3, 1]))[1:])
    with pytest.raises(IndexError):
        images[5]
    images[0][:] = 9  # a copy: nobody can write to what is prepared
    assert np.array_equal(images[:], array)


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
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [folder_of(PLAIN, tmp_path).name]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("kind", ["whole range", "window", "few", "16 bits", "values", "mixed"])
def test_every_kind_of_codes_gives_the_values_that_went_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, compiled: bool
) -> None:
    for module in (codes, prepared_cases):
        monkeypatch.setattr(module, "worth_compiling", lambda seconds: compiled)
    chance = np.random.default_rng(0)
    bytes_ = chance.integers(0, 256, (24, 1, 80, 80)).astype(np.float32)
    made = {
        "whole range": bytes_ * np.float32(1 / 255),
        "window": np.clip((bytes_ - np.float32(31.7)) * np.float32(1 / 143.3), 0, 1),
        "few": np.minimum(bytes_, 9) * np.float32(0.7) - 3,
        "16 bits": chance.integers(0, 1500, bytes_.shape).astype(np.float32),
        "values": bytes_ + chance.random(bytes_.shape, np.float32),
    }
    made["mixed"] = np.concatenate([images[:5] for images in made.values()])
    images = made[kind]
    written = store.CaseStore(tmp_path)
    with written.grouped():
        for row, image in enumerate(images):
            written.add(str(row), image)
    assert written.size < {"values": 1.01, "16 bits": 0.8, "mixed": 0.7}.get(kind, 0.32) * images.nbytes
    cases = prepared_cases.PreparedCases(written.mapped(), written.lines, images.shape)
    rows = chance.permutation(len(images))
    assert np.array_equal(cases[rows].view(np.uint32), images[rows].view(np.uint32))
    assert {bool(linear) for linear in written.lines["linear"]} >= {kind in ("whole range", "mixed")}


def test_grey_stored_as_colour_is_prepared_as_the_grey_it_is(tmp_path: Path) -> None:
    one, other = pictures(tmp_path / "in", 2)
    grey = np.arange(24, dtype=np.uint8).reshape(4, 6)
    Image.fromarray(grey).save(one.source.path)
    Image.fromarray(np.repeat(grey[..., None], 3, axis=-1)).save(other.source.path)
    array = prepare_cases([one, other], PLAIN, tmp_path / "cache")
    assert np.allclose(array[0], array[1], atol=1e-6)


def test_only_what_was_added_or_changed_is_read_again(tmp_path: Path, reads: Counter) -> None:
    cases = pictures(tmp_path / "in", 6)
    cache = tmp_path / "cache"
    prepare_cases(cases[:4], PLAIN, cache)
    assert set(reads) == {"0.png", "1.png", "2.png", "3.png"}
    reads.clear()
    turned = prepare_cases(cases[3::-1], PLAIN, cache)
    assert turned[0][0, 0, 0] > turned[3][0, 0, 0]
    assert len(prepare_cases(cases[:2], PLAIN, cache)) == 2
    assert not reads, "another order, or fewer cases"
    told: list[tuple[int, int]] = []
    whole = prepare_cases(cases, PLAIN, cache, told=lambda done, of: told.append((done, of)))
    assert reads == {"4.png": 1, "5.png": 1}
    assert told == [(5, 6), (6, 6)]
    reads.clear()
    Image.fromarray(np.full((4, 6), 200, np.uint8)).save(cases[0].source.path)
    os.utime(cases[0].source.path, ns=(1, 1))  # as if written within the clock's resolution but at another time
    changed = prepare_cases(cases, PLAIN, cache)
    assert reads == {"0.png": 1}
    assert np.allclose(changed[0], 200 / 255)
    assert np.allclose(whole[0], 0), "whoever has the old ones keeps them"
    assert np.array_equal(changed[1:], whole[1:])
    assert len(list(cache.iterdir())) == 1


def test_each_preparation_has_a_store_of_its_own(tmp_path: Path) -> None:
    cases = pictures(tmp_path / "in")
    prepare_cases(cases, PLAIN, tmp_path / "cache")
    wider = prepare_cases(cases, replace(PLAIN, size=(4, 8)), tmp_path / "cache")
    assert wider.shape == (3, 1, 4, 8)
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_a_moved_centre_is_prepared_anew(tmp_path: Path) -> None:
    cases = regions(scan(tmp_path / "in"))
    first = prepare_cases(cases, REGION, tmp_path / "cache")
    moved = [replace(cases[0], centre_mm=(5.0, 8.0, 8.0)), *cases[1:]]
    second = prepare_cases(moved, REGION, tmp_path / "cache")
    assert np.allclose(second[0] - first[0], 1.0)
    assert np.array_equal(second[1:], first[1:])
    assert (second.digests[1:] == first.digests[1:]).all()


def test_a_file_with_several_regions_is_read_once(tmp_path: Path, reads: Counter) -> None:
    array = prepare_cases(regions(scan(tmp_path / "in")), REGION, tmp_path / "cache")
    assert reads == {"ct.nii": 1}
    assert np.asarray(array).mean(axis=(1, 2, 3, 4)) == pytest.approx([4, 8, 11], abs=1e-4)


def test_a_slice_added_to_a_series_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "series"
    pictures(folder)
    one = keys_of([Case("s", "p", Source(folder), (0.0,))])
    picture(folder, 7)
    assert keys_of([Case("s", "p", Source(folder), (0.0,))]) != one


@pytest.mark.parametrize("workers", [1, 3])
def test_an_image_that_cannot_be_read_is_named_with_its_case_and_the_others_stay(
    tmp_path: Path, workers: int, reads: Counter
) -> None:
    cases = pictures(tmp_path / "in", 6)
    good = cases[3].source.path.read_bytes()
    cases[3].source.path.write_bytes(good[:40])
    with pytest.raises(ReadError, match=r"^case c3: .*3\.png"):
        prepare_cases(cases, PLAIN, tmp_path / "cache", workers=workers)
    cases[3].source.path.write_bytes(good)
    reads.clear()
    assert np.allclose(prepare_cases(cases, PLAIN, tmp_path / "cache")[3], 3 / 255)
    assert reads["3.png"] == 1
    assert not {"0.png", "1.png", "2.png"} & set(reads)


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


def test_a_file_that_is_gone_is_refused_with_its_case(tmp_path: Path) -> None:
    cases = pictures(tmp_path / "in")
    cases[1].source.path.unlink()
    with pytest.raises(ReadError, match=r"^case c1: 1\.png does not exist any more"):
        prepare_cases(cases, PLAIN, tmp_path / "cache")


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_too_little_space_is_said_before_anything_is_read(tmp_path: Path, monkeypatch, reads: Counter) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=50)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(StorageError, match=r"the prepared cases need at least 0.0 MiB but .* has 0.0 MiB free"):
        prepare_cases(pictures(tmp_path / "in"), PLAIN, tmp_path / "cache")
    assert not reads


def test_a_disk_that_fills_meanwhile_is_said_too_and_leaves_no_voxels(tmp_path: Path, monkeypatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", full)
        with pytest.raises(StorageError, match="No space left on device; free some space"):
            prepare_cases(pictures(tmp_path / "in"), PLAIN, tmp_path / "cache")
    assert (folder_of(PLAIN, tmp_path / "cache") / VOXELS).stat().st_size == 0
    assert len(prepare_cases(pictures(tmp_path / "in"), PLAIN, tmp_path / "cache")) == 3


def test_a_disk_that_will_not_do_is_said_as_soon_as_it_is_known(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(store, "GROUP_SECONDS", 0.0)  # each case is written at once
    usage = shutil.disk_usage(tmp_path)._replace(free=500)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(StorageError, match=r"the prepared cases need about 0.0 MiB more but"):
        prepare_cases(pictures(tmp_path / "in", 12), PLAIN, tmp_path / "cache", workers=1)


def test_a_cache_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(StorageError, match="prepared cases could not be written"):
        prepare_cases(pictures(tmp_path / "in"), PLAIN, tmp_path / "cache")


@pytest.mark.parametrize(("file", "content"), [(INDEX, b"x" * 300), (VOXELS, b""), (VOXELS, b"\x80\x04]\x94.")])
def test_a_damaged_store_is_made_anew_and_said(tmp_path: Path, file: str, content: bytes, reads: Counter) -> None:
    cases = pictures(tmp_path / "in")
    first = prepare_cases(cases, PLAIN, tmp_path / "cache")
    values = first[:]
    broken = folder_of(PLAIN, tmp_path / "cache") / file
    broken.unlink()
    broken.write_bytes(content)
    said: list[str] = []
    assert ready(cases, PLAIN, tmp_path / "cache").bytes == 0
    assert np.array_equal(prepare_cases(cases, PLAIN, tmp_path / "cache", said=said.append)[:], values)
    assert [sentence.partition(" in ")[0] for sentence in said] == ["the prepared cases"]
    assert "are damaged; all are prepared again" in said[0]
    assert set(reads.values()) == {2}
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_of_many_cases_some_are_looked_for_and_all_where_one_of_them_is_missing(tmp_path: Path, monkeypatch) -> None:
    cases = pictures(tmp_path / "in", 24)
    prepare_cases(cases, PLAIN, tmp_path / "cache", workers=1)  # one thread, one palette
    counted = ready(cases, PLAIN, tmp_path / "cache")
    monkeypatch.setattr(building, "MANY", 20)
    monkeypatch.setattr(building, "PICKED", 6)
    guessed = ready(cases, PLAIN, tmp_path / "cache")
    assert guessed.cases == counted.cases == 24
    assert guessed.bytes == pytest.approx(counted.bytes, rel=0.1)
    os.utime(cases[8].source.path, (1, 1))
    assert ready(cases, PLAIN, tmp_path / "cache").cases == 23


def test_what_is_ready_is_counted_for_the_cases_that_are_asked_for(tmp_path: Path) -> None:
    cases = pictures(tmp_path / "in", 6)
    assert ready(cases, PLAIN, tmp_path / "cache").bytes == 0
    prepare_cases(cases[:4], PLAIN, tmp_path / "cache", workers=1)  # each thread has a palette
    of_four = ready(cases, PLAIN, tmp_path / "cache").bytes
    assert 4 * (24 + LINE.itemsize) < of_four <= 4 * (4 * 24 + LINE.itemsize) + 1024
    assert of_four > ready(cases[2:], PLAIN, tmp_path / "cache").bytes > 0
    assert ready([], PLAIN, tmp_path / "cache").bytes == 0


def test_no_cases_are_an_empty_array(tmp_path: Path) -> None:
    assert prepare_cases([], PLAIN, tmp_path / "cache").shape == (0, 1, 4, 6)


def test_what_readers_noticed_is_kept_beside_the_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = finding("spacing unknown", "no spacing")
    original = building.read_noted
    monkeypatch.setattr(building, "read_noted", lambda source: Reading(original(source).volume, (said,)))
    cases = pictures(tmp_path / "in")
    prepare_cases(cases, PLAIN, tmp_path / "cache")
    monkeypatch.undo()
    assert noticed(cases, PLAIN, tmp_path / "cache") == dict.fromkeys(range(len(cases)), (said,))
    assert noticed(cases[:1], PLAIN, tmp_path / "cache") == {0: (said,)}
    assert noticed(cases, REGION, tmp_path / "cache") == {}
    (folder_of(PLAIN, tmp_path / "cache") / INDEX).write_bytes(b"x" * 300)
    with pytest.raises(ReadError, match="delete the folder"):
        noticed(cases, PLAIN, tmp_path / "cache")


BUILD = """
import sys, time
from pathlib import Path
from radcnn.core.case import Case, Source
from radcnn.data.prepared import building, cases as prepared_cases
from radcnn.data.store import codes, store
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.preparation import Preparation
def tell(line):
    sys.stdout.write(line + chr(10))
    sys.stdout.flush()
store.GROUP_SECONDS = 0.05
original = building.read_noted
def slow(source):
    time.sleep(0.02)
    while source.path.name == "30.png" and not Path(sys.argv[3]).exists():
        time.sleep(0.02)
    tell("read " + source.path.name)
    return original(source)
building.read_noted = slow
plain = Preparation(dims=2, size=(4, 6), intensity=Intensity("range", 0, 255))
files = sorted(Path(sys.argv[1]).iterdir(), key=lambda path: int(path.stem))
cases = [Case(path.stem, "p", Source(path), (0.0,)) for path in files]
images = building.prepare_cases(cases, plain, Path(sys.argv[2]), said=tell)
tell(str(float(images[:].sum())))
"""


def preparing(tmp_path: Path) -> subprocess.Popen[str]:
    """Another process that prepares the pictures, 0.02 s each, and number 30 only when it may."""
    command = [sys.executable, "-c", BUILD, str(tmp_path / "in"), str(tmp_path / "cache"), str(tmp_path / "go on")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def lines_until(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline() for _ in range(count)]


def test_a_build_that_was_killed_goes_on_where_it_stopped(tmp_path: Path, reads: Counter) -> None:
    cases = pictures(tmp_path / "in", 60)
    with preparing(tmp_path) as process:
        seen = lines_until(process, 30)
        process.kill()
    assert all(line.startswith("read ") for line in seen)
    folder = folder_of(PLAIN, tmp_path / "cache")
    with (folder / INDEX).open("ab") as index, (folder / VOXELS).open("ab") as voxels:
        index.write(bytes(200))  # and in the middle of writing
        voxels.write(b"half of an image")
    again = prepare_cases(cases, PLAIN, tmp_path / "cache")
    assert 0 < len(reads) < 50, "most of the thirty were kept"
    whole = prepare_cases(cases, PLAIN, tmp_path / "fresh")
    assert np.array_equal(again[:], whole[:])
    assert np.array_equal(again.digests, whole.digests)


def test_two_processes_at_once_prepare_every_case_once(tmp_path: Path) -> None:
    pictures(tmp_path / "in", 40)
    with preparing(tmp_path) as first:
        begun = lines_until(first, 1)
        with preparing(tmp_path) as second:
            waiting = lines_until(second, 1)
            (tmp_path / "go on").touch()
            earlier, later = ([*begun, *first.communicate()[0].splitlines()], second.communicate()[0].splitlines())
    assert (first.returncode, second.returncode) == (0, 0)
    assert "waiting until it is done" in waiting[0]
    assert earlier[-1] == later[-1], "the same images"
    assert sorted(line.strip() for line in earlier if line.startswith("read")) == sorted(
        f"read {i}.png" for i in range(40)
    )
    assert len(later) == 1


def test_a_lock_ends_with_its_process_and_not_before(tmp_path: Path) -> None:
    pictures(tmp_path / "in", 40)
    lock = folder_of(PLAIN, tmp_path / "cache") / BUILDING
    with preparing(tmp_path) as process:
        lines_until(process, 1)
        assert hold(lock, alone=True) is None
        process.kill()
    assert hold(lock, alone=True) is not None


def test_a_cache_that_may_only_be_read_is_read(tmp_path: Path) -> None:
    cases = pictures(tmp_path / "in")
    first = prepare_cases(cases, PLAIN, tmp_path / "cache")
    folder = folder_of(PLAIN, tmp_path / "cache")
    (folder / "used.lock").unlink()
    folder.chmod(0o555)
    try:
        assert np.array_equal(prepare_cases(cases, PLAIN, tmp_path / "cache")[:], first[:])
    finally:
        folder.chmod(0o755)
