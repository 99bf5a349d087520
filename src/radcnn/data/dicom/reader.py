"""A DICOM file, or the one series of a folder that is asked for, as a Volume; what was chosen and changed as findings.

Headers come first: of usual files they are parsed here (`direct`), of all others bounded children read each file once
and tell them. Then it is decided which frames are the volume and where each of them lies. Last come their pixels, read
here or decoded by the children, side by side, straight into the one array that is returned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Source
from radcnn.core.errors import ReadError
from radcnn.core.files import reading
from radcnn.core.volume import Units
from radcnn.data.bounded import Crew, Refused
from radcnn.data.bounded.children import Given
from radcnn.data.bounded.limits import file_size, most_voxel_bytes
from radcnn.data.bounded.memory import STORE
from radcnn.data.bounded.refusals import error_of
from radcnn.data.dicom.arranging import Arrangement, arrange, finished_volume
from radcnn.data.dicom.direct import DirectHeader, direct_pixels, usual_headers
from radcnn.data.dicom.films import frame_number
from radcnn.data.dicom.headed import Header
from radcnn.data.dicom.header import dicom_files, files_in
from radcnn.data.dicom.jpeg2000 import have_compiled
from radcnn.data.dicom.padding import LOWEST_HU, fill
from radcnn.data.dicom.pixels import PixelFacts, pixel_findings
from radcnn.data.dicom.slices import Slice
from radcnn.data.findings import Finding
from radcnn.data.reading import Reading

MAX_BYTES = 8 << 30  # of a volume in memory
FRAMES_WORTH_A_CHILD = 8  # of a file with many; a second child has to read it, too
DTYPES = frozenset(np.dtype(kind).name for kind in "bhilBHILfd")

Shape = tuple[int, int, int, int]
H = TypeVar("H", bound=Header)
Decode = Callable[[list[H], Shape, np.dtype], NDArray]


def read_dicom(source: Source) -> Reading:
    """A DICOM file, or a series of a folder, as (C, D, H, W), or (C, H, W) for a lone image.

    A frame of a film is chosen by `source.item`, which of an enhanced volume takes one frame as an image. Objects of a
    folder without pixels (reports, presentation states) are left out. Raises ReadError when a file is damaged or no
    image, GeometryError when no series can be chosen or its slices are no volume.
    """
    path = source.path
    with reading(path):
        is_folder = path.is_dir()
    whose = f"folder {path.name}" if is_folder else path.name
    usual = None if source.voi else usual_headers(files_in(path) if is_folder else (path,))
    if usual:
        return _reading(usual, source, whose, _directly)
    files = dicom_files(path) if is_folder else (path,)
    with Crew.lent(len(files)) as crew:
        headers = _headers(crew, files, voi=source.voi, lone=not is_folder)
        if not headers:
            raise ReadError(f"{whose} holds DICOM objects, but no image; give the folder of the images")
        return _reading(headers, source, whose, partial(_by_children, crew, voi=source.voi))


def _reading(headers: list[H], source: Source, whose: str, decode: Decode[H]) -> Reading:
    """The volume among frames; `decode` writes those that are chosen into its memory."""
    headers = _film_or_all(headers, source)
    slices = [header.slice for header in headers]
    made = arrange(slices, whose=whose, series=source.series, allow_gaps=source.allow_gaps)
    chosen = [headers[i] for i in made.order]
    voxels = decode(chosen, *_form(chosen, made, whose))
    units: Units = chosen[0].known.units
    volume = finished_volume(voxels, replace(made, units=units), _outside(voxels, units, made))
    finite = all(header.known.finite for header in chosen)
    findings = (*made.findings, *_of_pixels(chosen))
    numbers = tuple(one.instance_number if one.frames == 1 else None for one in (header.slice for header in chosen))
    return Reading(volume, findings, finite, tuple(header.file for header in chosen), numbers)


def _headers(crew: Crew, files: Sequence[Path], *, voi: bool, lone: bool) -> list[Header]:
    """The frames of all files; raises what a child found wrong with one."""
    found = []
    for path, said in zip(files, crew.each("dicom slices", files, {"voi": voi, "lone": lone}), strict=True):
        if isinstance(said, Refused):
            raise said.error
        found += [_header(path, one) for one in said]
    return found


def _header(path: Path, said: Any) -> Header:
    facts = error_of(said["fault"], path) if "fault" in said else _facts(path.name, said["facts"])
    return Header(path, Slice.from_json(said["slice"], name=path.name), facts)


def _facts(name: str, said: Any) -> PixelFacts:
    """The facts that a child told, tested; what comes out of a hostile file is not trusted."""
    try:
        made = PixelFacts(**said)
        counts = (made.frames, made.rows, made.columns)
        fine = all(isinstance(n, int) and n > 0 for n in counts) and made.channels in (1, 3)
        fine = fine and made.dtype in DTYPES and made.units in get_args(Units)
    except TypeError:
        fine = False
    if not fine:
        raise ReadError(f"{name} is damaged: its header could not be read; copy or export it again")
    return made


def _film_or_all(headers: list[H], source: Source) -> list[H]:
    """All frames, or the one that `source.item` asks for; a film's one header becomes that of the frame."""
    first = headers[0]
    if first.slice.film and len(headers) == 1:
        number = frame_number(first.file.name, first.slice.frames, source.item)
        return [replace(first, slice=replace(first.slice, number=number))]
    film = len(headers) > 1 and all(one.file == first.file and one.slice.plane is None for one in headers)
    if source.item is None and not film:
        return headers
    return [headers[frame_number(source.path.name, len(headers), source.item)]]


