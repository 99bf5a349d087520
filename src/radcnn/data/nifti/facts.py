"""What a NIfTI file holds, from its header alone: everything that can be refused is refused before a voxel is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from radcnn.core.errors import ReadError
from radcnn.core.files import reading
from radcnn.data.grid.facts import GridFacts, end_of, product, refuse_size, surplus
from radcnn.data.grid.types import COLOURS, Stored
from radcnn.data.nifti.header import FIRST_VOXEL, Header, header_of
from radcnn.data.nifti.own import Own, own_of
from radcnn.data.nifti.placing import Place, placed
from radcnn.data.nifti.types import scaled_type, scaling_of, stored_of, units_of
from radcnn.data.unpacking import GZIP_MARK, Packing, Unpacked


def nifti_facts(path: Path) -> GridFacts:
    """What a NIfTI-1 or NIfTI-2 file holds, plain or gzipped.

    Raises ReadError when the file is damaged, truncated, too large or no image that can be read; GeometryError when it
    contradicts itself about where it lies.
    """
    name = path.name
    with reading(path), Unpacked(path) as stream:
        head = stream.read(FIRST_VOXEL[2])
        if stream.packed and head.startswith(GZIP_MARK):
            raise ReadError(f"{name} is packed twice with gzip; unpack it once")
        header = header_of(name, head)
        head += stream.read(max(0, header.offset - len(head)))
        file_bytes, packing = stream.size, stream.packing
    own = own_of(name, header, head)
    facts = _facts(name, header, own, placed(name, header, own.affine), packing)
    refuse_size(name, facts, file_bytes)
    if facts.packed:  # how long it is, its end will tell
        return facts
    return replace(facts, findings=facts.findings + surplus(name, facts, file_bytes - end_of(facts)))


def _facts(name: str, header: Header, own: Own, place: Place, packing: Packing) -> GridFacts:
    stored = stored_of(name, header)
    shape, frames = _shape(name, header, own, stored)
    scaling = None if stored in COLOURS else scaling_of(name, header)
    dtype = scaled_type(stored, scaling) if scaling else "uint8" if stored in COLOURS else stored
    return GridFacts(
        packing=packing,
        offset=header.offset,
        stored=stored,
        order=header.order,
        shape=shape,
        frames=frames,
        scaling=scaling,
        dtype=dtype,
        affine=None if place.affine is None else tuple(tuple(row) for row in place.affine.tolist()),
        frame=place.frame,
        units=units_of(header, stored, dtype),
        findings=place.findings,
    )


def _shape(name: str, header: Header, own: Own, stored: Stored) -> tuple[tuple[int, ...], int]:
    """(C, D, H, W) or (C, H, W), and the number of time points."""
    dim = header.dim
    if len(dim) < 2:
        raise ReadError(f"{name} has no image: its array has shape {dim}")
    colours = 3 if stored in COLOURS else 1
    if max(dim[4:], default=1) > 1:
        if len(dim) == 5 and dim[3] == 1 and colours == 1 and dim[4] == own.channels:
            rank = own.rank if own.rank == 2 and dim[2] == 1 else 3
            return (own.channels, *dim[2::-1][3 - rank :]), 1
        _refuse_vectors(name, dim)
    return (colours, *dim[: min(len(dim), 3)][::-1]), dim[3] if len(dim) > 3 else 1


def _refuse_vectors(name: str, dim: tuple[int, ...]) -> NoReturn:
    values = product(dim[4:])
    raise ReadError(
        f"{name} holds {values} values per voxel (channels, a vector or a tensor: shape {dim}), one is read; "
        "save each channel as a file"
    )
