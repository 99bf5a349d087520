"""What a NIfTI file leaves unclear or contradicts is refused by name, before its voxels are read."""

from __future__ import annotations

import gzip
import resource
import time
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from radcnn.core.errors import GeometryError, ReadError
from radcnn.data.grid import facts as limits
from radcnn.data.nifti import nifti_facts
from radcnn.data.read import read
from written_nifti import nifti_bytes, write_nifti_bytes

BYTES = np.arange(120, dtype=np.uint8).reshape(4, 5, 6)
HALF_TURN = {"quatern_b": 1, "quatern_c": 0, "quatern_d": 0}
CONTRADICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "length of the header": ({"sizeof_hdr": 349}, "its header claims 349 bytes, NIfTI-1 has 348 and NIfTI-2 has 540"),
    "no dimension": ({"dim": [0, 4, 5, 6, 1, 1, 1, 1]}, "claims 0 dimensions; 1 to 7 are possible"),
    "eight dimensions": ({"dim": [8, 4, 5, 6, 1, 1, 1, 1]}, "claims 8 dimensions"),
    "other byte order": ({"dim": [3 << 8, 4, 5, 6, 1, 1, 1, 1]}, "half of its header is in the other byte order"),
    "a line": ({"dim": [1, 120, 1, 1, 1, 1, 1, 1]}, r"has no image: its array has shape \(120,\)"),
    "a negative axis": ({"dim": [3, 4, -5, 6, 1, 1, 1, 1]}, r"has no image: its array has shape \(4, -5, 6\)"),
    "an empty axis": ({"dim": [3, 4, 0, 6, 1, 1, 1, 1]}, r"has no image: its array has shape \(4, 0, 6\)"),
    "a vector": ({"dim": [5, 4, 5, 2, 1, 3, 1, 1]}, r"holds 3 values per voxel \(channels, a vector or a tensor"),
    "a matrix": ({"dim": [6, 4, 5, 1, 1, 2, 3, 1]}, "holds 6 values per voxel"),
    "too large": (
        {"dim": [3, 4, 5, 7, 1, 1, 1, 1]},
        r"truncated: its header announces \d+ bytes and it has \d+",
    ),
    "voxels in the header": ({"vox_offset": 0}, "claims that its voxels begin at byte 0; a whole number from"),
    "half a byte": ({"vox_offset": 352.5}, r"begin at byte 352\.5"),
    "no offset": ({"vox_offset": np.nan}, "begin at byte nan"),
    "far away": ({"vox_offset": 1e30}, r"begin at byte 1e\+30"),
    "behind the end": ({"vox_offset": 800}, "truncated: its header announces 920 bytes and it has"),
    "no type": ({"datatype": 0}, "holds voxels of unknown type"),
    "bits": ({"datatype": 1, "bitpix": 1}, "holds 1-bit voxels, whose order of bits the standard leaves open"),
    "complex": ({"datatype": 32, "bitpix": 64}, "holds complex voxels, which are no grey values; save their magnitude"),
    "float128": ({"datatype": 1536, "bitpix": 128}, "holds 128-bit numbers, whose form depends on the machine"),
    "an unknown type": ({"datatype": 77}, "claims data type 77, which NIfTI does not know"),
    "bits per voxel": ({"bitpix": 16}, r"its voxels are uint8 \(8 bits\) and have 16 bits"),
    "points": ({"intent_code": 1008}, r"holds a set of points \(intent 1008\), no image on a grid"),
    "cifti": ({"intent_code": 3001}, r"holds CIFTI data of surfaces and regions \(intent 3001\)"),
    "endless slope": ({"scl_slope": np.inf}, "is scaled by inf and 0, no numbers"),
    "lost intercept": ({"scl_slope": 2, "scl_inter": np.nan}, "is scaled by 2 and nan, no numbers"),
    "unit": ({"xyzt_units": 5}, "states its lengths in unit 5"),
    "sform code": ({"sform_code": 6}, "has sform_code 6; 0 to 5 are known"),
    "qform code": ({"qform_code": -1}, "has qform_code -1; 0 to 5 are known"),
    "sform of nothing": ({"srow_x": [np.nan, 0, 0, 0]}, "has an sform that is no set of numbers"),
    "flat sform": ({"srow_x": [0, 0, 0, 0]}, "has an affine that cannot be turned back"),
    "parallel axes": ({"srow_x": [1, 1, 0, 0], "srow_y": [1, 1, 0, 0]}, "has an affine that cannot be turned back"),
    "huge sform": ({"srow_x": [1e30, 0, 0, 0]}, "places voxels more than 1 km away"),
    "half a hand": (
        {"sform_code": 0, "qform_code": 1, "pixdim": [0.5, 1, 1, 1, 0, 0, 0, 0]},
        "has 0.5 where its qform",
    ),
    "negative spacing": (
        {"sform_code": 0, "qform_code": 1, "pixdim": [1, -1, 1, 1, 0, 0, 0, 0]},
        "qform with spacings -1",
    ),
    "spacing only": ({"sform_code": 0, "pixdim": [1, -1, 1, 1, 0, 0, 0, 0]}, "has spacings -1, 1, 1; they must be"),
    "no spacing": ({"sform_code": 0, "pixdim": [1, np.nan, 1, 1, 0, 0, 0, 0]}, "has spacings nan, 1, 1"),
    "no rotation": (
        {"sform_code": 0, "qform_code": 1, "quatern_b": 0.9, "quatern_c": 0.9},
        "qform that is no rotation",
    ),
    "no number": ({"sform_code": 0, "qform_code": 1, "quatern_b": np.nan}, "qform that is no rotation"),
    "no origin": ({"sform_code": 0, "qform_code": 1, "qoffset_x": np.inf}, "qform that is no rotation"),
    "two places": ({"qform_code": 1, **HALF_TURN}, r"says twice where it lies, .* differ by up to \d+\.\d mm"),
    "two spaces": (
        {"sform_code": 4, "qform_code": 1},
        "its sform in the space of the MNI atlas, its qform in that of a s",
    ),
}


