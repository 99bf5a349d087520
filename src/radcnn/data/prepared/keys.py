"""By what a prepared case is known: the file and how it is read, its size and time of change, and the region."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from operator import attrgetter
from pathlib import Path

from radcnn.core.case import Case, Source
from radcnn.core.collecting import no_collecting
from radcnn.core.errors import GeometryError, InputError, MisfitError
from radcnn.core.files import sha256_of_json, stat_of
from radcnn.transforms.preparation import Preparation

EDITION = 1  # raised when the same file would be prepared to other numbers
how_it_is_read = attrgetter(*(part.name for part in fields(Source) if part.name != "place"))


def folder_of(preparation: Preparation, cache: Path) -> Path:
    """The folder of the store of what is prepared so."""
    return cache / f"prepared-{sha256_of_json([EDITION, preparation.as_json()])[:20]}"


@no_collecting()
def keys_of(cases: Sequence[Case]) -> list[str]:
    """A key for each case, 40 digits; raises ReadError, naming the case, where its file is gone."""
    stats: dict[str, str] = {}
    keys = []
    for case in cases:
        source = case.source
        path = source.place
        about = stats.get(path)
        if about is None:
            try:
                about = stats[path] = repr(stat_of(path))
            except InputError as cause:
                raise _named(case, cause) from cause
        centre = case.centre_mm and tuple(map(float, case.centre_mm))
        said = repr((path, how_it_is_read(source), about, centre)).encode(errors="surrogatepass")
        keys.append(hashlib.blake2b(said, digest_size=20).hexdigest())
    return keys


@contextmanager
def naming(case: Case) -> Iterator[None]:
    """Put the case's name before whatever is wrong with its image."""
    try:
        yield
    except InputError as cause:
        raise _named(case, cause) from cause


def _named(case: Case, cause: InputError) -> InputError:
    kind = GeometryError if isinstance(cause, MisfitError) else type(cause)
    return kind(f"case {case.called}: {cause}")
