"""A usual file has one meaning: what is read in this process is what pydicom reads, or pydicom alone is asked."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.datadict import dictionary_VR, tag_for_keyword

from matrix.rows import ROWS
from mutated_dicom import DICOM_MUTATIONS
from mutated_files import GENERAL, mutated
from radcnn.core.case import Source
from radcnn.core.errors import RadcnnError, ReadError
from radcnn.data.dicom import inside
from radcnn.data.dicom.direct import direct_pixels, usual_headers
from radcnn.data.dicom.frame import Frame
from radcnn.data.dicom.header import files_in, load
from radcnn.data.dicom.passing import CHARACTER_SETS
from radcnn.data.dicom.pixels import PixelFacts, understood
from radcnn.data.dicom.reader import read_dicom
from radcnn.data.dicom.slices import Slice
from radcnn.data.dicom.tags import ALL_TAGS
from written_dicom import HU, write_stack, written

MUTATED = 800
STORED = np.arange(-600, 0, dtype=np.int16).reshape(2, 20, 15)


@dataclass(frozen=True)
class Meaning:
    """All that a reader says of a file."""

    slice: Slice
    facts: PixelFacts
    voxels: NDArray
    padding: NDArray
    lowest: float | None

    def same_as(self, other: Meaning) -> bool:
        return (
            (self.slice, self.facts, self.lowest) == (other.slice, other.facts, other.lowest)
            and self.voxels.dtype == other.voxels.dtype
            and np.array_equal(self.voxels, other.voxels)
            and np.array_equal(self.padding, other.padding)
        )


def directly(path: Path) -> Meaning | None:
    """What is read in this process; None for an unusual file."""
    headers = usual_headers([path])
    if not headers:
        return None
    (header,) = headers
    shape = (1, 1, header.known.rows, header.known.columns)
    out, padding = np.full(shape, 7, header.known.dtype), np.zeros(shape[1:], np.bool_)
    (lowest,) = direct_pixels(headers, out, padding)
    return Meaning(header.slice, header.known, out[0, 0], padding[0], lowest)


def by_pydicom(path: Path) -> Meaning | str:
    """What a child reads, or why it refuses."""
    try:
        said: Any = inside._frames(path, voi=False, lone=True)
        if len(said) != 1 or "fault" in said[0]:
            return "no lone image"
        found = understood(path.name, Frame(load(path)))
        out = np.empty((1, found.layout.rows, found.layout.columns), found.dtype)
        lowest, padding = found.into(out)
        marked = np.zeros(out.shape[1:], np.bool_) if padding is None else padding
        one = Slice.from_json(said[0]["slice"], name=path.name)
        return Meaning(one, PixelFacts(**said[0]["facts"]), out[0], marked, lowest)
    except RadcnnError as error:
        return str(error)
    finally:
        inside._forget()


def compared(path: Path) -> str:
    """ "alike" or "unusual"; fails where one reader says another thing than the other."""
    ours = directly(path)
    if ours is None:
        return "unusual"
    theirs = by_pydicom(path)
    assert isinstance(theirs, Meaning), f"read, which pydicom refuses: {theirs}"
    assert ours.same_as(theirs), (ours, theirs)
    return "alike"


def test_files_of_the_matrix_are_read_alike(tmp_path: Path) -> None:
    found: Counter[str] = Counter()
    for i, row in enumerate(ROWS.values()):
        for path in sorted(row.written(tmp_path / str(i), "levels").iterdir()):
            found[compared(path)] += 1
    assert found["alike"] > 400
    assert found["unusual"] > 50


def usual_files(folder: Path) -> list[bytes]:
    """A CT with padding, a radiograph and others that are usual, with what real headers have beside."""
    ROWS["plain axial series"].written(folder / "axial", "levels")
    ROWS["coding: implicit little endian"].written(folder / "implicit", "levels")
    files = [min((folder / name).rglob("*.dcm")).read_bytes() for name in ("axial", "implicit")]
    item = pydicom.Dataset()
    item.ReferencedSOPInstanceUID, item.SpecificCharacterSet = "2.25.3", "ISO_IR 100"
    item.PurposeOfReferenceCodeSequence = [pydicom.Dataset(), pydicom.Dataset()]
    about: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "ReferencedImageSequence": [item, item],
        "SourceImageSequence": [item],
        "PixelPaddingValue": -500,
        "PixelPaddingRangeLimit": -490,
        "WindowCenter": [40, 300],
        "AcquisitionTime": "101500.250",
        "ConvolutionKernel": ["B30f", "1"],
        **HU,
    }
    path = written(folder / "long.dcm", STORED[0], **about)
    files.append(path.read_bytes())
    dataset = pydicom.dcmread(path)
    for name in ("ReferencedImageSequence", "SourceImageSequence"):
        dataset[name].is_undefined_length = True
        for each in dataset[name].value:
            each.is_undefined_length_sequence_item = name == "SourceImageSequence"
            each["PurposeOfReferenceCodeSequence"].is_undefined_length = True
    dataset.save_as(path)
    files.append(path.read_bytes())
    files.append(files[-1] + b"\xfc\xff\xfc\xffOB\0\0\x14\0\0\0" + bytes(20))
    bits = {"BitsStored": 12, "HighBit": 11, "PhotometricInterpretation": "MONOCHROME1", "Modality": "CR"}
    files.append(written(path, STORED[0].astype(np.uint16), **bits).read_bytes())
    files.append(written(path, STORED[0][:, :13].astype(np.uint8), RescaleSlope="0.5", Modality="PT").read_bytes())
    return files


def test_mutated_files_are_read_alike(tmp_path: Path) -> None:
    found: Counter[str] = Counter()
    path = tmp_path / "file.dcm"
    for seed in range(MUTATED):
        made = mutated(seed)
        if made.sample.is_dicom:
            path.write_bytes(made.content)
            found[compared(path)] += 1
    usual = usual_files(tmp_path)
    for content in usual:
        path.write_bytes(content)
        assert compared(path) == "alike"
    chance = Random(5)
    pool = {**GENERAL, **DICOM_MUTATIONS}
    names, weights = list(pool), [often for _, often in pool.values()]
    for _ in range(MUTATED):
        content = chance.choice(usual)
        for name in chance.choices(names, weights, k=chance.choice((1, 1, 2))):
            content = pool[name][0](content, chance)
        path.write_bytes(content)
        found[compared(path)] += 1
    assert found["alike"] > MUTATED / 10, found
    assert found["unusual"] > MUTATED / 2, found


def test_real_files_are_read_alike(real_data: Path) -> None:
    found: Counter[str] = Counter()
    for folder in (real_data / "dicom", real_data / "ct_series"):
        found.update(compared(path) for path in sorted(folder.rglob("*")) if path.is_file())
    assert found["alike"] > 40, found
    assert found["unusual"] > 40, found


def outcome(folder: Path) -> tuple[Any, ...]:
    """A volume and what was noticed, or the sentence of a refusal."""
    try:
        made = read_dicom(Source(folder))
        affine = None if made.volume.affine is None else made.volume.affine.tolist()
        return made.volume.voxels.tobytes(), affine, made.volume.units, made.volume.frame, made.findings, made.finite
    except RadcnnError as error:
        return type(error), str(error)


def test_folders_of_the_matrix_become_the_same_volume_or_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = 0
    for i, row in enumerate(ROWS.values()):
        folder = row.written(tmp_path / str(i), "levels")
        here += bool(usual_headers(files_in(folder)))
        found = outcome(folder)
        with monkeypatch.context() as without:
            without.setattr("radcnn.data.dicom.direct.POSSIBLE", False)
            assert outcome(folder) == found, row
    assert here > 40


def test_other_files_beside_are_left_out_and_what_is_only_called_dicom_is_refused(tmp_path: Path) -> None:
    write_stack(tmp_path, STORED)
    (tmp_path / "LIESMICH.txt").write_text("a note")
    headers = usual_headers(files_in(tmp_path))
    assert headers is not None
    assert [one.file.name for one in headers] == ["000.dcm", "001.dcm"]
    assert read_dicom(Source(tmp_path)).volume.size == (2, 20, 15)
    (tmp_path / "note.dcm").write_text("a note")
    assert usual_headers(files_in(tmp_path)) is None
    with pytest.raises(ReadError, match=r"note\.dcm is named like a DICOM file but holds text"):
        read_dicom(Source(tmp_path))


def test_a_header_may_be_long_but_not_endless(tmp_path: Path) -> None:
    path, found = tmp_path / "a.dcm", []
    for n in (10, 20_000, 500_000, 2_000_000):
        written(path, STORED[0], **HU)
        dataset = pydicom.dcmread(path)
        block = dataset.private_block(0x0029, "OF THE TESTS", create=True)
        block.add_new(0x10, "OB", bytes(n))
        dataset.save_as(path)
        found.append(compared(path))
    assert found == ["alike", "alike", "alike", "unusual"]


def test_character_sets_that_are_usual_are_read_alike(tmp_path: Path) -> None:
    for letters in CHARACTER_SETS:
        named = {"SpecificCharacterSet": letters.decode().split("\\"), "RescaleType": "HU~", "Modality": "PT"}
        assert compared(written(tmp_path / "a.dcm", STORED[0], **{**HU, **named})) == "alike", letters


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    write_stack(tmp_path, STORED)
    headers = usual_headers(files_in(tmp_path))
    assert headers is not None
    stack = np.empty((1, *STORED.shape), np.float32)
    for change in (lambda path: path.write_bytes(path.read_bytes()[:-100]), lambda path: path.unlink()):
        change(tmp_path / "001.dcm")
        with pytest.raises(ReadError, match=r"^001\.dcm changed while it was read; read it again"):
            direct_pixels(headers, stack, None)


def test_nothing_of_the_patient_is_in_a_header_that_is_shown(tmp_path: Path) -> None:
    write_stack(tmp_path, STORED)
    (first, _) = usual_headers(files_in(tmp_path)) or []
    assert "SECRET" not in repr(first)
    assert "2.25" not in repr(first)


def test_a_usual_series_needs_neither_children_nor_pydicom(tmp_path: Path) -> None:
    write_stack(tmp_path, STORED)
    code = (
        "import sys; from radcnn.data.read import read; from radcnn.data.bounded.pool import POOL\n"
        "assert read(sys.argv[1]).size == (2, 20, 15)\n"
        "print(POOL.idle, [name for name in ('pydicom', 'numba', 'scipy', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "[] []\n"


def test_tags_are_those_of_the_standard() -> None:
    for keyword, (tag, kind) in ALL_TAGS.items():
        assert tag_for_keyword(keyword) == tag
        assert dictionary_VR(tag) == kind