ONLY_NIFTI_1 = (
    "half a byte",
    "no offset",
    "far away",
    "other byte order",
)  # NIfTI-2 has whole numbers there
CASES = [(name, version) for name in CONTRADICTIONS for version in (1, 2) if version == 1 or name not in ONLY_NIFTI_1]


@pytest.mark.parametrize(("name", "version"), CASES)
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_contradiction_is_refused_with_what_came(tmp_path: Path, name: str, version: int, order: Any) -> None:
    fields, sentence = CONTRADICTIONS[name]
    write_nifti_bytes(tmp_path / "a.nii", BYTES, version=version, order=order, **fields)
    with pytest.raises((ReadError, GeometryError), match=sentence) as caught:
        nifti_facts(tmp_path / "a.nii")
    assert "a.nii" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_marks_that_do_not_fit_their_header_are_refused(tmp_path: Path) -> None:
    for magic, sentence in (
        (b"ni1", r"keeps its voxels in a second file \(\.img\); convert the pair to one \.nii\.gz file"),
        (b"n+2", "without the mark of NIfTI-1"),
        (b"", "without the mark of NIfTI-1"),
    ):
        write_nifti_bytes(tmp_path / "a.nii", BYTES, magic=magic)
        with pytest.raises(ReadError, match=sentence):
            nifti_facts(tmp_path / "a.nii")
    write_nifti_bytes(tmp_path / "b.nii", BYTES, version=2, eol_check=[13, 10, 0, 10])
    with pytest.raises(ReadError, match=r"b\.nii was changed on its way, as by a transfer in text mode"):
        read(tmp_path / "b.nii")


def test_analyze_and_the_second_file_of_a_pair_are_told_apart(tmp_path: Path) -> None:
    content = nifti_bytes(BYTES, magic=b"")
    (tmp_path / "a.hdr").write_bytes(content[:348])
    (tmp_path / "a.img").write_bytes(b"\1" * 4000)
    (tmp_path / "b.hdr.gz").write_bytes(gzip.compress(content[:348]))
    for name in ("a.hdr", "b.hdr.gz"):
        with pytest.raises(
            ReadError, match=rf"{name} is a header of ANALYZE 7\.5, which does not say which side is left"
        ):
            read(tmp_path / name)
    with pytest.raises(ReadError, match=r"a\.img holds only the voxels of a pair"):
        read(tmp_path / "a.img")


def test_a_partly_transparent_image_is_refused(tmp_path: Path) -> None:
    stored = np.full((4, 5, 6, 4), 255, np.uint8)
    stored[3, 4, 5, 3] = 254
    write_nifti_bytes(tmp_path / "a.nii", stored.view([(letter, "u1") for letter in "RGBA"])[..., 0])
    with pytest.raises(ReadError, match=r"a\.nii is partly transparent, and what lies under it is not known"):
        read(tmp_path / "a.nii")


def test_whole_numbers_that_scaling_would_round_are_refused(tmp_path: Path) -> None:
    for value, refused in ((2**53, False), (2**53 + 1, True), (-(2**53) - 1, True)):
        array = np.zeros((4, 5, 6), np.int64)
        array[1, 2, 3] = value
        write_nifti_bytes(tmp_path / "a.nii", array)
        assert read(tmp_path / "a.nii").voxels[0, 3, 2, 1] == value
        write_nifti_bytes(tmp_path / "a.nii", array, scl_slope=2)
        if refused:
            with pytest.raises(ReadError, match=r"a\.nii scales int64 voxels beyond 2\^53"):
                read(tmp_path / "a.nii")
        else:
            assert read(tmp_path / "a.nii").voxels[0, 3, 2, 1] == 2.0 * value


