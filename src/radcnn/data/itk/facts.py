"""What a MetaImage or NRRD file holds: its own header decides what is read, SimpleITK where it lies.

SimpleITK reads the header alone. The voxels are read as those of NIfTI are (`grid_into`), because SimpleITK 2.5 gives
wrong ones, with a word on the error output alone, where the packed data of a MetaImage are damaged.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import InputError, ReadError
from radcnn.core.files import reading
from radcnn.core.volume import Frame
from radcnn.data.grid.facts import GridFacts, end_of, refuse_size, surplus
from radcnn.data.grid.judging import askew, refuse_impossible
from radcnn.data.grid.types import COLOURS, Stored
from radcnn.data.itk.header import ItkHeader
from radcnn.data.itk.metaimage import metaimage_header
from radcnn.data.itk.nrrd import nrrd_header
from radcnn.data.kind import FORMAT_NAMES

ItkFormat = Literal["mha", "nrrd"]
HEADERS: dict[ItkFormat, Callable[[Path], ItkHeader]] = {"mha": metaimage_header, "nrrd": nrrd_header}
READS: dict[ItkFormat, str] = {"mha": "MetaImageIO", "nrrd": "NrrdImageIO"}  # SimpleITK's names
Affine = tuple[tuple[float, ...], ...]


def itk_facts(path: Path, form: ItkFormat) -> GridFacts:
    """What a MetaImage ("mha") or NRRD ("nrrd") file holds.

    Raises InputError when SimpleITK is not installed; ReadError when the file is damaged, truncated, too large, names
    files elsewhere or is no image that can be read; GeometryError when it contradicts itself about where it lies.
    """
    name, sitk = path.name, _simpleitk(path.name, form)
    with reading(path):
        header = HEADERS[form](path)
        data = path.with_name(header.data) if header.data else path
        file_bytes = data.stat().st_size - header.start
    stored = _stored(name, header)
    facts = GridFacts(
        packing=header.packing,
        offset=0,
        stored=stored,
        order=header.order,
        shape=(3 if stored in COLOURS else 1, *header.size[::-1]),
        frames=1,
        scaling=None,
        dtype="uint8" if stored in COLOURS else stored,
        affine=None,
        frame="unknown",
        units="rgb" if stored in COLOURS else "arbitrary",
        start=header.start,
        data=header.data,
    )
    refuse_size(name, facts, file_bytes)
    findings = () if facts.packed else surplus(name, facts, file_bytes - end_of(facts))
    affine, frame = _placed(header, _asked(sitk, path, form, header))
    if affine is None:
        return replace(facts, findings=findings)
    refuse_impossible(name, affine)
    rows = tuple(tuple(row) for row in affine.tolist())
    return replace(facts, affine=rows, frame=frame, findings=findings + askew(name, affine))


def load_simpleitk() -> None:
    """Load SimpleITK, where it is installed, before any file: its libraries count for no file's memory or seconds."""
    with suppress(ImportError):
        import SimpleITK  # noqa: F401


def _simpleitk(name: str, form: ItkFormat) -> Any:
    try:
        import SimpleITK
    except ImportError:
        raise InputError(
            f"{name} is a {FORMAT_NAMES[form]} file, and these are read with SimpleITK, which is not installed; "
            "install it (pip install 'radcnn[itk]'), or convert the file to .nii.gz"
        ) from None
    return SimpleITK


def _stored(name: str, header: ItkHeader) -> Stored:
    if header.channels == 1:
        return header.stored
    if header.stored == "uint8" and header.channels in (3, 4):
        return "RGB" if header.channels == 3 else "RGBA"
    raise ReadError(
        f"{name} holds {header.channels} values per voxel ({header.stored}); one is read, or three or four bytes of "
        "colour: save each channel as a file"
    )


def _asked(sitk: Any, path: Path, form: ItkFormat, header: ItkHeader) -> Any:
    """SimpleITK's reader with the header read; raises ReadError where it reads another one than we do."""
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # what it says may quote the path
    reader = sitk.ImageFileReader()
    try:
        reader.SetImageIO(READS[form])
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
    except Exception:
        # its own words quote the path
        raise ReadError(
            f"{path.name} has a header that SimpleITK does not read; it is damaged, copy it again"
        ) from None
    if tuple(reader.GetSize()) != header.size or reader.GetNumberOfComponents() != header.channels:
        raise ReadError(f"{path.name} has a header that can be read in two ways; save it again")
    return reader


def _placed(header: ItkHeader, reader: Any) -> tuple[NDArray[np.float64] | None, Frame]:
    """The affine (slice, row, column) -> LPS, as far as the header knows it."""
    rank = len(header.size)
    spacing = np.array(reader.GetSpacing())
    if header.knows == "unknown" or not (np.isfinite(spacing) & (spacing > 0)).all():
        return None, "unknown"
    affine = np.eye(4)
    if header.knows == "patient":
        affine[:3, :3] = np.array(reader.GetDirection()).reshape(rank, rank) * spacing
        affine[:3, 3] = reader.GetOrigin()
    else:
        affine[range(rank), range(rank)] = spacing
    return affine[:, [2, 1, 0, 3]] + 0.0, header.knows
