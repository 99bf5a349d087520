"""De-identification in bounded children: a harmful file is left out alone, and what a child says is tested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hostile_dicom import deflate_bomb, nested
from radcnn.core.errors import StorageError
from radcnn.data.bounded.children import Answer
from radcnn.data.dicom.deidentify import crossing
from radcnn.data.dicom.deidentify.crossing import HARMFUL, clean, clean_file, clean_files
from radcnn.data.dicom.deidentify.object import Cleaned, LeftOut
from radcnn.data.dicom.deidentify.object import clean as clean_here
from radcnn.data.dicom.deidentify.profile import Options
from radcnn.data.dicom.deidentify.secret import Secret
from radcnn.study.deidentifying import deidentify
from written_dicom import write_stack

SECRET = Secret("a secret of the tests, by chance")
FOUND = {"patient": "p0123456789", "study": "2.25.1", "series": "2.25.2", "may_show_text": False, "identifier": "4711"}
CONTENT = np.frombuffer(b"\0" * 128 + b"DICM", np.uint8)


def test_files_made_to_do_harm_are_left_out_and_all_others_written(tmp_path: Path) -> None:
    folder = write_stack(tmp_path / "in", np.arange(20 * 64, dtype=np.int16).reshape(20, 8, 8))
    deflate_bomb(folder / "003-bomb.dcm")
    nested(folder / "007-nested.dcm")
    made = deidentify(folder, tmp_path / "out")
    assert made.written == 20
    assert sorted(number for numbers in made.left_out.values() for number in numbers) == [4, 9]
    assert made.left_out[HARMFUL.why] == [4]
    written = sorted((tmp_path / "out").rglob("*.dcm"))
    assert [file.name for file in written] == [f"{n:04d}.dcm" for n in range(1, 21)]


def test_children_write_the_same_bytes_as_one_process_in_the_order_of_the_input(tmp_path: Path) -> None:
    folder = write_stack(tmp_path, np.arange(20 * 64, dtype=np.int16).reshape(20, 8, 8))
    files = sorted(folder.iterdir())
    expected = [clean_here(file, secret=SECRET, options=Options(dates="shifted")) for file in files]
    found = list(clean_files(files, secret=SECRET, options=Options(dates="shifted")))
    assert found == expected


def test_a_disk_that_refuses_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    file = write_stack(tmp_path / "in", np.zeros((1, 8, 8), np.int16)) / "000.dcm"
    with pytest.raises(StorageError, match=r"out\.dcm could not be written"):
        clean_file(file, tmp_path / "missing" / "out.dcm", secret=SECRET, options=Options())


@pytest.mark.parametrize(
    ("said", "rooms"),
    [
        ({"cleaned": {**FOUND, "patient": "../../etc"}}, [CONTENT]),
        ({"cleaned": {**FOUND, "patient": "p0123456789\n"}}, [CONTENT]),
        ({"cleaned": {**FOUND, "patient": 7}}, [CONTENT]),
        ({"cleaned": {**FOUND, "may_show_text": "no"}}, [CONTENT]),
        ({"cleaned": {**FOUND, "identifier": "\ud800"}}, [CONTENT]),
        ({"cleaned": {**FOUND, "more": 1}}, [CONTENT]),
        ({"cleaned": FOUND}, []),
        ({"cleaned": FOUND}, [CONTENT[:100]]),
        ({"left_out": {"why": "\x1b[2J", "dicom": True}}, []),
        ({"left_out": {"why": "a\nb", "dicom": True}}, []),
        ({"left_out": "Zebra"}, []),
        ({}, []),
        (None, []),
    ],
)
def test_what_a_child_says_is_believed_only_if_it_can_be(
    said: Any, rooms: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crossing, "one", lambda *_: Answer([said], rooms))
    assert clean(Path("a.dcm"), secret=SECRET, options=Options()) == HARMFUL


def test_what_can_be_believed_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crossing, "one", lambda *_: Answer([{"cleaned": FOUND}], [CONTENT]))
    assert clean(Path("a.dcm"), secret=SECRET, options=Options()) == (Cleaned(**FOUND), CONTENT.tobytes())
    monkeypatch.setattr(crossing, "one", lambda *_: Answer([{"left_out": {"why": "a waveform", "dicom": True}}], []))
    assert clean(Path("a.dcm"), secret=SECRET, options=Options()) == LeftOut("a waveform")
