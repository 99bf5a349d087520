"""Every reader: a valid Volume or one sentence of ours, whatever happens to the bytes."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from radcnn.core.errors import GeometryError, ReadError
from radcnn.core.volume import Volume
from radcnn.data.read import READERS, list_images, read
from written_dicom import HU, written

PIXELS = np.random.default_rng(17).integers(0, 255, (24, 20)).astype(np.uint8)


def write_npz(path: Path) -> None:
    np.savez_compressed(path, image=PIXELS)


def write_nifti_file(path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(PIXELS[..., None].astype(np.int16), np.eye(4)), path)


def write_dicom(path: Path) -> None:
    place = {"ImagePositionPatient": [1, 2, 3], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [1, 1]}
    written(path, PIXELS.astype(np.int16), **place, **HU)


def write_pillow(path: Path) -> None:
    Image.fromarray(PIXELS).save(path)


def write_metaimage(path: Path) -> None:
    head = {"ObjectType": "Image", "NDims": 2, "BinaryData": True, "BinaryDataByteOrderMSB": False}
    head |= {"CompressedData": False, "TransformMatrix": "1 0 0 1", "Offset": "0 0", "ElementSpacing": "0.5 0.5"}
    head |= {"DimSize": "20 24", "ElementType": "MET_UCHAR", "ElementDataFile": "LOCAL"}
    path.write_bytes("".join(f"{key} = {value}\n" for key, value in head.items()).encode() + PIXELS.tobytes())


def write_nrrd(path: Path) -> None:
    head = "NRRD0004\ntype: uchar\ndimension: 2\nsizes: 20 24\nspacings: 0.5 0.5\nencoding: gzip\n\n"
    path.write_bytes(head.encode() + gzip.compress(PIXELS.tobytes(), mtime=0))


NEEDS = {"mha": "SimpleITK", "nrrd": "SimpleITK"}  # readers that use what is installed beside radcnn
SAMPLES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "png": ("a.png", write_pillow),
    "jpeg": ("a.jpg", write_pillow),
    "tiff": ("a.tif", write_pillow),
    "npz": ("a.npz", write_npz),
    "nifti": ("a.nii", write_nifti_file),
    "mha": ("a.mha", write_metaimage),
    "nrrd": ("a.nrrd", write_nrrd),
    "dicom": ("a.dcm", write_dicom),
}


@pytest.fixture(params=sorted(READERS))
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param in NEEDS:
        pytest.importorskip(NEEDS[request.param], reason=f"{request.param} is read with {NEEDS[request.param]}")
    name, write = SAMPLES[request.param]
    write(tmp_path / name)
    return tmp_path / name


def test_every_reader_has_a_sample() -> None:
    assert set(SAMPLES) == set(READERS)


def test_a_sample_becomes_a_finite_contiguous_native_volume(sample: Path) -> None:
    volume = read(sample)
    assert volume.rank in (2, 3)
    assert volume.channels == 1
    assert volume.voxels.flags.c_contiguous
    assert volume.voxels.flags.writeable
    assert volume.voxels.dtype.isnative
    assert (volume.affine is None) == (volume.frame == "unknown")


def test_reading_twice_gives_the_same_voxels_and_listing_finds_the_file(sample: Path) -> None:
    assert np.array_equal(read(sample).voxels, read(str(sample)).voxels)
    assert list_images(sample.parent) == (sample,)


def test_a_cut_file_is_refused_or_whole(sample: Path) -> None:
    content, whole = sample.read_bytes(), read(sample)
    refused = 0
    for kept in np.linspace(0, len(content) - 1, 40).astype(int):
        sample.write_bytes(content[:kept])
        volume = _volume_or_sentence(sample)
        if volume is None:
            refused += 1
        else:
            # a file may lose its last bytes, which only say that it ends
            assert np.array_equal(volume.voxels, whole.voxels)
    assert refused >= 35


def test_changed_bytes_give_a_volume_or_a_sentence(sample: Path) -> None:
    content, outcomes = sample.read_bytes(), []
    for seed in range(120):
        generator = np.random.default_rng(seed)
        damaged = bytearray(content)
        # half of the damage in the first bytes, where headers are
        reach = len(content) if seed % 2 else min(len(content), 400)
        for at in generator.integers(0, reach, 1 + seed % 7):
            damaged[at] = generator.integers(256)
        sample.write_bytes(damaged)
        outcomes.append(_volume_or_sentence(sample))
    assert None in outcomes, "damage in a header is refused"


def _volume_or_sentence(path: Path) -> Volume | None:
    """A Volume, or None after a sentence that names the file alone; anything else fails the test."""
    try:
        return read(path, allow_nonfinite=True)
    except (ReadError, GeometryError) as error:
        told = str(error)
        assert path.name in told
        assert str(path.parent) not in told
        assert "\n" not in told
        return None
