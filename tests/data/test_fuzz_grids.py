"""Thousands of changed NIfTI, MetaImage and NRRD files: an image or a sentence each, soon and in little room."""

from __future__ import annotations

import gzip
import resource
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest

from radcnn.core.errors import GeometryError, ReadError
from radcnn.core.volume import Volume
from radcnn.data.nifti import write_nifti
from radcnn.data.read import read
from written_itk import VOXELS, write_mha, write_nrrd
from written_nifti import nifti_bytes

FILES = 2000
LONGEST_S, MOST_KIB = 5.0, 512 << 10
BEFORE = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
EXTREMES = np.array([0, 1, 0x7F, 0x80, 0xFF], np.uint8)
FIELDS = (
    0,
    40,
    42,
    44,
    46,
    48,
    50,
    70,
    72,
    76,
    80,
    84,
    88,
    108,
    112,
    116,
    123,
    252,
    254,
    256,
    280,
    292,
    344,
    348,
    352,
    356,
)


def samples(folder: Path) -> list[bytes]:
    """One file of each form: versions, byte orders, 4D, colours, an extension of ours, one or two gzip members."""
    grey = np.arange(120, dtype=np.int16).reshape(4, 5, 6)
    colour = np.zeros((4, 5, 6), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    affine = np.diag([2.7, 0.7, 0.7, 1.0])
    write_nifti(Volume(np.zeros((2, 3, 4, 5), np.float32), affine), folder / "own.nii")
    plain = [
        nifti_bytes(grey),
        nifti_bytes(grey, version=2),
        nifti_bytes(grey, order=">", scl_slope=0.5),
        nifti_bytes(np.zeros((4, 5, 6, 3), np.int64), scl_slope=2),
        nifti_bytes(grey, sform_code=0, qform_code=1),
        nifti_bytes(colour),
        (folder / "own.nii").read_bytes(),
    ]
    halves = gzip.compress(plain[0][:400]) + gzip.compress(plain[0][400:])
    return [*plain, gzip.compress(plain[0]), gzip.compress(plain[3]), halves]


def changed(content: bytes, generator: np.random.Generator) -> bytes:
    """The bytes with a few of them changed, a field set to an extreme, a piece cut, doubled or put elsewhere."""
    data = bytearray(content)
    for _ in range(generator.integers(1, 6)):
        at = int(generator.integers(0, min(len(data), 400 if generator.random() < 0.7 else len(data))))
        match generator.integers(0, 5):
            case 0:
                data[at] = generator.integers(0, 256)
            case 1:
                field = int(generator.choice(FIELDS))
                data[field : field + 4] = generator.choice(EXTREMES, 4).tobytes()
            case 2:
                del data[at : at + int(generator.integers(1, 40))]
            case 3:
                data[at:at] = data[at : at + int(generator.integers(1, 40))]
            case _:
                data[at : at + 4] = np.float32(generator.choice([np.nan, np.inf, -1e38, 1e-45, 2**31])).tobytes()
        if len(data) < 2:
            break
    return bytes(data)


def judged(path: Path, item: int | None = None) -> bool:
    """Whether a file is read; a sentence that names the file alone is no; anything else fails the test."""
    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read(path, item=item, allow_nonfinite=True)
        return True
    except (ReadError, GeometryError) as error:
        told = str(error)
        assert path.name in told, told
        assert str(path.parent) not in told
        assert "\n" not in told
        return False
    finally:
        assert time.perf_counter() - start < LONGEST_S
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - BEFORE < MOST_KIB


@pytest.mark.slow
def test_two_thousand_changed_nifti_files_are_images_or_sentences(tmp_path: Path) -> None:
    originals, images = samples(tmp_path), 0
    for seed in range(FILES):
        generator = np.random.default_rng(seed)
        content = originals[seed % len(originals)]
        if content.startswith(b"\x1f\x8b") and generator.random() < 0.7:  # behind a sound checksum as well
            content = gzip.compress(changed(gzip.decompress(content), generator))
        else:
            content = changed(content, generator)
        path = tmp_path / ("a.nii.gz" if content.startswith(b"\x1f\x8b") else "a.nii")
        path.write_bytes(content)
        images += judged(path, 1 if seed % 3 == 0 else None)
    assert 0.05 < images / FILES < 0.95


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["mha", "nrrd"])
def test_two_thousand_changed_files_of_itk_are_images_or_sentences(tmp_path: Path, ending: str) -> None:
    pytest.importorskip("SimpleITK", reason="MetaImage and NRRD are read with SimpleITK (extra itk)")
    path, images = tmp_path / f"a.{ending}", 0
    if ending == "mha":
        packed = write_mha(path, voxels=zlib.compress(VOXELS.tobytes()), CompressedData="True").read_bytes()
        originals = [packed, write_mha(path).read_bytes()]
    else:
        packed = write_nrrd(path, gzip.compress(VOXELS.tobytes()), encoding="gzip").read_bytes()
        originals = [packed, write_nrrd(path).read_bytes()]
    for seed in range(FILES):
        path.write_bytes(changed(originals[seed % 2], np.random.default_rng(seed)))
        images += judged(path)
    assert 0.02 < images / FILES < 0.95
