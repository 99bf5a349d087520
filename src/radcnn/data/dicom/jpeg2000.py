"""Which decoder a JPEG 2000 frame is given to: the compiled loops where enough frames repay loading them, or OpenJPEG.

The loops decode a frame in seven tenths of OpenJPEG's time, but a process needs most of a second to load them, and 15
seconds once to compile them. A child never compiles: it cannot write files, and its seconds are a file's. So whoever
reads many frames has them compiled by a process of the lowest priority, which the next readings gain from.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from numpy.typing import NDArray

FRAMES_WORTH_LOADING = 150  # decoded by one process, before and soon; loading takes as long as 100 of them gain
COMPILE = (
    "import os, sys; sys.path[:] = sys.argv[2:]; os.nice(19); from pathlib import Path; "
    "from radcnn.kernels.jpeg2000.decoding import loaded; loaded(); Path(sys.argv[1]).touch()"
)

_loops: Callable[[bytes], NDArray | None] | None = None
_frames = 0


def expect(frames: int) -> None:
    """Say that this process will decode so many frames, outside the limits of any file: it loads what that is worth."""
    global _loops, _frames
    _frames += frames
    if _loops is not None or _frames < FRAMES_WORTH_LOADING or not compiled_file().is_file():
        return
    try:
        from radcnn.kernels.compiled import only_from_disk
        from radcnn.kernels.jpeg2000.decoding import decoded, loaded

        with only_from_disk():
            loaded()
    except Exception:  # made by another numba, or for another processor: OpenJPEG needs none
        _frames = -sys.maxsize
        return
    _loops = decoded


def decode_jpeg_2000(codestream: bytes) -> bytearray | NDArray:
    """The samples row by row, 1, 2 or 4 bytes each by the codestream's precision; raises what OpenJPEG raises."""
    found = _loops(codestream) if _loops is not None else None
    if found is not None:
        return found
    from openjpeg import decode_pixel_data

    return decode_pixel_data(codestream, version=2)


def have_compiled(frames: int) -> None:
    """Have the loops compiled, beside what is going on, where so many frames for each child are worth it."""
    if frames < FRAMES_WORTH_LOADING // 2 or compiled_file().is_file():
        return
    _compile()


@cache
def _compile() -> None:
    """Once, in a process that nobody waits for and that ends by itself."""
    place = compiled_file()
    if not hasattr(os, "posix_spawn"):
        return
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if os.access(place.parent, os.W_OK):
            silent = [(os.POSIX_SPAWN_OPEN, handle, os.devnull, os.O_RDWR, 0) for handle in range(3)]
            words = [sys.executable, "-c", COMPILE, str(place), *sys.path]
            os.posix_spawn(sys.executable, words, os.environ, file_actions=silent, setpgroup=0)
    except OSError:
        pass


@cache
def compiled_file() -> Path:
    """The file that says that the loops, as they are now, were compiled for this Python and numba."""
    import radcnn.kernels

    folder = Path(radcnn.kernels.__path__[0])
    try:
        made_by = version("numba")
    except PackageNotFoundError:
        made_by = "none"
    newest = max(path.stat().st_mtime_ns for path in folder.rglob("*.py"))
    place = Path(os.environ.get("NUMBA_CACHE_DIR") or folder / "__pycache__")
    return place / f"jpeg2000.{sys.implementation.cache_tag}.numba-{made_by}.{newest}.ready"
