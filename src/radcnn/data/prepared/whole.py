"""Images that are kept whole, each with another one that belongs to it: a reference, or a mask."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case, Source
from radcnn.core.files import sha256_of_json
from radcnn.data.prepared.building import Said, Told, held_store
from radcnn.data.prepared.keys import keys_of, naming
from radcnn.data.quiet import quiet
from radcnn.data.store import CaseStore, StoredCase


@dataclass(frozen=True, eq=False)
class PreparedWhole:
    """Cases of their own sizes, in the order asked for, read where they are looked at; and a hash of all values."""

    cases: tuple[StoredCase, ...]
    digest: str
    held: object = None


class Whole(NamedTuple):
    """An image (C, *size), where it lies, and its mask (*size) where it has one."""

    image: NDArray
    affine: NDArray[np.float64] | None
    mask: NDArray[np.uint8] | None = None


def prepare_whole(
    cases: Sequence[Case],
    second: Callable[[Case], Source | None],
    about: Mapping[str, Any],
    cache: Path,
    made: Callable[[Case], Whole],
    told: Told | None,
    said: Said | None,
) -> PreparedWhole:
    """These cases from a store in `cache`; what is not there is made.

    second  the file that belongs to a case's image: with another one, a case is another
    about   how they are prepared: what is prepared otherwise lies in another store

    Raises what `made` raises, naming the case.
    """
    folder = cache / f"prepared-{sha256_of_json(about)[:20]}"
    keys = _keys(cases, second)

    def fill(store: CaseStore, rows: list[int]) -> None:
        with quiet(), store.grouped():
            for done, row in enumerate(rows, start=1):
                with naming(cases[row]):
                    found = made(cases[row])
                store.add(keys[row], found.image, mask=found.mask, affine=found.affine)
                if told is not None:
                    told(done, len(rows))

    store, held = held_store(folder, {"preparation": about}, keys, fill, said)
    digests = store.lines["digest"][[store.row(key) for key in keys]] if cases else np.zeros(0)
    whole = hashlib.sha256(np.ascontiguousarray(digests).tobytes())
    found = tuple(store[key] for key in keys)
    for case in found:
        if case.mask is not None:
            whole.update(np.ascontiguousarray(case.mask).tobytes())
    return PreparedWhole(found, whole.hexdigest(), held)


def _keys(cases: Sequence[Case], second: Callable[[Case], Source | None]) -> list[str]:
    """A key for each case, of its image's file and of the one that belongs to it."""
    both = zip(
        keys_of(cases), keys_of([replace(case, source=second(case) or case.source) for case in cases]), strict=True
    )
    return [hashlib.blake2b(f"{a} {b}".encode(), digest_size=20).hexdigest() for a, b in both]
