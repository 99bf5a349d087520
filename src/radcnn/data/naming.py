"""What cases are called in files: by their number, since a file's name, or the id a person chose, may name a patient.

The number is the place in the folder or table, counted from 1, as in judgements and reports; `radcnn names` tells
a person at the terminal which image it is. What is stored besides is a salted hash of the name (its mark), by which a
study notices that its images were renamed, exchanged or lost.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from radcnn.data.draft import Draft
from radcnn.data.findings import Finding, finding

SHORTEST_IDENTIFIER = 4  # characters; "12" stands in every second file name
MARK_DIGITS = 12  # 48 bits: among 10,000 cases two share a mark with probability 0.0000002


def mark(name: str, salt: str) -> str:
    """12 hexadecimal digits of HMAC-SHA-256(salt, name): nobody without the salt can tell the name.

    >>> len(mark("scan0.png", "a")), mark("scan0.png", "a") == mark("scan0.png", "b")
    (12, False)
    """
    return hmac.digest(salt.encode(), f"case\0{name}".encode(), "sha256").hex()[:MARK_DIGITS]


def called(draft: Draft, identifiers: Sequence[str] | None) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """What each case is called in files, and a finding where that is not what a person chose.

    Ids of the format itself (train/0) stay; so do those of a case column (--case) unless one holds its patient's
    identifier. Names of files become numbers. `identifiers` is None where every image is a patient of its own.
    """
    numbers = tuple(str(number) for number in range(1, len(draft.ids) + 1))
    if draft.named_by == "file":
        return numbers, ()
    if draft.named_by == "format" or identifiers is None:
        return draft.ids, ()
    pairs = zip(draft.ids, identifiers, strict=True)
    shown = sum(len(who) >= SHORTEST_IDENTIFIER and who in case for case, who in pairs)
    if not shown:
        return draft.ids, ()
    sentence = f"{shown} of {len(draft.ids)} case ids contain the patient's identifier, so cases are called by number"
    way_out = "give a column of ids that name nobody (--case) if the numbers will not do"
    return numbers, (finding("case id shows the patient", sentence, way_out),)
