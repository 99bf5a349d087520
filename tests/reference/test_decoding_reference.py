"""Every transfer syntax of pydicom's collection, frame by frame, against pydicom's decoders and uncompressed twins."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.pixels import get_decoder

from radcnn.core.case import Source
from radcnn.core.errors import GeometryError, ReadError
from radcnn.data.dicom.decoding import stored_of
from radcnn.data.dicom.frame import Frame
from radcnn.data.dicom.layout import Layout, layout_of
from radcnn.data.dicom.pixels import facts_of, values_of
from radcnn.data.dicom.reader import read_dicom
from radcnn.data.quiet import quiet
from radcnn.data.read import read

SECONDS = 5.0  # of CPU that a file of the collection may take


def dataset_of(path: Path) -> pydicom.FileDataset:
    """Also a file without DICOM's preamble, as these are given: the pixels are tested, not the file's form."""
    with quiet():
        found = pydicom.dcmread(path, force=True)
    if "TransferSyntaxUID" not in found.file_meta:
        found.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
    return found


def image_in(path: Path) -> tuple[Path, pydicom.FileDataset, Layout] | None:
    """None for a file that is no image; which they are is tested elsewhere."""
    with quiet():
        try:
            dataset = dataset_of(path)
            return path, dataset, layout_of(path.name, dataset)
        except Exception:
            return None


def images(real_data: Path) -> list[tuple[Path, pydicom.FileDataset, Layout]]:
    paths = sorted(path for path in (real_data / "dicom").rglob("*") if path.is_file())
    return [found for path in paths if (found := image_in(path)) is not None]


def by_pydicom(dataset: pydicom.FileDataset, number: int, plugin: str) -> NDArray | None:
    """The stored numbers by one of pydicom's decoders; None when it cannot decode this frame."""
    with quiet():
        try:
            decoder = get_decoder(dataset.file_meta.TransferSyntaxUID)
            return decoder.as_array(dataset, index=number, decoding_plugin=plugin)[0]
        except Exception:
            return None


def test_every_frame_is_that_of_pydicoms_decoders(real_data: Path) -> None:
    compared: dict[str, int] = {}
    for path, dataset, layout in images(real_data):
        lossy_dct = layout.syntax in ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
        irreversible = layout.syntax in ("1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.203")
        plugins = [""] if lossy_dct or irreversible else ["", "pylibjpeg", "gdcm", "pyjpegls", "pydicom"]
        for number in range(layout.frames):
            theirs = [by_pydicom(dataset, number, plugin) for plugin in plugins]
            if all(each is None for each in theirs):
                continue
            ours = stored_of(path.name, dataset, layout, number)
            for plugin, each in zip(plugins, theirs, strict=True):
                if each is not None:
                    assert np.array_equal(ours, each), (path.name, number, plugin)
                    compared[layout.syntax] = compared.get(layout.syntax, 0) + 1
    assert sum(compared.values()) > 300
    assert {syntax.removeprefix("1.2.840.10008.1.2") for syntax in compared} == {
        "",  # implicit little endian
        ".1",  # explicit little endian
        ".1.99",  # deflated
        ".2",  # big endian
        ".4.50",  # JPEG baseline
        ".4.70",  # JPEG lossless
        ".4.80",  # JPEG-LS
        ".4.81",  # JPEG-LS near lossless
        ".4.90",  # JPEG 2000 lossless
        ".4.91",  # JPEG 2000
        ".4.201",  # HTJ2K lossless
        ".4.203",  # HTJ2K
        ".5",  # RLE
    }


