"""Files are written whole or not at all, and read with a sentence when they are not ours."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from pathlib import Path

import pytest

from radcnn.core.errors import ReadError, StorageError
from radcnn.core.files import (
    append_line,
    atomic,
    read_json,
    reading,
    sha256_of,
    sha256_of_json,
    write_bytes,
    write_json,
    write_text,
)


def disk_full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def no_permission(*_: object, **__: object) -> None:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def test_a_file_appears_with_its_folders_and_replaces_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "note.txt"
    write_text(file, "für 1 µm\n")
    write_text(file, "zwei\n")
    assert file.read_text(encoding="utf-8") == "zwei\n"
    assert [p.name for p in file.parent.iterdir()] == ["note.txt"]
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "note.txt"
    write_text(file, "old")
    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(StorageError, match=r"^note.txt could not be written to .*No space left.*free some space"):
        write_text(file, "new")
    assert file.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]


@pytest.mark.parametrize("call", ["write_text", "write_bytes", "open", "replace"])
def test_a_disk_that_fills_at_any_step_leaves_nothing(tmp_path: Path, monkeypatch, call: str) -> None:
    monkeypatch.setattr(Path, call, disk_full)
    write, content = (write_bytes, b"new") if call == "write_bytes" else (write_text, "new")
    with pytest.raises(StorageError):
        write(tmp_path / "note.txt", content)
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - Path is patched


def test_a_folder_that_may_not_be_written_to_is_a_storage_error(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "mkstemp", no_permission)
    with pytest.raises(StorageError, match="Permission denied; free some space or choose another folder"):
        write_text(tmp_path / "note.txt", "new")


def test_a_folder_that_is_a_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"note\.txt could not be written"):
        write_text(tmp_path / "file" / "note.txt", "new")
    with pytest.raises(StorageError, match="could not be appended to"):
        append_line(tmp_path / "file" / "note.txt", "new")


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt()])
def test_an_error_inside_the_block_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    write_text(tmp_path / "note.txt", "old")

    def half_way() -> None:
        with atomic(tmp_path / "note.txt") as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        half_way()
    assert (tmp_path / "note.txt").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    write_text(tmp_path / "note.txt", "old")
    with atomic(tmp_path / "note.txt") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
        assert (tmp_path / "note.txt").read_text() == "old"
    assert (tmp_path / "note.txt").read_text() == "new"


def test_json_survives_and_nan_is_refused_without_a_trace(tmp_path: Path) -> None:
    value = {"b": [1, 2.5, None, "µ"], "a": {"x": True}}
    write_json(tmp_path / "v.json", value)
    assert read_json(tmp_path / "v.json") == value
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "v.json", {"x": float("nan")})
    assert read_json(tmp_path / "v.json") == value
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe{}", b"[" * 100_000], ids=["cut", "empty", "bytes", "deep"])
def test_json_that_is_damaged_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v.json").write_bytes(content)
    with pytest.raises(ReadError, match=r"v\.json is not readable JSON"):
        read_json(tmp_path / "v.json")


def test_what_the_system_will_not_show_is_named_without_the_folders_above_it(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 300)
    with pytest.raises(ReadError) as caught, reading(long):
        long.exists()
    assert str(caught.value) == f"{long.name} could not be read: File name too long; check its name and permissions"
    with pytest.raises(ReadError, match=r"^/ could not be read: Permission denied"), reading(Path("/")):
        no_permission()


def test_json_that_is_missing_a_folder_or_huge_is_refused(tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(ReadError, match="does not exist"):
        read_json(tmp_path / "v.json")
    with pytest.raises(ReadError, match="not readable JSON"):
        read_json(tmp_path)
    monkeypatch.setattr("radcnn.core.files.MAX_JSON_BYTES", 10)
    (tmp_path / "v.json").write_text(json.dumps("x" * 20))
    with pytest.raises(ReadError, match="larger than any JSON file"):
        read_json(tmp_path / "v.json")


def test_lines_are_appended_and_never_rewritten(tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "log" / "ledger.jsonl"
    append_line(file, "one")
    append_line(file, "two\n")
    assert file.read_text() == "one\ntwo\n"
    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(StorageError, match="could not be appended to: No space left"):
        append_line(file, "three")


def test_hashes_are_those_of_the_standard(tmp_path: Path) -> None:
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    write_bytes(tmp_path / "abc", b"abc")
    assert sha256_of(tmp_path / "abc") == abc
    assert sha256_of_json({"b": 1, "a": [2]}) == sha256_of_json({"a": [2], "b": 1}) != sha256_of_json({"a": [2]})
