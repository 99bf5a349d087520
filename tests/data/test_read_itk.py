"""MetaImage and NRRD: headers are judged by us, read by SimpleITK where it is installed, and never lead elsewhere."""

from __future__ import annotations

import gzip
import sys
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from radcnn.core.case import Source
from radcnn.core.errors import GeometryError, InputError, ReadError
from radcnn.data.itk import itk_facts
from radcnn.data.itk.metaimage import metaimage_header
from radcnn.data.itk.nrrd import nrrd_header
from radcnn.data.kind import format_of
from radcnn.data.read import list_images, read
from written_itk import VOXELS, write_mha, write_nrrd


@pytest.fixture
def sitk() -> Any:
    return pytest.importorskip("SimpleITK", reason="MetaImage and NRRD are read with SimpleITK (extra itk)")


@pytest.mark.parametrize("name", ["a.mha", "a.mhd", "a.nrrd", "a.nhdr"])
def test_without_simpleitk_one_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    (write_mha if name.startswith("a.m") else write_nrrd)(tmp_path / name)
    what = "MetaImage" if name.startswith("a.m") else "NRRD"
    with pytest.raises(
        InputError, match=rf"{name} is a {what} file, and these are read with SimpleITK, .*radcnn\[itk\]"
    ):
        itk_facts(tmp_path / name, "mha" if name.startswith("a.m") else "nrrd")
    assert list_images(tmp_path) == (tmp_path / name,)


def test_first_bytes_tell_both_formats_whatever_the_name(tmp_path: Path) -> None:
    assert format_of(write_mha(tmp_path / "a")) == "mha"
    assert format_of(write_nrrd(tmp_path / "b.dcm")) == "nrrd"
    (tmp_path / "c.txt").write_text("Comment = a letter\n")
    with pytest.raises(ReadError, match=r"c\.txt holds text"):
        format_of(tmp_path / "c.txt")


def test_headers_say_what_is_stored_and_how_much_is_known_of_the_place(tmp_path: Path) -> None:
    for header in (metaimage_header(write_mha(tmp_path / "a.mha")), nrrd_header(write_nrrd(tmp_path / "a.nrrd"))):
        assert (header.size, header.channels, header.stored, header.order) == ((4, 5, 6), 1, "int16", "<")
        assert (header.packing, header.data, header.knows) == ("raw", "", "patient")
    for knows, keys in (
        ("image", {"Offset": None}),
        ("image", {"TransformMatrix": None}),
        ("unknown", {"ElementSpacing": None}),
    ):
        assert metaimage_header(write_mha(tmp_path / "a.mha", **keys)).knows == knows
    for knows, fields in (
        ("patient", {"space": "RAS"}),
        ("image", {"space": "scanner-xyz"}),
        ("image", {"space": None, "space_dimension": "3"}),
        ("image", {"space_origin": None}),
        ("image", {"space": None, "space_origin": None, "space_directions": None, "spacings": "0.7 0.8 2.5"}),
        ("unknown", {"space": None, "space_origin": None, "space_directions": None, "spacings": "0.7 0.8 nan"}),
        ("unknown", {"space": None, "space_origin": None, "space_directions": None}),
    ):
        assert nrrd_header(write_nrrd(tmp_path / "a.nrrd", **fields)).knows == knows


