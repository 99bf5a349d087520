"""What cannot be decoded is refused by the file's name: pydicom's own words may quote the patient's data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from radcnn.core.errors import RadcnnError, ReadError
from radcnn.data.quiet import quiet


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Turn whatever an attribute of file `name` raises into a ReadError; our own errors pass, warnings are dropped."""
    with quiet():
        try:
            yield
        except (RadcnnError, MemoryError):
            raise
        except Exception as cause:
            raise ReadError(
                f"{name} has an attribute that cannot be decoded ({type(cause).__name__}); export it again"
            ) from None
