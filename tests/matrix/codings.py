"""Pixels in every transfer syntax, encoded by permissive libraries; HTJ2K from codestreams kept beside this file."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

CODESTREAMS = Path(__file__).with_name("htj2k.json")
QUALITY = 98  # of JPEG
NOISE_DB = 75  # peak signal to noise ratio of JPEG 2000 with losses
NEAR = 2  # largest error of JPEG-LS with losses

Encoder = Callable[[Any, NDArray], None]


@dataclass(frozen=True)
class Coding:
    """A transfer syntax, and how a data set without pixels gets them: `encode(dataset, stored)`."""

    name: str
    syntax: str
    encode: Encoder

    def write(self, dataset: Any, stored: NDArray, path: Path) -> None:
        """Write the data set with its pixels, (H, W), (H, W, 3) or with a first axis of frames."""
        dataset.file_meta.TransferSyntaxUID = self.syntax
        self.encode(dataset, stored)
        if self.syntax == ExplicitVRBigEndian:
            options = {"implicit_vr": False, "little_endian": False, "force_encoding": True}
            dcmwrite(path, dataset, **options)
        else:
            dataset.save_as(path, enforce_file_format=True, overwrite=True)


def _native(dataset: Any, stored: NDArray) -> None:
    order = ">" if dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian else "<"
    content = stored.astype(stored.dtype.newbyteorder(order)).tobytes()
    if stored.dtype.kind == "f":
        keyword = "FloatPixelData" if stored.dtype.itemsize == 4 else "DoubleFloatPixelData"
        setattr(dataset, keyword, content)
        return
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    dataset["PixelData"].VR = "OB" if stored.dtype.itemsize == 1 else "OW"


def _pydicom(**options: Any) -> Encoder:
    def encode(dataset: Any, stored: NDArray) -> None:
        syntax = dataset.file_meta.TransferSyntaxUID
        if syntax == JPEG2000 and dataset.PhotometricInterpretation == "RGB":
            dataset.PhotometricInterpretation = "YBR_ICT"
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        uid = dataset.SOPInstanceUID
        dataset.compress(syntax, stored, generate_instance_uid=False, **options)
        assert uid == dataset.SOPInstanceUID, "files keep their names"

    return encode


def _each_frame(encode: Callable[[NDArray], bytes]) -> Encoder:
    def encoded(dataset: Any, stored: NDArray) -> None:
        frames = stored if "NumberOfFrames" in dataset else stored[None]
        dataset.PixelData = encapsulate([encode(frame) for frame in frames])
        dataset["PixelData"].VR = "OB"

    return encoded


def _jpeg(image: NDArray) -> bytes:
    from PIL import Image

    target = io.BytesIO()
    Image.fromarray(image).save(target, "JPEG", quality=QUALITY, subsampling="4:2:2")
    return target.getvalue()


def _baseline(dataset: Any, stored: NDArray) -> None:
    if dataset.SamplesPerPixel == 3:
        dataset.PhotometricInterpretation = "YBR_FULL_422"
    dataset.LossyImageCompression = "01"
    _each_frame(_jpeg)(dataset, stored)


def _gdcm(name: str) -> Encoder:
    """GDCM's encoder of a single image, through files, as its own programs do it."""

    def encode(dataset: Any, stored: NDArray) -> None:
        import gdcm

        syntax = dataset.file_meta.TransferSyntaxUID
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        _native(dataset, stored)
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "plain.dcm"), Path(folder, "coded.dcm")
            dataset.save_as(source, enforce_file_format=True)
            reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
            reader.SetFileName(str(source))
            reader.Read()
            change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, name)))
            change.SetInput(reader.GetImage())
            assert change.Change(), f"GDCM does not encode {name}"
            writer.SetFile(reader.GetFile())
            writer.SetImage(change.GetOutput())
            writer.SetFileName(str(target))
            writer.Write()
            coded = dcmread(target)
        dataset.PixelData = coded.PixelData
        dataset["PixelData"].VR = "OB"
        dataset.file_meta.TransferSyntaxUID = syntax

    return encode


def encode_htj2k(image: NDArray) -> bytes:
    """The codestream of an image, made beforehand: no permissive encoder is among radcnn's dependencies."""
    known = json.loads(CODESTREAMS.read_text()) if CODESTREAMS.is_file() else {}
    key = codestream_key(image)
    if key not in known:
        raise LookupError("the phantom was changed: run tests/matrix/htj2k.py where imagecodecs is installed")
    return base64.b64decode(known[key])


def codestream_key(image: NDArray) -> str:
    return hashlib.sha256(str((image.shape, image.dtype.str)).encode() + image.tobytes()).hexdigest()[:24]


CODINGS = {
    made.name: made
    for made in (
        Coding("explicit little endian", ExplicitVRLittleEndian, _native),
        Coding("implicit little endian", ImplicitVRLittleEndian, _native),
        Coding("explicit big endian", ExplicitVRBigEndian, _native),
        Coding("deflated", DeflatedExplicitVRLittleEndian, _native),
        Coding("RLE", RLELossless, _pydicom()),
        Coding("JPEG baseline", JPEGBaseline8Bit, _baseline),
        Coding("JPEG extended, 8 bits", JPEGExtended12Bit, _baseline),
        Coding("JPEG extended, 12 bits", JPEGExtended12Bit, _gdcm("JPEGExtendedProcess2_4")),
        Coding("JPEG lossless", "1.2.840.10008.1.2.4.57", _gdcm("JPEGLosslessProcess14")),
        Coding("JPEG lossless, selection value 1", JPEGLosslessSV1, _gdcm("JPEGLosslessProcess14_1")),
        Coding("JPEG-LS lossless", JPEGLSLossless, _pydicom()),
        Coding("JPEG-LS near-lossless", JPEGLSNearLossless, _pydicom(jls_error=NEAR)),
        Coding("JPEG 2000 lossless", JPEG2000Lossless, _pydicom()),
        Coding("JPEG 2000 lossy", JPEG2000, _pydicom(j2k_psnr=[NOISE_DB])),
        Coding("HTJ2K lossless", HTJ2KLossless, _each_frame(lambda image: encode_htj2k(image))),
    )
}


def subsampled(ybr: NDArray) -> NDArray:
    """YBR_FULL (..., H, W, 3) as the bytes of YBR_FULL_422: Y Y Cb Cr for each pair of pixels in a row."""
    pairs = ybr.reshape(*ybr.shape[:-2], ybr.shape[-2] // 2, 2, 3)
    chroma = np.rint(pairs[..., 1:].mean(axis=-2))
    made = np.concatenate([pairs[..., 0], chroma], axis=-1)
    return made.astype(np.uint8)
