"""Who a case belongs to: the patient's name from a column, a file name's pattern or DICOM, made a salted pseudonym."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from radcnn.core.errors import InputError, SettingsError
from radcnn.data.findings import Finding, finding

MAX_PATTERN = 200  # characters; nobody needs more to find a patient in a file name
MAX_NAME = 1_000  # characters of a file name that are searched, which bounds the cost of a bad pattern
PSEUDONYM_DIGITS = 10  # 40 bits: among 10,000 patients two share a pseudonym with probability 0.00005

HOW_TO_GIVE_PATIENTS = (
    "say which column names the patient (--patient COLUMN), how the file name does (--patient-from 'person\\d+'), "
    "or that every image is a patient of its own (--unit image)"
)


def pseudonym(identifier: str, salt: str) -> str:
    """ "p" and 10 hexadecimal digits of HMAC-SHA-256(salt, identifier): the same patient, no way back without the salt.

    Two patients who happened to share a pseudonym would be treated as one, which can never leak.

    >>> pseudonym("MRN 0012", salt="a") == pseudonym("MRN 0012", salt="a")
    True
    >>> pseudonym("MRN 0012", salt="a") == pseudonym("MRN 0012", salt="b")
    False
    """
    digest = hmac.digest(salt.encode(), identifier.encode(), "sha256").hex()
    return "p" + digest[:PSEUDONYM_DIGITS]


def pseudonyms(identifiers: Iterable[str], salt: str) -> tuple[str, ...]:
    """The pseudonym of each identifier."""
    return tuple(pseudonym(identifier, salt) for identifier in identifiers)


def compiled(pattern: str) -> re.Pattern[str]:
    """A person's regular expression, compiled; raises SettingsError when it is invalid, empty or too long.

    >>> compiled(r"person\\d+").search("person12_virus_3.jpeg").group()
    'person12'
    """
    if not pattern or len(pattern) > MAX_PATTERN:
        raise SettingsError(f"a pattern for the patient must have 1 to {MAX_PATTERN} characters, got {len(pattern)}")
    if re.search(r"[+*}]\)+[+*{]", pattern):
        raise SettingsError(
            f"pattern '{pattern}' repeats a repetition, which can take for ever on a long name; "
            r"write it with one repetition, such as 'person\d+'"
        )
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as cause:
        raise SettingsError(f"pattern '{pattern}' is not a regular expression ({cause}); try 'person\\d+'") from cause


def _found(pattern: re.Pattern[str], name: str) -> str | None:
    """What the pattern finds in a name: its groups joined where it has some, else the whole match."""
    match = pattern.search(name[:MAX_NAME])
    if match is None:
        return None
    return "/".join(part or "" for part in match.groups()) if pattern.groups else match.group()


def patients_from_names(names: Sequence[str], pattern: str) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Patients from relative paths ("NORMAL/IM-1.jpeg") by a regular expression: its groups, or its whole match.

    File names are searched; where no file name matches at all, the whole relative paths are, so that a folder per
    patient works too. A name that does not match counts as a patient of its own, and a Finding says how many do.
    Raises SettingsError when the pattern is invalid, InputError when it matches nothing.

    >>> patients_from_names(["a/person1_1.png", "b/person1_2.png"], r"person\\d+")[0]
    ('person1', 'person1')
    """
    expression = compiled(pattern)
    findings = []
    found = [_found(expression, PurePosixPath(name).name) for name in names]
    if not any(found):
        found = [_found(expression, name) for name in names]
        if not any(found):
            raise InputError(
                f"pattern '{pattern}' matches none of {len(names)} file names, so no patient is known; "
                f"correct it, or {HOW_TO_GIVE_PATIENTS}"
            )
        sentence = f"no file name matches '{pattern}'; the patient was read from the folders' names"
        findings.append(finding("patient read from the path", sentence))
    alone = sum(not patient for patient in found)
    if alone:
        verb = "does" if alone == 1 else "do"
        sentence = (
            f"{alone} of {len(names)} file names {verb} not match '{pattern}'; each counts as a patient of its own"
        )
        findings.append(finding("names without patient", sentence, "extend the pattern if they belong together"))
    # "\0" cannot stand in a file name, so a lone file never meets a patient whom the pattern found
    patients = tuple(patient or f"\0{name}" for patient, name in zip(found, names, strict=True))
    return patients, tuple(findings)


def patients_from_dicom(ids: Sequence[str]) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Patients from each case's PatientID (0010,0020) in DICOM.

    Raises InputError when PatientIDs are empty: nobody can tell those patients apart.
    """
    found = [identifier.strip() for identifier in ids]
    empty = sum(not patient for patient in found)
    if empty:
        raise InputError(f"{empty} of {len(found)} DICOM cases have no PatientID (0010,0020); {HOW_TO_GIVE_PATIENTS}")
    sentence = f"patients were read from DICOM's PatientID: {len(set(found))} in {len(found)} cases"
    return tuple(found), (finding("patient read from DICOM", sentence),)