DAMAGED_METAIMAGES: list[tuple[dict[str, str | None], str]] = [
    ({"NDims": "4", "DimSize": "4 5 6 1"}, "has 4 axes; images of 2 or 3 are read"),
    ({"NDims": "three"}, "whose NDims is not 1 whole number above 0"),
    ({"DimSize": "4 5"}, "whose DimSize is not 3 whole numbers above 0"),
    ({"DimSize": "4 5 -6"}, "whose DimSize is not 3 whole numbers"),
    ({"DimSize": "4 5 99999999999999999999"}, "whose DimSize is not 3 whole numbers"),
    ({"ElementType": "MET_LONG"}, "has voxels of a type that is not read; save it as one of MET_CHAR"),
    ({"BinaryData": "False"}, "holds its voxels as text"),
    ({"BinaryDataByteOrderMSB": None}, "does not say the order of its bytes"),
    ({"ObjectType": "Tube"}, "is a MetaIO file of another object than an image"),
    ({"HeaderSize": "-1"}, "says by HeaderSize where its voxels begin"),
    ({"ElementToIntensityFunctionSlope": "2"}, "scales its values by ElementToIntensityFunctionSlope"),
    ({"ElementSpacing": "0.7 nan 2.5"}, "whose ElementSpacing is no list of numbers"),
    ({"ElementSpacing": "0.7 0 2.5"}, "has a ElementSpacing of 0; spacings must be positive"),
    ({"Comment": "a\nno key"}, "a line is no 'Key = value'"),
    ({"Comment": "a\nNDims = 3"}, "or a key comes twice"),
    ({"Comment": "a\nElementDataFile = /etc/passwd"}, "names files outside its folder"),
    ({"Comment": "a\0"}, "it holds bytes that are no text"),
    ({"Comment": "a\nelementdatafile = x"}, "has a damaged header: ElementDataFile"),
]
DAMAGED_NRRDS: list[tuple[dict[str, str | None], str]] = [
    ({"dimension": "4", "sizes": "4 5 6 1", "kinds": None}, "has 4 axes; images of 2 or 3 are read"),
    ({"dimension": "4", "sizes": "4 5 6 1", "kinds": "domain domain domain time"}, "has 4 axes"),
    ({"dimension": "4", "sizes": "4 5 6 3", "kinds": "domain domain domain RGB-color"}, "has 4 axes"),
    ({"dimension": "0"}, "whose dimension is no number from 1 to 16"),
    ({"sizes": "4 5 x"}, "whose sizes is not 3 whole numbers above 0"),
    ({"kinds": "domain domain"}, "has 2 kinds for 3 axes"),
    ({"type": "block"}, "has voxels of a type that is not read"),
    ({"endian": None}, "does not say the order of its bytes"),
    ({"encoding": "bzip2"}, "has an encoding that is not read; save it with encoding raw or gzip"),
    ({"line_skip": "2"}, "skips a part of its data"),
    ({"byte_skip": "-1"}, "skips a part of its data"),
    ({"old_min": "0"}, "scales its values by 'old min'"),
    ({"space_units": '"m" "m" "m"'}, "states its lengths in another unit than mm"),
    ({"space_directions": None, "spacings": "-1 1 1"}, "has a spacing of -1"),
    ({"content": "x\nno field"}, "a line is no 'field: value'"),
    ({"content": "x\nDimension: 3"}, "or a field comes twice"),
    ({"content": "x\rdata file: y"}, "it holds bytes that are no text"),
    ({"content": "x\0"}, "it holds bytes that are no text"),
]


@pytest.mark.parametrize(("keys", "sentence"), DAMAGED_METAIMAGES)
def test_a_metaimage_that_is_not_read_is_refused_by_name(
    tmp_path: Path, keys: dict[str, str | None], sentence: str
) -> None:
    with pytest.raises((ReadError, GeometryError), match=rf"a\.mha .*{sentence}"):
        metaimage_header(write_mha(tmp_path / "a.mha", **keys))


@pytest.mark.parametrize(("fields", "sentence"), DAMAGED_NRRDS)
def test_an_nrrd_that_is_not_read_is_refused_by_name(
    tmp_path: Path, fields: dict[str, str | None], sentence: str
) -> None:
    with pytest.raises((ReadError, GeometryError), match=rf"a\.nrrd .*{sentence}"):
        nrrd_header(write_nrrd(tmp_path / "a.nrrd", **fields))


@pytest.mark.parametrize(
    "said",
    [
        "/etc/passwd",
        "../a.raw",
        "sub/a.raw",
        "..",
        ".",
        "link.raw",
        "LIST",
        "list 2",
        "a%03d.raw 1 6 1",
        "c:a.raw",
        "a\\b",
        "itself",
        "folder",
    ],
)
def test_voxels_in_other_folders_or_several_files_are_never_opened(tmp_path: Path, said: str) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "folder").mkdir()
    for path in (tmp_path / "a.raw", folder / "sub" / "a.raw"):
        path.write_bytes(VOXELS.tobytes())
    (folder / "link.raw").symlink_to(tmp_path / "a.raw")
    sentence = "names files outside its folder, or several|keeps its voxels in another file, which is not beside it"
    for header, write, key in ((metaimage_header, write_mha, "data"), (nrrd_header, write_nrrd, "data_file")):
        path = folder / f"a{header.__name__[:1]}.x"
        name = path.name if said == "itself" else said
        with pytest.raises(ReadError, match=sentence):
            header(write(path, **{key: name}))


