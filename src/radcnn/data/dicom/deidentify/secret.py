"""The secret of a de-identification, and what is made of it: pseudonyms, UIDs, shifts of dates."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from dataclasses import dataclass, field
from datetime import date, timedelta

from radcnn.data.patients import pseudonym

SHORTEST = 16  # characters of a secret; fewer can be guessed
MOST_DAYS = 3650  # that dates are moved back: ten years, so that no season or year is told


@dataclass(frozen=True)
class Secret:
    """A key; the same input gives the same output wherever the key is the same."""

    key: str = field(repr=False)

    def patient(self, identifier: str) -> str:
        """The pseudonym of a patient.

        >>> Secret("a" * 32).patient("MRN 0012") == Secret("a" * 32).patient("MRN 0012")
        True
        """
        return pseudonym(identifier, self.key)

    def uid(self, uid: str) -> str:
        """The UID that replaces one: "2.25." and an integer of 128 bits, in the form of a UUID (ISO/IEC 9834-8).

        >>> Secret("a" * 32).uid("1.2.3")[:5], len(Secret("a" * 32).uid("1.2.3")) <= 44
        ('2.25.', True)
        """
        return f"2.25.{uuid.UUID(bytes=self._digest('uid', uid)[:16], version=5).int}"

    def days(self, identifier: str) -> int:
        """How many days the dates of a patient are moved back: 1 to 3,650."""
        return 1 + int.from_bytes(self._digest("dates", identifier)[:8], "big") % MOST_DAYS

    def _digest(self, of_what: str, text: str) -> bytes:
        return hmac.new(self.key.encode(), f"{of_what}\0{text}".encode(), hashlib.sha256).digest()


def shifted(text: str, days: int) -> str | None:
    """A DICOM date, or date and time, moved back by whole days; None where it is none, or no date of this era.

    >>> shifted("20240301", 1), shifted("20240301101500.5+0100", 366), shifted("March", 1)
    ('20240229', '20230301101500.5+0100', None)
    """
    try:
        day = date(int(text[:4]), int(text[4:6]), int(text[6:8])) - timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return f"{day:%Y%m%d}".rjust(8, "0") + text[8:]
