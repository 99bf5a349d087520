"""What a file is, its bytes decide; folders are listed item by item; warnings stay away from the user's filters."""

from __future__ import annotations

import gzip
import logging
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radcnn.core.errors import InputError, ReadError
from radcnn.data.quiet import quiet
from radcnn.data.read import list_images, read
from written_dicom import write_stack, written

PIXELS = np.arange(12, dtype=np.uint8).reshape(3, 4)


def test_the_ending_is_only_a_hint(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    for name in ("a.dcm", "a.jpg", "a.npz", "a", "a.nii.gz"):
        (tmp_path / name).write_bytes((tmp_path / "a.png").read_bytes())
        assert np.array_equal(read(tmp_path / name).voxels[0], PIXELS)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("letter.dcm", b"Dear colleague,\n", r"letter\.dcm is named like a DICOM file but holds text; give the image"),
        ("brief.dcm", "Grüße aus Köln".encode(), r"brief\.dcm is named like a DICOM file but holds text"),
        ("old.dcm", bytes(range(256)) * 4, r"old\.dcm is named like a DICOM file but lacks DICOM's preamble"),
        ("empty.png", b"", r"empty\.png is empty \(0 bytes\); copy it again"),
        ("a.png", b"\0" * 400, r"a\.png is named like a PNG file but holds something else"),
        ("a.xyz", b"\0" * 400, r"a\.xyz holds something else, no image that can be read; readable are PNG, JPEG"),
        ("a.txt", b"hello", r"a\.txt holds text, no image that can be read"),
        ("a.nii.gz", gzip.compress(b"hello", mtime=0), r"a\.nii\.gz is a gzip file that holds no NIfTI image"),
        ("b.nii.gz", b"\x1f\x8b\x08damaged", r"b\.nii\.gz is a gzip file that holds no NIfTI image or is damaged"),
    ],
)
def test_what_is_no_image_is_refused_with_what_it_is(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ReadError, match=sentence) as caught:
        read(tmp_path / name)
    assert str(tmp_path) not in str(caught.value)


def test_a_missing_file_and_a_selection_outside_npz_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"nowhere\.png does not exist"):
        read(tmp_path / "nowhere.png")
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png is one image; an array can only"):
        read(tmp_path / "a.png", item=0)


def test_images_are_listed_sorted_without_hidden_files_tables_and_reports(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/1.JPG", "a/x.nii.gz", "c.npz", ".hidden.png", ".git/d.png", "labels.csv", "README"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("not opened here")
    written(tmp_path / "IM0001", PIXELS)
    report = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11", "Rows": None, "PixelData": None}
    written(tmp_path / "SR0001", PIXELS, **report)
    found = [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)]
    assert found == ["IM0001", "a/x.nii.gz", "b/1.JPG", "b/2.png", "c.npz"]


def test_images_are_listed_in_the_order_of_their_paths(tmp_path: Path) -> None:
    names = ("a/1.png", "a-b/1.png", "a.png", "a b/1.png", "a/1/2.png", "a/1-2.png", "A/1.png", "a!.png")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("not opened here")
    assert list_images(tmp_path) == tuple(sorted(tmp_path / name for name in names))


def test_a_folder_of_one_series_is_one_item_and_radiographs_are_many(tmp_path: Path) -> None:
    slices = np.zeros((3, 4, 5), np.int16)
    write_stack(tmp_path / "p1" / "ct", slices)
    write_stack(tmp_path / "p2", slices)
    for i in range(3):
        written(tmp_path / "xray" / f"{i}.dcm", PIXELS, Modality="DX", SeriesInstanceUID=f"2.25.{i + 1}")
    write_stack(tmp_path / "key", slices[:1])
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.dcm").write_text("letter")
    found = [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)]
    assert found == ["broken/a.dcm", "key/000.dcm", "p1/ct", "p2", "xray/0.dcm", "xray/1.dcm", "xray/2.dcm"]
    assert read(tmp_path / "p2").rank == 3


def test_an_empty_folder_says_what_could_be_read(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    with pytest.raises(InputError, match="folder scans holds no image that can be read; readable are PNG, JPEG, TIFF"):
        list_images(tmp_path / "scans")
    with pytest.raises(InputError, match="absent is not a folder"):
        list_images(tmp_path / "absent")


def test_warnings_and_logs_are_silent_inside_and_as_before_outside(caplog: pytest.LogCaptureFixture) -> None:
    before = list(warnings.filters)
    logger = logging.getLogger("pydicom")
    level = logger.level

    def work() -> None:
        for _ in range(50):
            with quiet():
                warnings.warn("patient Doe", stacklevel=1)
                logger.error("patient Doe")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before
    assert logger.level == level
    assert not caplog.records
    with pytest.raises(UserWarning, match="loud again"):
        warnings.warn("loud again", stacklevel=1)
