"""The stored numbers of one frame, as the file holds them: decoded, in their sign, without what lies in unused bits.

Gray frames in the codings of today go straight to their decoder, which saves pydicom's preparations; colour and the
rare codings go through pydicom, to a decoder that is named, so that a picture has the same numbers on every machine.
GDCM is asked only for what nothing else decodes: it ends the whole process on some damaged JPEG.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import RadcnnError, ReadError
from radcnn.data.dicom.codestream import JPEG, JPEG_LS, Size, codestream_of, refuse_other_size, size_of
from radcnn.data.dicom.jpeg2000 import decode_jpeg_2000
from radcnn.data.dicom.layout import JPEG_2000, NATIVE, NATIVE_LITTLE, PIXELS, Layout, syntax_name

RLE = "1.2.840.10008.1.2.5"
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
JPEG_EXTENDED = JPEG[1]

Decoder = Callable[[bytes, Layout, "Size | None"], NDArray]


def stored_of(name: str, dataset: Any, layout: Layout, number: int) -> NDArray:
    """The frame `number` as (H, W), or (H, W, 3) with YBR as RGB; possibly a view of the data set, not to be written.

    Raises ReadError when it cannot be decoded.
    """
    try:
        found = _decoded(name, dataset, layout, number)
    except (RadcnnError, MemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as cause:  # a panic of the RLE decoder, written in Rust, is no Exception
        raise ReadError(
            f"{name} is damaged, truncated or in a coding that is not supported: its pixels "
            f"({syntax_name(layout.syntax)}) cannot be decoded ({type(cause).__name__}); copy it again, or export it "
            "uncompressed"
        ) from None
    return only_stored_bits(_in_shape(name, found, layout), layout)


def _decoded(name: str, dataset: Any, layout: Layout, number: int) -> NDArray:
    if layout.syntax in NATIVE_LITTLE and layout.samples == 1:
        return _native(dataset.get(layout.keyword), layout, number)
    if layout.syntax not in NATIVE:
        codestream = codestream_of(dataset, layout, number)
        size = size_of(codestream, layout.syntax)
        refuse_other_size(name, layout, size)
        decoder = DECODERS.get(layout.syntax)
        if decoder is not None and layout.samples == 1 and _suits(layout, size):
            return decoder(codestream, layout, size)
    return _by_pydicom(dataset, number, PLUGINS.get(layout.syntax, ""))


def _suits(layout: Layout, size: Size | None) -> bool:
    """Whether the decoder gets what it must know from the codestream; of JPEG's processes only 12 bits are ours."""
    if layout.syntax == JPEG_EXTENDED:
        return size is not None and size.precision == 12
    return size is not None or layout.syntax in (RLE, DEFLATED_FRAMES)


def _in_shape(name: str, found: NDArray, layout: Layout) -> NDArray:
    shape = (layout.rows, layout.columns) + ((3,) if layout.samples == 3 else ())
    if found.shape != shape:
        raise ReadError(f"{name} says {shape} but has pixels of shape {found.shape}; export it again")
    return found.astype(layout.dtype, copy=False)


