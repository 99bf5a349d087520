"""The compiled JPEG 2000 decoder against OpenJPEG, bit for bit."""

import io
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from struct import pack

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from openjpeg import decode_pixel_data
from openjpeg.utils import encode_array
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.uid import JPEG2000, JPEG2000Lossless

from radcnn.kernels.compiled import NotCompiledError, compiled, only_from_disk
from radcnn.kernels.jpeg2000.arithmetic import ROOM_BEYOND, words_of
from radcnn.kernels.jpeg2000.decoding import decoded

PROGRESSIONS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")
THOROUGH = int(os.environ.get("RADCNN_EXAMPLES", "60"))
patient = settings(max_examples=THOROUGH, deadline=None, suppress_health_check=[HealthCheck.too_slow])

seeds = st.integers(0, 2**32 - 1)
sizes = st.one_of(st.integers(1, 9), st.integers(1, 200))


def picture(seed: int, rows: int, columns: int, bits: int, *, signed: bool = False) -> NDArray:
    """Waves, a flat part and noise of any strength within the bits."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns]
    made = 0.5 + 0.4 * np.sin(x / chance.uniform(1, 40)) * np.cos(y / chance.uniform(1, 40))
    made[y > chance.uniform(0, 1.3) * rows] = chance.choice([0.0, 1.0, 0.3])
    made += chance.standard_normal(made.shape) * 2.0 ** -chance.uniform(0, 17)
    lowest = -(1 << bits - 1) if signed else 0
    whole = np.clip(np.rint(made * ((1 << bits) - 1)), 0, (1 << bits) - 1).astype(np.int64) + lowest
    return whole.astype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")


def by_openjpeg(codestream: bytes, like: NDArray) -> NDArray:
    return np.frombuffer(decode_pixel_data(codestream, version=2), like.dtype).reshape(like.shape)


def by_pillow(image: NDArray, **options: object) -> bytes:
    target = io.BytesIO()
    Image.fromarray(image).save(target, "JPEG2000", no_jp2=True, **options)
    return target.getvalue()


@given(
    seed=seeds,
    rows=sizes,
    columns=sizes,
    bits=st.sampled_from([8, 16]),
    resolutions=st.integers(1, 7),
    block=st.sampled_from([(4, 4), (4, 1024), (1024, 4), (8, 64), (16, 16), (32, 128), (64, 64)]),
    progression=st.sampled_from(PROGRESSIONS),
    layers=st.sampled_from([(), (4, 0), (60, 20, 7, 1)]),
)
@patient
def test_whatever_the_options_the_image_comes_back(
    seed: int,
    rows: int,
    columns: int,
    bits: int,
    resolutions: int,
    block: tuple[int, int],
    progression: str,
    layers: tuple[int, ...],
) -> None:
    image = picture(seed, rows, columns, bits)
    options = {"quality_mode": "rates", "quality_layers": list(layers)} if layers else {}
    most = min(rows, columns).bit_length()
    codestream = by_pillow(
        image, num_resolutions=min(resolutions, most), codeblock_size=block, progression=progression, **options
    )
    found = decoded(codestream)
    if found is None:  # the last layer may leave planes out where the rate asks for it
        assert layers
        return
    assert np.array_equal(found, by_openjpeg(codestream, image))
    assert layers or np.array_equal(found, image)


@given(
    seed=seeds,
    rows=st.integers(32, 200),
    columns=st.integers(32, 200),
    bits=st.integers(2, 16),
    signed=st.booleans(),
    lengths=st.booleans(),
)
@patient
def test_every_precision_and_sign_comes_back(
    seed: int, rows: int, columns: int, bits: int, signed: bool, lengths: bool
) -> None:
    image = picture(seed, rows, columns, bits, signed=signed)
    codestream = bytes(encode_array(image, bits_stored=bits, add_tlm=lengths, add_plt=lengths))
    found = decoded(codestream)
    assert found is not None
    assert found.dtype == image.dtype
    assert np.array_equal(found, by_openjpeg(codestream, image))


@given(seed=seeds, where=st.floats(0, 1))
@patient
def test_a_tile_in_two_parts_comes_back(seed: int, where: float) -> None:
    image = picture(seed, 60, 50, 16)
    codestream = by_pillow(image)
    start, body = codestream.index(b"\xff\x90"), codestream.index(b"\xff\x93") + 2
    cut = int(body + where * (len(codestream) - 2 - body))
    parts = (codestream[body:cut], codestream[cut:-2])
    heads = [pack(">3HL2B", 0xFF90, 10, 0, 14 + len(part), number, 2) for number, part in enumerate(parts)]
    whole = b"".join(head + b"\xff\x93" + part for head, part in zip(heads, parts, strict=True))
    found = decoded(codestream[:start] + whole + codestream[-2:])
    assert found is not None
    assert np.array_equal(found, image)


@pytest.mark.parametrize(
    "options",
    [
        {"irreversible": True},
        {"precinct_size": (64, 64)},
        {"tile_size": (64, 64)},
        {"quality_mode": "rates", "quality_layers": [20]},
    ],
)
def test_a_stream_of_another_kind_is_left_to_others(options: dict[str, object]) -> None:
    assert decoded(by_pillow(picture(1, 150, 130, 8), **options)) is None


def test_colour_and_the_jp2_format_are_left_to_others() -> None:
    gray = picture(1, 50, 60, 8)
    assert decoded(by_pillow(np.dstack([gray] * 3))) is None
    target = io.BytesIO()
    Image.fromarray(gray).save(target, "JPEG2000")
    assert decoded(target.getvalue()) is None


@given(seed=seeds, cut=st.floats(0, 1))
@patient
def test_a_truncated_stream_is_left_to_others(seed: int, cut: float) -> None:
    codestream = by_pillow(picture(seed, 70, 90, 16))
    assert decoded(codestream[: int(cut * (len(codestream) - 1))]) is None


@given(seed=seeds, changes=st.integers(1, 12), header=st.booleans())
@patient
def test_a_damaged_stream_gives_what_openjpeg_makes_of_it_or_is_left_to_it(
    seed: int, changes: int, header: bool
) -> None:
    chance = np.random.default_rng(seed)
    image = picture(seed, int(chance.integers(1, 90)), int(chance.integers(1, 90)), 16)
    damaged = bytearray(by_pillow(image, codeblock_size=(16, 16), quality_mode="rates", quality_layers=[4, 0]))
    for at in chance.integers(2, min(140, len(damaged)) if header else len(damaged), changes):
        damaged[at] = chance.choice([0, 255, 0x8F, 0x90, chance.integers(256)])
    found = decoded(bytes(damaged))
    if found is None or found.size > 1 << 20:
        return
    packets = damaged[damaged.index(b"\xff\x93") + 2 : -2]
    carries = any(first == 0xFF and second >= 0x80 for first, second in pairwise(packets))
    if not carries:  # OpenJPEG adds what lies there later than we do: the same, but for streams that no encoder makes
        assert np.array_equal(found, by_openjpeg(bytes(damaged), found))


@given(
    parts=st.lists(st.lists(st.sampled_from([0, 1, 0x7F, 0x80, 0x8F, 0xFE, 0xFF]), max_size=40), min_size=1, max_size=3)
)
@patient
def test_bytes_lose_their_stuffed_bits_and_keep_their_carries(parts: list[list[int]]) -> None:
    whole = [byte for part in parts for byte in part]
    ends = np.cumsum([0] + [len(part) for part in parts])
    chunks = np.array([[ends[k], ends[k + 1], k + 1] for k in range(len(parts))])
    chunks[-1, 2] = -1
    words = np.zeros(len(whole) // 4 + ROOM_BEYOND, np.uint32)
    last = words_jit(np.array(whole, np.uint8), chunks, words)

    value, bits, before = 0, 0, 0
    for byte in whole:
        if before == 0xFF and byte > 0x8F:
            break
        width = 7 if before == 0xFF else 8
        value, bits, before = (value << width) + byte, bits + width, byte
    spare = -bits % 32
    expected = (((value + 1) << spare) - 1) % (1 << bits + spare)
    made = int.from_bytes(words[:last].astype(">u4").tobytes(), "big")
    assert made == expected
    assert words[last] == 0xFFFFFFFF


@compiled
def words_jit(data, chunks, words):
    return words_of(data, chunks, 0, words)


def test_the_files_of_scanners_come_back(real_data: Path) -> None:
    seen = 0
    for path in sorted((real_data / "dicom").rglob("*")):
        for frame in frames_of(path)[:2]:
            found = decoded(frame)
            if found is not None:
                assert np.array_equal(found, by_openjpeg(frame, found)), path.name
                seen += 1
    assert seen > 0


def frames_of(path: Path) -> list[bytes]:
    """The JPEG 2000 codestreams of a DICOM file; none of any other file."""
    try:
        dataset = dcmread(path)
        coded = dataset.file_meta.TransferSyntaxUID in (JPEG2000, JPEG2000Lossless)
        return (
            list(generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", 1) or 1)))
            if coded
            else []
        )
    except Exception:
        return []


def test_a_loop_that_is_not_on_disk_is_not_compiled_where_that_is_forbidden() -> None:
    code = (
        "from radcnn.kernels.compiled import *\n"
        "import numba\n"
        "def loop(n): return n + 1\n"
        "loop = numba.njit(loop)\n"
        "try:\n"
        "    with only_from_disk(): loop(1)\n"
        "except NotCompiledError: raise SystemExit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7
    assert issubclass(NotCompiledError, Exception)
    with only_from_disk():
        pass