def test_voxels_in_one_file_beside_are_found(tmp_path: Path) -> None:
    (tmp_path / "a voxels.raw").write_bytes(VOXELS.tobytes())
    assert metaimage_header(write_mha(tmp_path / "a.mhd", data="a voxels.raw")).data == "a voxels.raw"
    header = nrrd_header(write_nrrd(tmp_path / "a.nhdr", data_file="a voxels.raw"))
    assert (header.data, header.start) == ("a voxels.raw", 0)


def test_a_comment_in_any_script_is_passed_over(tmp_path: Path) -> None:
    assert metaimage_header(write_mha(tmp_path / "a.mha", Comment="Größe 頭")).size == (4, 5, 6)
    assert nrrd_header(write_nrrd(tmp_path / "a.nrrd", content="Größe 頭")).size == (4, 5, 6)


def test_a_header_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mha").write_bytes(write_mha(tmp_path / "a.mha").read_bytes()[:200])
    with pytest.raises(ReadError, match=r"a\.mha has a damaged header: ElementDataFile, which ends it, is missing"):
        metaimage_header(tmp_path / "a.mha")
    (tmp_path / "a.nrrd").write_bytes(b"NRRD0004\n" + b"# nothing\n" * 200_000)
    with pytest.raises(ReadError, match=r"a\.nrrd has a header of more than 1 MiB"):
        nrrd_header(tmp_path / "a.nrrd")
    (tmp_path / "a.nrrd").write_bytes(b"NRRD0004\ntype: short\n")
    with pytest.raises(ReadError, match=r"a\.nrrd is truncated: its header does not end"):
        nrrd_header(tmp_path / "a.nrrd")


@pytest.mark.parametrize("ending", ["mha", "mhd", "nrrd", "nhdr"])
@pytest.mark.parametrize("packed", [False, True])
def test_files_of_simpleitk_have_its_voxels_and_its_place(sitk: Any, tmp_path: Path, ending: str, packed: bool) -> None:
    for dtype in (
        np.uint8,
        np.int8,
        np.uint16,
        np.int16,
        np.uint32,
        np.int32,
        np.uint64,
        np.int64,
        np.float32,
        np.float64,
    ):
        image = sitk.GetImageFromArray(VOXELS.astype(dtype))
        image.SetSpacing((0.7, 0.8, 2.5))
        image.SetOrigin((-10.0, 20.5, 30.1))
        turn = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 2.9)
        image.SetDirection(turn.GetMatrix())
        path = tmp_path / f"a.{ending}"
        sitk.WriteImage(image, str(path), packed)
        volume = read(path)
        assert volume.voxels.dtype == dtype
        assert np.array_equal(volume.voxels[0], VOXELS.astype(dtype))
        assert (volume.frame, volume.units) == ("patient", "arbitrary")
        back = sitk.ReadImage(str(path))
        for index in ((0, 0, 0), (3, 0, 0), (0, 4, 5), (3, 4, 5)):
            assert volume.world(index[::-1]) == pytest.approx(back.TransformIndexToPhysicalPoint(index), abs=1e-9)


@pytest.mark.parametrize("ending", ["mha", "nrrd"])
@pytest.mark.parametrize("shape", [(6, 5, 4), (5, 4)])
def test_colours_of_simpleitk_become_channels(sitk: Any, tmp_path: Path, ending: str, shape: tuple[int, ...]) -> None:
    colours = np.random.default_rng(2).integers(0, 256, (*shape, 4)).astype(np.uint8)
    path = tmp_path / f"a.{ending}"
    sitk.WriteImage(sitk.GetImageFromArray(colours[..., :3], isVector=True), str(path))
    volume = read(path)
    assert (volume.units, volume.rank) == ("rgb", len(shape))
    assert np.array_equal(volume.voxels, np.moveaxis(colours[..., :3], -1, 0))
    sitk.WriteImage(sitk.GetImageFromArray(colours, isVector=True), str(path))
    with pytest.raises(ReadError, match="is partly transparent"):
        read(path)
    sitk.WriteImage(sitk.GetImageFromArray(colours[..., :2], isVector=True), str(path))
    with pytest.raises(ReadError, match=r"holds 2 values per voxel \(uint8\)"):
        read(path)