def _directly(chosen: list[DirectHeader], shape: Shape, kind: np.dtype) -> NDArray:
    """The chosen frames, read in this process into one array (C, D, H, W), padding filled."""
    stack = STORE.own(shape, kind)
    padding = np.zeros(shape[1:], np.bool_) if any(header.known.padding for header in chosen) else None
    lowest = direct_pixels(chosen, stack, padding)
    if padding is not None and padding.any():
        fill(stack, padding, lowest, chosen[0].known.units)
    return stack


def _by_children(crew: Crew, chosen: list[Header], shape: Shape, kind: np.dtype, *, voi: bool) -> NDArray:
    """The chosen frames, decoded by children into one array (C, D, H, W), padding filled."""
    with ExitStack() as memory:
        stack = Given.unwritten(shape, kind)  # every frame is decoded into it, or an error is raised
        arrays = [stack]
        if any(header.known.padding for header in chosen):
            arrays.append(memory.enter_context(Given.new(shape[1:], np.bool_)))
        files, own = _shared_out(crew, chosen)
        coded = sum(header.known.jpeg_2000 for header in chosen) // max(1, len(crew.children))
        have_compiled(coded)
        lowest: list[float | None] = []
        for found in crew.each("dicom pixels", files, {"voi": voi, "jpeg_2000": coded}, own=own, arrays=arrays):
            if isinstance(found, Refused):
                raise found.error
            lowest += found
    if len(arrays) > 1 and arrays[1].array.any():
        fill(stack.array, arrays[1].array, lowest, chosen[0].known.units)
    return stack.array


def _form(chosen: Sequence[Header], made: Arrangement, whose: str) -> tuple[Shape, np.dtype]:
    """Shape and type of the stack, once it is known that frames agree in it and that it and the volume fit."""
    facts = [header.known for header in chosen]
    if len({one.channels for one in facts}) > 1:
        raise ReadError(f"{whose} mixes gray images and colour; put them into folders of their own")
    kinds = {np.dtype(one.dtype) for one in facts}
    # one slice is rescaled and another is not: both are exact in float32 up to 24 bits
    kind = kinds.pop() if len(kinds) == 1 else np.dtype(np.float32)
    largest = max(int(np.prod(size, dtype=np.int64)) for size in (made.size, made.finished_size))
    n_bytes = kind.itemsize * facts[0].channels * largest
    if n_bytes > MAX_BYTES:
        raise ReadError(f"{whose} takes more than {MAX_BYTES >> 30} GiB; crop it")
    if n_bytes > most_voxel_bytes(sum(file_size(path) for path in {header.file for header in chosen})):
        raise ReadError(
            f"{whose} was not read: it claims {n_bytes >> 20:,} MiB of voxels, far more than its size explains; it is "
            "damaged or made to do harm"
        )
    return (facts[0].channels, *made.size), kind


def _shared_out(crew: Crew, chosen: Sequence[Header]) -> tuple[list[Path], list[list[tuple[int, int]]]]:
    """Which file each child decodes, and of it which frames to which places."""
    wanted: dict[Path, list[tuple[int, int]]] = {}
    for place, header in enumerate(chosen):
        wanted.setdefault(header.file, []).append((header.slice.number, place))
    if len(wanted) > 1:
        return list(wanted), list(wanted.values())
    ((file, frames),) = wanted.items()
    crew.grow(max(1, len(frames) // FRAMES_WORTH_A_CHILD))
    n = max(1, min(len(crew.children), len(frames)))
    parts = [frames[i * len(frames) // n : (i + 1) * len(frames) // n] for i in range(n)]
    return [file] * n, parts


def _outside(voxels: NDArray, units: Units, made: Arrangement) -> float:
    """What stands where an upright volume reaches beyond the slices: the lowest value, of HU that of air."""
    if made.tilt is None:
        return 0.0
    lowest = float(voxels.min())
    return max(lowest, LOWEST_HU) if units == "HU" else lowest


def _of_pixels(chosen: Sequence[Header]) -> Iterator[Finding]:
    """What is worth knowing about the values, once for all frames."""
    seen: set[str] = set()
    for header in chosen:
        for one in pixel_findings(header.file.name, header.known):
            if one.code not in seen:
                seen.add(one.code)
                yield one
