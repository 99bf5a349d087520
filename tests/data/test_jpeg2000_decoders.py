"""Which decoder reads a JPEG 2000 frame: chosen by what it is worth, never seen in the voxels."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from openjpeg.utils import encode_array

from matrix.codings import CODINGS
from matrix.grid import stacked
from matrix.objects import write_series
from matrix.store import CT_SIGNED
from radcnn.core.case import Source
from radcnn.data.bounded.pool import POOL
from radcnn.data.dicom import jpeg2000
from radcnn.data.dicom.reader import read_dicom
from radcnn.kernels.jpeg2000.decoding import loaded

IMAGE = np.random.default_rng(4).integers(0, 4096, (60, 70), dtype=np.uint16)
CODESTREAM = bytes(encode_array(IMAGE, bits_stored=12))


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A process that decoded nothing yet, whose loops count as compiled when the file that is returned exists."""
    place = tmp_path / "cache" / "ready"
    monkeypatch.setattr(jpeg2000, "_loops", None)
    monkeypatch.setattr(jpeg2000, "_frames", 0)
    monkeypatch.setattr(jpeg2000, "compiled_file", lambda: place)
    jpeg2000._compile.cache_clear()
    yield place
    jpeg2000._compile.cache_clear()


def touched(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def decoded() -> np.ndarray:
    return np.frombuffer(jpeg2000.decode_jpeg_2000(CODESTREAM), np.uint16).reshape(IMAGE.shape)


def test_loops_are_loaded_once_enough_frames_are_seen_and_to_come(fresh: Path) -> None:
    loaded()
    touched(fresh)
    jpeg2000.expect(jpeg2000.FRAMES_WORTH_LOADING - 1)
    assert jpeg2000._loops is None
    assert np.array_equal(decoded(), IMAGE)
    jpeg2000.expect(1)
    assert jpeg2000._loops is not None
    assert np.array_equal(decoded(), IMAGE)


def test_what_the_loops_do_not_know_goes_to_openjpeg(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg2000, "_loops", lambda _codestream: None)
    assert np.array_equal(decoded(), IMAGE)


def test_nothing_is_compiled_where_frames_are_decoded(fresh: Path) -> None:
    jpeg2000.expect(10**6)
    assert jpeg2000._loops is None


def test_loops_are_compiled_beside_a_long_series_once(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(os, "posix_spawn", lambda _program, words, *_args, **_options: started.append(words))
    jpeg2000.have_compiled(10)
    assert not started
    jpeg2000.have_compiled(100)
    jpeg2000.have_compiled(100)
    assert [words[:4] for words in started] == [[sys.executable, "-c", jpeg2000.COMPILE, str(fresh)]]
    jpeg2000._compile.cache_clear()
    touched(fresh)
    jpeg2000.have_compiled(100)
    assert len(started) == 1


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(os, "posix_spawn", lambda _program, words, *_args, **_options: started.append(words))
    blocked = fresh.parent.parent.joinpath("cache")
    blocked.write_text("a file where the folder should be")
    jpeg2000.have_compiled(100)
    assert not started
    assert blocked.read_text() == "a file where the folder should be"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_children_load_the_loops_and_read_the_same(tmp_path: Path) -> None:
    loaded()
    touched(jpeg2000.compiled_file())
    hu = np.random.default_rng(5).integers(-1000, 2000, (160, 32, 40)).astype(np.float64)
    grid = stacked(slices=len(hu), rows=32, columns=40, spacing=(1.0, 1.0), step_mm=2.0)
    series = write_series(tmp_path / "series", hu, grid, CT_SIGNED, coding=CODINGS["JPEG 2000 lossless"])
    first = np.array(read_dicom(Source(series)).volume.voxels)
    for _ in range(3):
        assert np.array_equal(read_dicom(Source(series)).volume.voxels, first)
    assert any("llvmlite" in Path(f"/proc/{child.process.pid}/maps").read_text() for child in POOL.idle)
