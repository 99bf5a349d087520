"""PNG, JPEG and TIFF through Pillow, with nothing lost on the way: no bits, no orientation, no hidden transparency.

gray    8-bit, 16-bit, 32-bit integer or float: (1, H, W) in the stored type; units "grey"
colour  8-bit RGB or palette: (3, H, W) uint8; units "rgb". Three equal channels stay three channels
alpha   dropped where every pixel is opaque, refused otherwise: nobody knows what lies under a transparent pixel
EXIF    the orientation is applied, so that rows and columns are those a person sees
place   unknown: the dots per inch of such files are a printer's setting, seldom a measurement
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Source
from radcnn.core.errors import ReadError
from radcnn.core.volume import Volume
from radcnn.data.kind import FORMAT_NAMES, Format
from radcnn.data.quiet import quiet

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 100_000_000  # a file that claims more is taken for an attack; the largest mammograms have 30 million
GREY_MODES = ("L", "I;16", "I;16B", "I;16L", "I", "F")  # Pillow's names of images with one number per pixel
ALPHA_MODES = ("LA", "La", "RGBA", "RGBa", "PA")
ORIENTATION = 0x0112  # EXIF and TIFF tag
JPEG_IN_TIFF = ("jpeg", "tiff_jpeg")  # Pillow's names of compressions
PHOTOMETRIC, WHITE_IS_ZERO = 262, 0  # TIFF tag and its value for "0 is white"


def read_image(source: Source, form: Format) -> Volume:
    """A PNG, JPEG or TIFF as Volume (C, H, W) without place.

    Raises ReadError when the file is damaged, truncated, larger than MAX_PIXELS, of several pages, partly transparent,
    or of a kind Pillow would silently reduce (16-bit colour).
    """
    path = source.path
    with quiet():
        try:
            # a file object, not a path: Pillow turns memory-mapped TIFFs of orientation 5 to 8 wrongly
            with path.open("rb") as file, _opened(path, file, form) as image:
                _refuse(path, image)
                voxels = _voxels(path, image)
        except (ReadError, MemoryError):
            raise
        except Exception as cause:
            # a decoder may fail in any way on damaged bytes
            raise ReadError(
                f"{path.name} is damaged or truncated: its {FORMAT_NAMES[form]} data cannot be decoded; "
                "copy it again from its source"
            ) from cause
    return Volume(voxels, None, "rgb" if len(voxels) == 3 else "grey", frame="unknown")


def is_jpeg(path: Path, form: Format) -> bool:
    """Whether pixels are compressed as in a JPEG, which a TIFF's may be, too; False where the file cannot be opened."""
    if form != "tiff":
        return form == "jpeg"
    with quiet():
        try:
            with path.open("rb") as file, _opened(path, file, form) as image:
                return image.info.get("compression") in JPEG_IN_TIFF
        except Exception:
            return False  # who reads it says what is wrong


def _opened(path: Path, file: BinaryIO, form: Format) -> Image:
    """The image with its header read; only the decoder of the format found is asked."""
    from PIL import Image

    try:
        return Image.open(file, formats=(form.upper(),))
    except Image.DecompressionBombError:
        raise ReadError(f"{path.name} claims more than {MAX_PIXELS:,} pixels; make it smaller") from None


def _refuse(path: Path, image: Image) -> None:
    """Raise ReadError for what would be read wrongly or cost too much."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ReadError(
            f"{path.name} has {width} x {height} pixels; at most {MAX_PIXELS:,} pixels are read, make it smaller"
        )
    pages = getattr(image, "n_frames", 1)
    if pages > 1 and image.format != "MPO":  # an MPO is a photograph with previews
        raise ReadError(
            f"{path.name} has {pages} pages, and whether they are slices and how far apart is not said; "
            "save one image per file, or a volume as NIfTI or DICOM"
        )
    raw = _raw_mode(image)
    if "16" in raw and image.mode not in GREY_MODES:
        raise ReadError(
            f"{path.name} has 16 bits per colour channel, which cannot be read without loss; "
            "save it as 16-bit gray or 8-bit colour"
        )
    if image.mode in ("CMYK", "LAB", "HSV"):
        raise ReadError(f"{path.name} has {image.mode} colours, made for printing; save it as gray or RGB")


def _raw_mode(image: Image) -> str:
    """How the file stores a pixel, in Pillow's words ("L", "RGB;16B"); empty where Pillow does not say."""
    tiles = getattr(image, "tile", None)
    if not tiles:
        return ""
    arguments = tiles[0][3]
    raw = arguments if isinstance(arguments, str) else arguments[0] if arguments else ""
    return raw if isinstance(raw, str) else ""


def _voxels(path: Path, image: Image) -> NDArray:
    """Decoded pixels (C, H, W), upright, in the stored type."""
    from PIL import ImageOps

    raw, inverted = _raw_mode(image), _stored_inverted(image)
    image.load()
    if image.getexif().get(ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
    pixels = np.asarray(_plain(path, image))
    if pixels.ndim == 3:
        return np.ascontiguousarray(np.moveaxis(pixels, -1, 0))
    if pixels.dtype == np.int32 and "16" in raw:
        # Pillow widens what the file stores in 16 bits
        pixels = pixels.astype(np.int16 if raw.startswith("I;16") and "S" in raw else np.uint16)
    pixels = pixels.astype(pixels.dtype.newbyteorder("="))
    if inverted and pixels.dtype != np.uint8:  # Pillow inverts 8 bits itself
        pixels = _turned(path, pixels)
    return pixels[None]


def _stored_inverted(image: Image) -> bool:
    tags = getattr(image, "tag_v2", None)
    return tags is not None and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO


def _turned(path: Path, pixels: NDArray) -> NDArray:
    """White-is-zero made black-is-zero within the range of the stored type."""
    if pixels.dtype != np.uint16:
        raise ReadError(f"{path.name} stores white as 0 in {pixels.dtype} pixels; save it with black as 0")
    return np.iinfo(np.uint16).max - pixels


def _plain(path: Path, image: Image) -> Image:
    """The image as gray or RGB: bits and palettes expanded, an alpha channel dropped where all pixels are opaque."""
    key = image.info.get("transparency")
    if image.mode == "1":
        image = image.convert("L")
    if image.mode in GREY_MODES:
        if key is not None and (np.asarray(image) == key).any():
            _refuse_transparent(path)
        return image
    if image.mode not in ALPHA_MODES and key is None:
        return image if image.mode == "RGB" else image.convert("RGB")
    grey = image.mode in ("LA", "La")
    image = image.convert("LA" if grey else "RGBA")
    if image.getchannel("A").getextrema()[0] != 255:
        _refuse_transparent(path)
    return image.convert("L" if grey else "RGB")


def _refuse_transparent(path: Path) -> NoReturn:
    raise ReadError(
        f"{path.name} is partly transparent, and what lies under it is not known; save it without transparency"
    )