def test_an_extension_that_reaches_into_the_voxels_is_refused(tmp_path: Path) -> None:
    for size in (48, 1 << 30, 4, -16):
        extension = size.to_bytes(4, "little", signed=True) + (6).to_bytes(4, "little") + b"x" * 24
        write_nifti_bytes(tmp_path / "a.nii", BYTES, extension=extension)
        with pytest.raises(ReadError, match=rf"has a header extension of {size} bytes where 32 are left"):
            read(tmp_path / "a.nii")
    write_nifti_bytes(tmp_path / "a.nii", BYTES, extension=b"\0" * 32)
    assert np.array_equal(read(tmp_path / "a.nii").voxels[0], BYTES.transpose())


@pytest.mark.parametrize("ending", ["nii", "nii.gz"])
def test_bytes_after_the_voxels_that_are_no_padding_are_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    for shape, dim in (((40, 50, 60), [3, 40, 50, 10]), ((4, 5, 6, 7), [3, 4, 5, 6])):
        write_nifti_bytes(path, np.zeros(shape, np.uint8), dim=[*dim, *[1] * (8 - len(dim))])
        with pytest.raises(ReadError, match=r"holds (more than 4096|720) bytes after the voxels"):
            read(path)


def test_damage_of_every_kind_is_refused_by_name(tmp_path: Path) -> None:
    whole = nifti_bytes(np.random.default_rng(3).integers(0, 256, (20, 20, 20)).astype(np.uint8))
    packed = gzip.compress(whole, mtime=0)
    flipped = bytearray(packed)
    flipped[-5] ^= 1  # of the checksum
    for name, content, sentence in (
        ("cut.nii", whole[:-30], "damaged or truncated: its header announces 8352 bytes and it has 8322"),
        ("head.nii", whole[:350], "is truncated: it ends within its header"),
        ("cut.nii.gz", packed[:-30], "is truncated: its packed data end early"),
        ("tail.nii.gz", packed[:-1], "is truncated: its packed data end early"),
        ("short.nii.gz", gzip.compress(whole[:-30]), "is damaged or truncated: it ends before its last voxel"),
        ("sum.nii.gz", bytes(flipped), "is damaged: its packed data cannot be unpacked"),
        ("stray.nii.gz", packed + b"x" * 9000, "holds more than 4096 bytes after the voxels"),
        ("twice.nii.gz", gzip.compress(packed), "is packed twice with gzip; unpack it once"),
        (
            "empty.nii.gz",
            gzip.compress(b"") * 3000 + packed,
            "is packed in more than 64 empty pieces|holds no NIfTI image",
        ),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ReadError, match=sentence) as caught:
            read(tmp_path / name)
        assert str(caught.value).startswith(name)


def test_a_file_that_claims_too_much_is_refused_from_its_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = np.zeros((20, 20, 20), np.float32)
    write_nifti_bytes(tmp_path / "a.nii.gz", array)
    write_nifti_bytes(tmp_path / "a.nii", array)
    monkeypatch.setattr(limits, "SAFE_UNPACKED_BYTES", 1 << 10)
    monkeypatch.setattr(limits, "UNPACKED_RATIO", 20)
    with pytest.raises(ReadError, match=r"a\.nii\.gz claims to unpack to \d+ times its size, as an attack would"):
        nifti_facts(tmp_path / "a.nii.gz")
    assert nifti_facts(tmp_path / "a.nii").shape == (1, 20, 20, 20)
    monkeypatch.setattr(limits, "MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(ReadError, match=r"a\.nii unpacks to 0\.0 GiB; at most .* are read, crop or resample it"):
        nifti_facts(tmp_path / "a.nii")


def test_a_bomb_of_a_megabyte_is_refused_or_read_in_five_seconds(tmp_path: Path) -> None:
    zeros = gzip.compress(bytes(1 << 24), 9, mtime=0)
    for claimed in (1 << 28, 1 << 34):  # what it holds, and what only its header says
        side = round(claimed ** (1 / 3))
        head = nifti_bytes(np.zeros((1, 1, 1), np.uint8), dim=[3, side, side, side, 1, 1, 1, 1])[:352]
        (tmp_path / "bomb.nii.gz").write_bytes(gzip.compress(head) + zeros * ((1 << 20) // len(zeros)))
        start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(ReadError, match=r"bomb\.nii\.gz (holds more than 4096 bytes|claims|unpacks)"):
            read(tmp_path / "bomb.nii.gz")
        assert time.monotonic() - start < 5
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 10


def test_every_rotation_that_nibabel_writes_twice_is_taken(tmp_path: Path) -> None:
    angles = np.random.default_rng(5).choice([0, 90, 179.99, 179.999, 180, 180.001, 33], (60, 3))
    for i, about in enumerate(angles):
        affine = np.eye(4)
        affine[:3, :3] = Rotation.from_euler("zyx", about, degrees=True).as_matrix() * (0.7, 0.7, 1.5)
        image = nibabel.Nifti1Image(np.zeros((512, 2, 400), np.uint8), affine)
        image.set_sform(affine, 1)
        image.set_qform(affine, 1)
        nibabel.save(image, tmp_path / f"{i}.nii")
        facts = nifti_facts(tmp_path / f"{i}.nii")
        assert "RC035" not in [found.code for found in facts.findings]