TWINS = {  # one picture in several codings, the first uncompressed
    "693_UNCR.dcm": ("693_J2KR.dcm",),
    "693_UNCI.dcm": ("693_J2KI.dcm",),
    "MR2_UNCR.dcm": ("MR2_J2KR.dcm",),
    "MR2_UNCI.dcm": ("MR2_J2KI.dcm",),
    "US1_UNCR.dcm": ("US1_J2KR.dcm",),
    "US1_UNCI.dcm": ("US1_J2KI.dcm",),
    "JPEG2000_UNC.dcm": ("JPEG2000.dcm",),
    "SC_rgb_gdcm2k_uncompressed.dcm": ("SC_rgb_gdcm_KY.dcm",),
    "MR_small.dcm": (
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_expb.dcm",
        "MR_small_implicit.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_padded.dcm",
    ),
    "emri_small.dcm": (
        "emri_small_RLE.dcm",
        "emri_small_big_endian.dcm",
        "emri_small_jpeg_2k_lossless.dcm",
        "emri_small_jpeg_ls_lossless.dcm",
    ),
    "OBXXXX1A_2frame.dcm": ("OBXXXX1A_expb_2frame.dcm", "OBXXXX1A_rle_2frame.dcm"),
    "OBXXXX1A.dcm": ("OBXXXX1A_expb.dcm", "OBXXXX1A_rle.dcm"),
    "gdcm-US-ALOKA-16.dcm": ("gdcm-US-ALOKA-16_big.dcm",),
    "SC_rgb.dcm": ("SC_rgb_rle.dcm", "SC_rgb_expb.dcm"),
    "SC_rgb_dcmtk_ebcr_dcmd.dcm": ("SC_rgb_dcmtk_+eb+cr.dcm",),  # JPEG, decompressed by dcmtk
    "SC_rgb_dcmtk_ebcyn1_dcmd.dcm": ("SC_rgb_dcmtk_+eb+cy+n1.dcm",),
    "SC_rgb_dcmtk_ebcyn2_dcmd.dcm": ("SC_rgb_dcmtk_+eb+cy+n2.dcm",),
    "SC_rgb_dcmtk_ebcynp_dcmd.dcm": ("SC_rgb_dcmtk_+eb+cy+np.dcm",),
    "SC_rgb_dcmtk_ebcys2_dcmd.dcm": ("SC_rgb_dcmtk_+eb+cy+s2.dcm",),
    "SC_rgb_dcmtk_ebcys4_dcmd.dcm": ("SC_rgb_dcmtk_+eb+cy+s4.dcm",),
    "SC_rgb_jpeg_dcmd.dcm": ("SC_rgb_jpeg.dcm",),
    "JLSL_RGB_ILV0.dcm": ("JLSL_RGB_ILV1.dcm", "JLSL_RGB_ILV2.dcm"),
    "examples_jpeg2k.dcm": ("US1_UNCR.dcm",),
    "SC_rgb_2frame.dcm": ("SC_rgb_rle_2frame.dcm", "SC_rgb_expb_2frame.dcm"),
    "SC_rgb_16bit_2frame.dcm": ("SC_rgb_rle_16bit_2frame.dcm", "SC_rgb_expb_16bit_2frame.dcm"),
    "SC_rgb_32bit_2frame.dcm": ("SC_rgb_rle_32bit_2frame.dcm", "SC_rgb_expb_32bit_2frame.dcm"),
    "SC_ybr_full_uncompressed.dcm": ("SC_ybr_full_422_uncompressed.dcm",),
    "color-px.dcm": ("color-pl.dcm",),
}
MASKS = {  # segmentations are labels, not images; only their stored numbers are compared
    "liver.dcm": ("liver_rle.dcm", "liver_deflate.dcm", "liver_expb.dcm", "liver_j2k.dcm"),
    "liver_nonbyte_aligned.dcm": (
        "liver_nonbyte_aligned_rle.dcm",
        "liver_nonbyte_aligned_deflate.dcm",
        "liver_nonbyte_aligned_j2k.dcm",
    ),
}


@pytest.fixture(scope="module")
def collection(real_data: Path) -> dict[str, Path]:
    return {path.name: path for path in (real_data / "dicom").rglob("*.dcm")}


@pytest.mark.parametrize("name", TWINS)
def test_a_picture_is_the_same_in_every_coding(collection: dict[str, Path], name: str) -> None:
    plain = dataset_of(collection[name])
    for number in range(int(plain.get("NumberOfFrames") or 1)):
        expected = values_of(name, Frame(plain, number)).values
        for other in TWINS[name]:
            found = values_of(other, Frame(dataset_of(collection[other]), number)).values
            assert np.array_equal(found, expected), (other, number)


