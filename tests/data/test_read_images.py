"""PNG, JPEG and TIFF are read without losing bits, orientation or a hidden alpha channel, or refused by name."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from radcnn.core.errors import ReadError
from radcnn.data import images
from radcnn.data.read import read

GENERATOR = np.random.default_rng(3)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(path: Path, width: int, height: int, *, depth: int, colour: int, rows: bytes) -> Path:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize("ending", ["png", "tiff"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gray_images_keep_every_bit_of_8_and_16(tmp_path: Path, ending: str, dtype: type) -> None:
    pixels = GENERATOR.integers(0, np.iinfo(dtype).max, (5, 7)).astype(dtype)
    path = tmp_path / f"a.{ending}"
    Image.fromarray(pixels).save(path)
    volume = read(path)
    assert volume.voxels.dtype == dtype
    assert np.array_equal(volume.voxels, pixels[None])
    assert (volume.units, volume.frame, volume.rank) == ("grey", "unknown", 2)


def test_a_float_tiff_stays_float(tmp_path: Path) -> None:
    pixels = GENERATOR.normal(size=(4, 6)).astype(np.float32)
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    volume = read(tmp_path / "a.tif")
    assert volume.voxels.dtype == np.float32
    assert np.array_equal(volume.voxels[0], pixels)


def test_a_big_endian_tiff_is_read_in_native_order(tmp_path: Path) -> None:
    pixels = GENERATOR.integers(0, 65535, (3, 4)).astype(np.uint16)
    tiff(tmp_path / "a.tif", pixels, photometric=1, order=">")
    volume = read(tmp_path / "a.tif")
    assert volume.voxels.dtype.isnative
    assert np.array_equal(volume.voxels[0], pixels)


def tiff(path: Path, pixels: NDArray, *, photometric: int, order: str = "<", sample_format: int = 1) -> None:
    """The smallest TIFF there is: one strip, no compression."""
    bits = pixels.dtype.itemsize * 8
    entries = [
        (256, 3, pixels.shape[1]),
        (257, 3, pixels.shape[0]),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, photometric),
        (273, 4, 8),
        (277, 3, 1),
        (278, 3, pixels.shape[0]),
        (279, 4, pixels.nbytes),
        (339, 3, sample_format),
    ]
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    table = struct.pack(order + "H", len(entries))
    for tag, kind, value in entries:
        packed = struct.pack(order + ("HH" if kind == 3 else "I"), *((value, 0) if kind == 3 else (value,)))
        table += struct.pack(order + "HHI", tag, kind, 1) + packed
    start = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 8 + len(data))
    path.write_bytes(start + data + table + struct.pack(order + "I", 0))


def test_a_signed_16_bit_tiff_keeps_its_sign_and_size(tmp_path: Path) -> None:
    pixels = np.array([[-1000, 5], [32767, -32768]], dtype=np.int16)
    tiff(tmp_path / "a.tif", pixels, photometric=1, sample_format=2)
    volume = read(tmp_path / "a.tif")
    assert volume.voxels.dtype == np.int16
    assert np.array_equal(volume.voxels[0], pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero_is_turned_round(tmp_path: Path, dtype: type) -> None:
    pixels = np.array([[0, 1], [2, 200]], dtype=dtype)
    tiff(tmp_path / "a.tif", pixels, photometric=0)
    assert np.array_equal(read(tmp_path / "a.tif").voxels[0], np.iinfo(dtype).max - pixels)


@pytest.mark.parametrize("ending", ["png", "tiff", "bmp.png"])
def test_colour_is_channel_first_and_gray_stored_as_colour_stays_colour(tmp_path: Path, ending: str) -> None:
    pixels = GENERATOR.integers(0, 255, (4, 6, 3)).astype(np.uint8)
    pixels[0] = pixels[0, :, :1]
    Image.fromarray(pixels).save(tmp_path / f"a.{ending}")
    volume = read(tmp_path / f"a.{ending}")
    assert volume.voxels.shape == (3, 4, 6)
    assert np.array_equal(volume.voxels, np.moveaxis(pixels, -1, 0))
    assert volume.units == "rgb"


def test_a_jpeg_gives_what_its_decoder_gives(tmp_path: Path) -> None:
    Image.fromarray(GENERATOR.integers(0, 255, (16, 24)).astype(np.uint8)).save(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as image:
        assert np.array_equal(read(tmp_path / "a.jpg").voxels[0], np.asarray(image))


def upright(pixels: NDArray, orientation: int) -> NDArray:
    """What a person sees, by the table of EXIF 2.3, 4.6.4: where row 0 and column 0 of the stored image are."""
    turned = pixels.T if orientation > 4 else pixels
    rows_down = orientation in (1, 2, 5, 6)
    columns_right = orientation in (1, 4, 5, 8)
    return turned[:: 1 if rows_down else -1, :: 1 if columns_right else -1]


@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(tmp_path: Path, ending: str, orientation: int) -> None:
    pixels = np.zeros((16, 32), np.uint8)
    pixels[:8, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / f"a.{ending}", exif=exif)
    voxels = read(tmp_path / f"a.{ending}").voxels[0]
    assert np.array_equal(voxels > 127, upright(pixels, orientation) > 127)


def test_one_bit_and_palette_images_are_expanded(tmp_path: Path) -> None:
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "bits.png")
    assert read(tmp_path / "bits.png").voxels.tolist() == [[[255, 0]]]
    image = Image.fromarray(np.array([[0, 1]], np.uint8), mode=None).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60] + [0] * 762)
    image.save(tmp_path / "palette.png")
    volume = read(tmp_path / "palette.png")
    assert volume.units == "rgb"
    assert volume.voxels[:, 0, 0].tolist() in ([10, 20, 30], [40, 50, 60])


@pytest.mark.parametrize(("mode", "channels"), [("RGBA", 3), ("LA", 1)])
def test_an_opaque_alpha_channel_is_dropped_and_any_other_refused(tmp_path: Path, mode: str, channels: int) -> None:
    pixels = GENERATOR.integers(0, 255, (4, 5, 4 if mode == "RGBA" else 2)).astype(np.uint8)
    pixels[..., -1] = 255
    Image.fromarray(pixels, mode=None).save(tmp_path / "opaque.png")
    volume = read(tmp_path / "opaque.png")
    assert np.array_equal(volume.voxels, np.moveaxis(pixels[..., :-1], -1, 0))
    assert volume.channels == channels
    pixels[2, 3, -1] = 254
    Image.fromarray(pixels, mode=None).save(tmp_path / "glass.png")
    with pytest.raises(ReadError, match=r"glass\.png is partly transparent"):
        read(tmp_path / "glass.png")


def test_a_transparent_gray_value_is_refused_only_where_it_occurs(tmp_path: Path) -> None:
    for value, name in ((7, "absent.png"), (3, "present.png")):
        Image.fromarray(np.full((2, 2), 3, np.uint8)).save(tmp_path / name, transparency=value)
    assert read(tmp_path / "absent.png").voxels.shape == (1, 2, 2)
    with pytest.raises(ReadError, match="partly transparent"):
        read(tmp_path / "present.png")


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_16_bit_colour_is_refused_because_the_decoder_would_halve_it(
    tmp_path: Path, colour: int, channels: int
) -> None:
    path = png(tmp_path / "deep.png", 2, 2, depth=16, colour=colour, rows=(b"\0" + b"\x12\x34" * 2 * channels) * 2)
    with pytest.raises(ReadError, match=r"deep\.png has 16 bits per colour channel.*save it as"):
        read(path)


def test_a_tiff_of_several_pages_is_refused_with_their_number(tmp_path: Path) -> None:
    page = Image.fromarray(np.zeros((4, 4), np.uint8))
    page.save(tmp_path / "pages.tif", save_all=True, append_images=[page, page])
    with pytest.raises(ReadError, match=r"pages\.tif has 3 pages.*one image per file"):
        read(tmp_path / "pages.tif")


def test_printing_colours_are_refused(tmp_path: Path) -> None:
    Image.new("CMYK", (4, 4)).save(tmp_path / "print.jpg")
    with pytest.raises(ReadError, match=r"print\.jpg has CMYK colours"):
        read(tmp_path / "print.jpg")


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = png(tmp_path / "bomb.png", 60_000, 60_000, depth=8, colour=0, rows=b"\0" * 10)
    with pytest.raises(ReadError, match=r"bomb\.png .*100,000,000 pixels"):
        read(huge)
    monkeypatch.setattr(images, "MAX_PIXELS", 10)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "large.png")
    with pytest.raises(ReadError, match=r"large\.png has 4 x 4 pixels"):
        read(tmp_path / "large.png")


@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_truncated_image_is_refused_by_its_name_alone(tmp_path: Path, ending: str, kept: float) -> None:
    whole = tmp_path / f"whole.{ending}"
    Image.fromarray(GENERATOR.integers(0, 255, (64, 64)).astype(np.uint8)).save(whole)
    content = whole.read_bytes()
    (tmp_path / f"cut.{ending}").write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ReadError, match=rf"cut\.{ending} is damaged or truncated.*copy it again") as caught:
        read(tmp_path / f"cut.{ending}")
    assert str(tmp_path) not in str(caught.value)