def _native(data: bytes, layout: Layout, number: int) -> NDArray:
    """Uncompressed, little endian, one sample per pixel."""
    n = layout.rows * layout.columns
    if layout.allocated == 1 and layout.keyword == PIXELS:
        start, shift = divmod(number * n, 8)  # frames follow each other without padding, even inside a byte
        packed = np.frombuffer(data, np.uint8, (shift + n + 7) // 8, start)
        return np.unpackbits(packed, bitorder="little")[shift : shift + n].reshape(layout.rows, layout.columns)
    kind = layout.dtype.newbyteorder("<")
    return np.frombuffer(data, kind, n, number * n * kind.itemsize).reshape(layout.rows, layout.columns)


def _jpeg_2000(codestream: bytes, layout: Layout, size: Size | None) -> NDArray:
    assert size is not None, "tested before"
    found = _container(decode_jpeg_2000(codestream), layout, size.precision)
    other_sign = size.signed is not layout.signed
    return _sign_extended(found, size.precision) if other_sign else found


def _jpeg_ls(codestream: bytes, layout: Layout, size: Size | None) -> NDArray:
    from jpeg_ls import decode_pixel_data  # type: ignore[import-untyped]

    assert size is not None, "tested before"
    found = _container(decode_pixel_data(codestream)[0], layout, size.precision)
    return _sign_extended(found, size.precision) if layout.signed else found  # the coding itself knows no sign


def _rle(codestream: bytes, layout: Layout, _size: Size | None) -> NDArray:
    from rle.utils import decode_pixel_data

    if layout.allocated == 1:  # eight pixels in a byte, each frame by itself
        n = (layout.rows * layout.columns + 7) // 8
        packed = decode_pixel_data(codestream, version=2, rows=n, columns=1, bits_allocated=8)
        return _native(bytes(packed), layout, 0)
    found = decode_pixel_data(
        codestream, version=2, rows=layout.rows, columns=layout.columns, bits_allocated=layout.allocated
    )
    return np.frombuffer(found, layout.dtype.newbyteorder("<")).reshape(layout.rows, layout.columns)


def _jpeg_12_bits(codestream: bytes, layout: Layout, _size: Size | None) -> NDArray:
    """GDCM decodes them; pydicom refuses to ask it."""
    import gdcm

    fragment, fragments = gdcm.Fragment(), gdcm.SequenceOfFragments.New()
    fragment.SetByteStringValue(codestream)
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((layout.columns, layout.rows, 1))
    image.SetDataElement(element)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGExtendedProcess2_4))
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, 12, 11, int(layout.signed)))
    pixels = image.GetBuffer().encode("utf-8", "surrogateescape")  # gdcm gives bytes as text
    return np.frombuffer(pixels, layout.dtype.newbyteorder("<")).reshape(layout.rows, layout.columns)


def _deflated(codestream: bytes, layout: Layout, _size: Size | None) -> NDArray:
    """Never more than the header declares is unpacked."""
    bits = layout.rows * layout.columns * layout.allocated
    pixels = zlib.decompressobj(-zlib.MAX_WBITS).decompress(codestream, (bits + 7) // 8)
    return _native(pixels, layout, 0)


def _container(pixels: bytes | bytearray | NDArray, layout: Layout, precision: int) -> NDArray:
    """Decoders choose the size of a number by the precision of the codestream, not by BitsAllocated."""
    width = 1 if precision <= 8 else 2 if precision <= 16 else 4
    kind = np.dtype(f"<{'i' if layout.signed else 'u'}{width}")
    return np.frombuffer(pixels, kind).reshape(layout.rows, layout.columns)


def _sign_extended(found: NDArray, precision: int) -> NDArray:
    """The lowest `precision` bits, in the sign of their type: a shift up and down again."""
    free = found.dtype.itemsize * 8 - precision
    return (found << free) >> free if free else found


def only_stored_bits(found: NDArray, layout: Layout) -> NDArray:
    """Numbers without what may lie in the unused high bits of a pixel (old overlays), sign extended."""
    if layout.keyword != PIXELS or layout.bits == layout.dtype.itemsize * 8 or layout.allocated == 1:
        return found
    lowest, highest = (
        (-(1 << layout.bits - 1), (1 << layout.bits - 1) - 1) if layout.signed else (0, (1 << layout.bits) - 1)
    )
    if found.max() <= highest and (not layout.signed or found.min() >= lowest):
        return found
    return _sign_extended(found, layout.bits)


def _by_pydicom(dataset: Any, number: int, plugin: str) -> NDArray:
    from pydicom.pixels import get_decoder

    decoder = get_decoder(dataset.file_meta.TransferSyntaxUID)
    return decoder.as_array(dataset, index=number, decoding_plugin=plugin)[0]


DECODERS: dict[str, Decoder] = {  # of gray frames
    **dict.fromkeys(JPEG_2000, _jpeg_2000),
    **dict.fromkeys(JPEG_LS, _jpeg_ls),
    RLE: _rle,
    JPEG_EXTENDED: _jpeg_12_bits,
    DEFLATED_FRAMES: _deflated,
}

PLUGINS = {  # what pydicom calls the decoders that are asked
    **dict.fromkeys(JPEG_2000, "pylibjpeg"),
    **dict.fromkeys(JPEG_LS, "pyjpegls"),
    **dict.fromkeys(JPEG[:2], "pillow"),
    **dict.fromkeys(JPEG[2:], "gdcm"),
    RLE: "pylibjpeg",
}