@pytest.mark.parametrize("name", MASKS)
def test_masks_of_1_bit_are_the_same_in_every_coding(
    collection: dict[str, Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radcnn.data.dicom.layout.NO_IMAGES", {})
    frames = []
    for each in (name, *MASKS[name]):
        dataset = dataset_of(collection[each])
        layout = layout_of(each, dataset)
        frames.append([stored_of(each, dataset, layout, number) for number in range(layout.frames)])
    assert all(np.array_equal(frames[0], other) for other in frames[1:])
    assert np.max(frames[0]) == 1


POINTS = {  # (row, column): stored numbers where there is no twin, as pydicom's own tests know them
    "JPGExtended.dcm": {(420, 140): 244, (230, 120): 95},
    "JPEG-lossy.dcm": {(420, 140): 244, (230, 120): 95},
    "JPEG-LL.dcm": {(400, 124): 60, (400, 131): 67, (600, 126): 2},
    "JPGLosslessP14SV1_1s_1f_8b.dcm": {(300, 512): 26, (600, 519): 21},
    "J2K_pixelrep_mismatch.dcm": {(0, 0): -2000, (47, 279): 621, (328, 106): -377},
    "image_dfl.dcm": {(300, 255): 138, (300, 262): 35},
    "GDCMJ2K_TextGBR.dcm": {(45, 140): (223, 32, 32), (46, 140): (255, 0, 0), (350, 195): (128, 128, 128)},
    "SC_rgb_small_odd.dcm": {(0, 0): (166, 141, 52), (2, 2): (158, 158, 158)},
    "SC_rgb_small_odd_big_endian.dcm": {(0, 0): (166, 141, 52), (1, 0): (63, 87, 176), (2, 2): (158, 158, 158)},
    "SC_ybr_full_uncompressed.dcm": {(5, 50): (254, 0, 0), (25, 50): (0, 255, 5), (35, 50): (129, 255, 129)},
    "SC_rgb_rle_16bit.dcm": {(15, 50): (65535, 32896, 32896), (85, 50): (49344, 49344, 49344)},
}


@pytest.mark.parametrize("name", POINTS)
def test_stored_numbers_are_those_that_are_known(collection: dict[str, Path], name: str) -> None:
    dataset = dataset_of(collection[name])
    found = stored_of(name, dataset, layout_of(name, dataset), 0)
    for (row, column), number in POINTS[name].items():
        assert np.array_equal(found[row, column], number)


def test_12_bit_jpeg_is_close_to_the_lossless_coding_of_its_picture(collection: dict[str, Path]) -> None:
    lossy, lossless = (
        values_of(name, Frame(dataset_of(collection[name]))).values[0].astype(float)
        for name in ("JPGExtended.dcm", "JPEG-LL.dcm")
    )
    assert np.corrcoef(lossy.ravel(), lossless.ravel())[0, 1] > 0.98
    assert np.abs(lossy - lossless).mean() < 3


def test_facts_are_what_every_frame_of_the_collection_turns_out_to_be(real_data: Path) -> None:
    for path, dataset, layout in images(real_data):
        for number in {0, layout.frames - 1}:
            frame = Frame(dataset, number)
            try:
                found = values_of(path.name, frame)
            except ReadError:
                assert path.name == "JPEG2000-embedded-sequence-delimiter.dcm"
                continue
            facts = facts_of(path.name, frame)
            assert (facts.channels, facts.rows, facts.columns) == found.values.shape, path.name
            assert (facts.dtype, facts.units) == (found.values.dtype.name, found.units), path.name


def test_every_file_of_the_collection_is_an_image_or_is_refused_in_time(real_data: Path) -> None:
    outcomes = {"image": 0, "film": 0, "refused": 0}
    for path in sorted(path for path in (real_data / "dicom").rglob("*") if path.is_file()):
        start = time.process_time()
        try:
            read(path)
            outcome = "image"
        except (ReadError, GeometryError) as refusal:
            outcome = "film" if "choose one with item" in str(refusal) else "refused"
        if outcome == "film":
            volume = read_dicom(Source(path, item=1)).volume
            assert volume.rank == 2
        outcomes[outcome] += 1
        assert time.process_time() - start < SECONDS, path.name
    assert sum(outcomes.values()) == 274
    assert outcomes["image"] >= 135
    assert outcomes["film"] >= 18
