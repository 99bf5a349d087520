"""A study that cannot be begun says what is to blame: the images, the table, or the place for the study."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from radcnn.core.errors import ReadError, StorageError
from radcnn.study.begin import new
from written_studies import class_folders

LONG = "x" * 300
WAY_OUT = "could not be read: File name too long; check its name and permissions"


def test_images_or_a_table_that_cannot_be_looked_at_are_to_blame_and_not_the_place_of_the_study(tmp_path: Path) -> None:
    class_folders(tmp_path / "chest", patients=3)
    with pytest.raises(ReadError, match=f"^{LONG} {WAY_OUT}"):
        new(tmp_path / LONG, out=tmp_path / "study")
    with pytest.raises(ReadError, match=f"^{LONG}.csv {WAY_OUT}"):
        new(tmp_path / "chest", out=tmp_path / "study", labels=tmp_path / f"{LONG}.csv", target="y", patient="p")
    assert [path.name for path in tmp_path.iterdir()] == ["chest"]


def test_a_folder_that_may_not_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = class_folders(tmp_path / "chest", patients=3)
    listed = Path.iterdir

    def iterdir(folder: Path) -> Iterator[Path]:
        if folder == data:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.raises(ReadError, match=r"^chest could not be read: Permission denied; check its name"):
        new(data, out=tmp_path / "study", unit="image")


def test_a_place_that_cannot_be_renamed_to_is_to_blame_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(StorageError, match="study could not be made: No space left on device; free some space or"):
        new(class_folders(tmp_path / "chest"), out=tmp_path / "study", unit="image")
    assert [path.name for path in tmp_path.iterdir()] == ["chest"]
