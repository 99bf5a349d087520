"""Prepared pairs: an image and its reference on one grid, in their own unit, kept whole in a store on the disk.

Nothing is resampled, scaled or cropped: a restoration's result goes back where its image came from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case
from radcnn.core.errors import GeometryError, InputError
from radcnn.core.files import sha256_of_json
from radcnn.core.volume import Volume
from radcnn.data.prepared.building import Said, Told, held_store
from radcnn.data.prepared.keys import keys_of, naming
from radcnn.data.quiet import quiet
from radcnn.data.read import read_noted
from radcnn.data.store import CaseStore, StoredCase

EDITION = 1  # raised when the same files would be prepared to other numbers
SAME_PLACE = 0.01  # voxels between corners of grids that are one

Lower = Callable[[Volume, Case], Volume]


@dataclass(frozen=True, eq=False)
class PreparedPairs:
    """Pairs (2, *size) in the cases' order, read where they are looked at, and a hash of all values."""

    cases: tuple[StoredCase, ...]
    digest: str
    held: object = None


def prepare_pairs(
    cases: Sequence[Case],
    cache: Path,
    *,
    hu: bool = False,
    lowered: tuple[str, Lower] | None = None,
    told: Told | None = None,
    said: Said | None = None,
) -> PreparedPairs:
    """The pairs of these cases from a store in `cache`; what is not there is read and compared.

    hu       take the values of files that do not say so (NIfTI, MetaImage) for HU
    lowered  how the image is made of its reference where there is no other, and a word for that way

    Raises ReadError, GeometryError or InputError, naming the case, for pairs that do not fit together.
    """
    about = {"pairs": EDITION, "hu": hu, "made": lowered[0] if lowered else None}
    folder = cache / f"prepared-{sha256_of_json(about)[:20]}"
    keys = pair_keys(cases)

    def fill(store: CaseStore, rows: list[int]) -> None:
        with quiet(), store.grouped():
            for done, row in enumerate(rows, start=1):
                with naming(cases[row]):
                    image, affine = _pair(cases[row], hu, lowered)
                store.add(keys[row], image, affine=affine)
                if told is not None:
                    told(done, len(rows))

    store, held = held_store(folder, {"preparation": about}, keys, fill, said)
    digests = store.lines["digest"][[store.row(key) for key in keys]] if cases else np.zeros(0)
    whole = hashlib.sha256(np.ascontiguousarray(digests).tobytes()).hexdigest()
    return PreparedPairs(tuple(store[key] for key in keys), whole, held)


def pair_keys(cases: Sequence[Case]) -> list[str]:
    """A key for each pair, of the files of both images."""
    first = keys_of(cases)
    second = keys_of([replace(case, source=case.reference or case.source) for case in cases])
    return [
        hashlib.blake2b(f"{a} {b}".encode(), digest_size=20).hexdigest() for a, b in zip(first, second, strict=True)
    ]


def _pair(
    case: Case, hu: bool, lowered: tuple[str, Lower] | None
) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
    """The image and its reference (2, *size) in their unit, and where they lie."""
    assert case.reference is not None, "a pair has a reference"
    wanted = in_unit(read_noted(case.reference).volume, hu)
    if lowered is not None:
        given = lowered[1](wanted, case)
    else:
        given = in_unit(read_noted(case.source).volume, hu)
        refuse_unlike(given, wanted)
    return np.concatenate([one_channel(given).voxels, one_channel(wanted).voxels]).astype(np.float32), wanted.affine


def one_channel(volume: Volume) -> Volume:
    """The volume; raises InputError where it has several channels."""
    if volume.channels != 1:
        raise InputError(f"a restoration takes images of one channel, got {volume.channels}")
    return volume


def in_unit(volume: Volume, hu: bool) -> Volume:
    """The volume, in HU where a person says that its values are."""
    return replace(volume, units="HU") if hu and volume.units == "arbitrary" else volume


def refuse_unlike(image: Volume, reference: Volume) -> None:
    """Raises GeometryError where an image and its reference lie on different grids, InputError for different units."""
    if image.size != reference.size:
        raise GeometryError(
            f"the image has {' x '.join(map(str, image.size))} voxels and its reference "
            f"{' x '.join(map(str, reference.size))}; a pair must lie on one grid"
        )
    if (image.affine is None) != (reference.affine is None):
        raise GeometryError("one of the pair says where it lies and the other does not; a pair must lie on one grid")
    if image.affine is not None and reference.affine is not None:
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in image.size], indexing="ij")).reshape(image.rank, -1).T
        apart = np.linalg.norm(image.world(corners) - reference.world(corners), axis=1).max()
        spacing = min(image.spacing_mm or (1.0,))
        if apart > SAME_PLACE * spacing:
            raise GeometryError(
                f"the image and its reference lie up to {apart:.3g} mm apart; a pair must lie on one grid "
                "(resample one onto the other first)"
            )
    if image.units != reference.units:
        raise InputError(
            f"the image is in {image.units} and its reference in {reference.units}; a pair must have one unit "
            "(--hu says that files which do not say their unit hold HU)"
        )