def test_spaces_of_the_patient_are_told_apart(sitk: Any, tmp_path: Path) -> None:
    lps = read(write_nrrd(tmp_path / "a.nrrd")).affine
    ras = read(write_nrrd(tmp_path / "b.nrrd", space="right-anterior-superior")).affine
    assert lps is not None
    assert np.array_equal(ras, np.diag([-1.0, -1, 1, 1]) @ lps)
    for fields in ({"space": "scanner-xyz"}, {"space": None, "space_dimension": "3"}):
        volume = read(write_nrrd(tmp_path / "c.nrrd", **fields))
        assert (volume.frame, volume.spacing_mm) == ("image", (2.5, 0.8, 0.7))
    assert read(write_mha(tmp_path / "d.mha", ElementSpacing=None)).frame == "unknown"


def test_axes_that_are_not_at_right_angles_are_kept_and_told(sitk: Any, tmp_path: Path) -> None:
    from radcnn.data.gridded.reading import read_grid

    path = write_nrrd(tmp_path / "a.nrrd", space_directions="(0.7,0,0) (0,0.8,0) (0,0.5,2.5)")
    found = read_grid(Source(path), "nrrd")
    assert [finding.code for finding in found.findings] == ["RC035"]
    assert found.volume.affine is not None
    assert found.volume.affine[:3, 0] == pytest.approx([0, 0.5, 2.5], abs=1e-12)


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read(sitk: Any, tmp_path: Path, order: Literal["<", ">"]) -> None:
    content = VOXELS.astype(f"{order}i2").tobytes()
    big = str(order == ">")
    assert np.array_equal(
        read(write_mha(tmp_path / "a.mha", voxels=content, BinaryDataByteOrderMSB=big)).voxels[0], VOXELS
    )
    endian = "big" if order == ">" else "little"
    assert np.array_equal(read(write_nrrd(tmp_path / "a.nrrd", content, endian=endian)).voxels[0], VOXELS)


def test_damaged_and_lying_files_are_refused_by_name(sitk: Any, tmp_path: Path) -> None:
    plain = VOXELS.tobytes()
    packed, zipped = zlib.compress(plain), gzip.compress(plain)
    flipped = bytearray(packed)
    flipped[-1] ^= 1
    cases: list[tuple[Path, str]] = [
        (write_mha(tmp_path / "a.mha", voxels=plain[:-1]), "announces 240 bytes and it has 239"),
        (write_nrrd(tmp_path / "b.nrrd", plain[:-1]), "announces 240 bytes and it has 239"),
        (write_mha(tmp_path / "c.mha", voxels=packed[:-1], CompressedData="True"), "its packed data end early"),
        (
            write_mha(tmp_path / "d.mha", voxels=bytes(flipped), CompressedData="True"),
            "its packed data cannot be unpacked",
        ),
        (
            write_mha(tmp_path / "e.mha", voxels=packed, CompressedData="True", DimSize="4 5 7"),
            "ends before its last voxel",
        ),
        (
            write_mha(tmp_path / "f.mha", voxels=packed, CompressedData="True", DimSize="4 5 3"),
            "120 bytes after the voxels",
        ),
        (write_nrrd(tmp_path / "g.nrrd", zipped[:-1], encoding="gzip"), "its packed data end early"),
        (write_nrrd(tmp_path / "h.nrrd", plain, encoding="gzip"), "before its last voxel"),
        (
            write_mha(tmp_path / "i.mha", voxels=packed, CompressedData="True", DimSize="900 900 900"),
            "times its size, as an",
        ),
        (write_nrrd(tmp_path / "j.nrrd", zipped, encoding="gzip", sizes="900 900 900"), "times its size"),
        (
            write_mha(tmp_path / "k.mha", TransformMatrix="0 0 0 0 0 0 0 0 0"),
            "does not read|cannot be turned",
        ),
        (write_mha(tmp_path / "l.mha", Offset="1e30 0 0"), "places voxels more than 1 km away"),
    ]
    for path, sentence in cases:
        with pytest.raises((ReadError, GeometryError), match=sentence) as caught:
            read(path)
        assert str(caught.value).startswith(path.name)
        assert str(tmp_path) not in str(caught.value)
    assert np.array_equal(read(write_mha(tmp_path / "z.mha", voxels=zipped, CompressedData="True")).voxels[0], VOXELS)
