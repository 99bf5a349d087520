"""DICOM files de-identified in bounded children: what they say is tested, and only this side writes files.

A child has the secret and one file after another. What it says of a file is of known types, its pseudonym has the form
of one, and a reason has no more than a sentence's letters: nothing that a child chose becomes a path.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from radcnn.core.errors import RadcnnError, SettingsError, StorageError
from radcnn.core.settings import from_plain
from radcnn.data.bounded import one
from radcnn.data.bounded.children import BOUNDED, Answer
from radcnn.data.bounded.limits import MIB, file_size
from radcnn.data.bounded.pool import FILES_WORTH_A_CHILD, POOL
from radcnn.data.dicom.deidentify.object import Cleaned, LeftOut
from radcnn.data.dicom.deidentify.profile import Options
from radcnn.data.dicom.deidentify.secret import Secret
from radcnn.data.patients import PSEUDONYM_DIGITS

Clean = tuple[Cleaned, memoryview]  # what became of a file, and the bytes of the new one

HARMFUL = LeftOut("damaged or made to do harm")  # of a file that a child did not survive
PSEUDONYM = re.compile(rf"p[0-9a-f]{{{PSEUDONYM_DIGITS}}}")
REASON = re.compile(r"[A-Za-z][A-Za-z0-9_ ,:()/.-]{0,149}")
MARK = slice(128, 132)  # where a DICOM file says that it is one
FILES_AHEAD = 4  # for each child, so that none waits while a large file is written
BYTES_AHEAD = 256 * MIB  # of files that are cleaned before their turn; a larger one is cleaned alone


def clean_files(files: Sequence[Path], *, secret: Secret, options: Options) -> Generator[Clean | LeftOut, None, None]:
    """What becomes of each file, in their order; several children work ahead. Close it to let the children go."""
    waiting: deque[tuple[Future[Clean | LeftOut], int]] = deque()
    n = min(POOL.most, max(1, len(files) // FILES_WORTH_A_CHILD)) if BOUNDED else 1
    threads = ThreadPoolExecutor(n, thread_name_prefix="deidentify")
    try:
        for file in files:
            size = file_size(file)
            while waiting and (len(waiting) >= FILES_AHEAD * n or _bytes_of(waiting) + size > BYTES_AHEAD):
                yield waiting.popleft()[0].result()
            waiting.append((threads.submit(clean, file, secret=secret, options=options), size))
        while waiting:
            yield waiting.popleft()[0].result()
    finally:
        threads.shutdown(cancel_futures=True)


def _bytes_of(waiting: deque[tuple[Future[Clean | LeftOut], int]]) -> int:
    return sum(size for _, size in waiting)


def clean(file: Path, *, secret: Secret, options: Options) -> Clean | LeftOut:
    """What becomes of one file; one that its child does not survive is HARMFUL."""
    try:
        answer = one("dicom cleaned", file.absolute(), {"secret": secret.key, "options": asdict(options)})
        return _tested(answer)
    except (RadcnnError, MemoryError, KeyError, TypeError, ValueError):
        return HARMFUL


def clean_file(source: Path, target: Path, *, secret: Secret, options: Options) -> Cleaned | LeftOut:
    """De-identify one file into another; nothing is written where it is left out. Raises StorageError."""
    made = clean(source, secret=secret, options=options)
    if isinstance(made, LeftOut):
        return made
    found, content = made
    write_whole(target, content)
    return found


def write_whole(target: Path, content: memoryview) -> None:
    """Write the bytes of a file, and leave no part of it where that fails; raises StorageError."""
    try:
        target.write_bytes(content)
    except OSError as cause:
        target.unlink(missing_ok=True)
        raise StorageError(f"{target.name} could not be written: {cause.strerror or cause}; free some space") from None


def _tested(answer: Answer) -> Clean | LeftOut:
    """What a child said, if it is what the task says; an error of Python, or SettingsError, if not."""
    (said,) = answer.items
    if "left_out" in said:
        return _reason(said["left_out"])
    found = from_plain(Cleaned, said["cleaned"], "what became of a file")
    (content,) = answer.rooms
    found.identifier.encode()  # what no text file could hold is a ValueError
    if not PSEUDONYM.fullmatch(found.patient) or content[MARK].tobytes() != b"DICM":
        raise SettingsError("no object of a patient")
    return found, content.data


def _reason(said: Any) -> LeftOut:
    left_out = from_plain(LeftOut, said, "why a file is left out")
    if not REASON.fullmatch(left_out.why):
        raise SettingsError("no reason")
    return left_out
