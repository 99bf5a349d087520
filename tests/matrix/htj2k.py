"""Makes the HTJ2K codestreams beside this file anew; run it where imagecodecs is installed, with tests in the path.

python -m matrix.htj2k
"""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path

from numpy.typing import NDArray

from matrix import codings
from matrix.phantom import PHANTOMS
from matrix.rows import ROWS


def main() -> None:
    """Write every codestream that the HTJ2K row asks for."""
    import imagecodecs

    made: dict[str, str] = {}

    def noted(image: NDArray) -> bytes:
        stream: bytes = imagecodecs.htj2k_encode(image, reversible=True)
        made[codings.codestream_key(image)] = base64.b64encode(stream).decode()
        return stream

    codings.encode_htj2k = noted
    with tempfile.TemporaryDirectory() as folder:
        for phantom in PHANTOMS:
            ROWS["coding: HTJ2K lossless"].written(Path(folder), phantom)
    codings.CODESTREAMS.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
