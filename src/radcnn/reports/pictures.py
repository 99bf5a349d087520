"""Pictures of cases for the page: shrunk to what is looked at, and written anew so that nothing rides along in them."""

from __future__ import annotations

import base64
import io

from PIL import Image, UnidentifiedImageError

from radcnn.core.errors import ReadError

LONGEST = 320  # pixels of the longer side: twice what the page shows, for sharp screens
MOST_PIXELS = 1 << 26  # a larger picture is not one of a case
MODES = {"L": "L", "RGB": "RGB", "1": "L", "P": "RGB", "LA": "L", "RGBA": "RGB"}


def data_uri(png: bytes, number: int, *, longest: int = LONGEST) -> str:
    """A PNG as a data URI, at most `longest` pixels long and without any text chunks.

    Raises ReadError when the picture of case `number` is damaged or not 8-bit.
    """
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as opened:
            if opened.mode not in MODES or opened.width * opened.height > MOST_PIXELS:
                raise ReadError(
                    f"the picture of case {number} must be an 8-bit PNG of at most {MOST_PIXELS:,} pixels, got "
                    f"mode {opened.mode} and {opened.width} x {opened.height}; window it to 8 bits first"
                )
            picture = opened.convert(MODES[opened.mode])
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as cause:
        raise ReadError(f"the picture of case {number} is not a readable PNG; make the report again") from cause
    picture.thumbnail((longest, longest))
    bare = Image.new(picture.mode, picture.size)
    bare.paste(picture)
    written = io.BytesIO()
    bare.save(written, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode("ascii")
