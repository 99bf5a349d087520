"""Exact copies of an image: found by the hash of its bytes, and said where they leak or contradict each other."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import SIDES, Side, Source
from radcnn.core.errors import ReadError
from radcnn.core.files import sha256_of
from radcnn.data.cohort import Cohort
from radcnn.data.findings import Finding, counted, finding
from radcnn.data.npz import open_npz, unpacked

MOST_NAMED = 5  # groups of copies that a sentence lists


def content_groups(cohort: Cohort) -> tuple[tuple[int, ...], ...]:
    """Cases whose image is the same, byte for byte, under two names or two patients; in the order of first cases.

    Several regions of one patient's image are no copies.
    """
    hashes = content_hashes([case.source for case in cohort.cases])
    groups = _alike(hashes)
    return tuple(group for group in groups if not _one_image(cohort, group))


def identical_groups(cohort: Cohort) -> tuple[tuple[int, ...], ...]:
    """Cases with the same image and the same place in it: they should have the same label."""
    hashes = content_hashes([case.source for case in cohort.cases])
    return _alike(
        (found, case.centre_mm) if found is not None else None for found, case in zip(hashes, cohort.cases, strict=True)
    )


def duplicate_findings(
    cohort: Cohort, identical: Sequence[Sequence[int]], sides: Sequence[Side] | None = None
) -> tuple[Finding, ...]:
    """What identical images mean: how many there are, on two sides of the split `sides`, with other labels."""
    if not identical:
        return ()
    copies = sum(len(group) for group in identical)
    sentence = (
        f"{copies} cases are exact copies of one another ({counted(len(identical), 'group')}: {_named(identical)})"
    )
    findings = [finding("identical images", sentence, "leave copies out unless they are meant")]
    if sides is not None:
        findings += _straddling(identical, sides)
    targets = cohort.targets()
    torn = [group for group in identical if _contradict(targets[list(group)])]
    if torn:
        carry = "carries" if len(torn) == 1 else "carry"
        sentence = f"{counted(len(torn), 'group')} of identical images {carry} different labels ({_named(torn)})"
        findings.append(finding("identical images, other labels", sentence, "look at them: one label is wrong"))
    return tuple(findings)


def _named(groups: Sequence[Sequence[int]]) -> str:
    """The first groups by their cases' numbers, counted from 1 as in judgements; file names may name a patient."""
    listed = [" and ".join(str(case + 1) for case in group) for group in groups[:MOST_NAMED]]
    return "cases " + "; ".join(listed) + ("; ..." if len(groups) > MOST_NAMED else "")


def _straddling(identical: Sequence[Sequence[int]], sides: Sequence[Side]) -> list[Finding]:
    pairs: Counter[tuple[Side, ...]] = Counter()
    for group in identical:
        on = {sides[i] for i in group}
        if len(on) > 1:
            pairs[tuple(side for side in SIDES if side in on)] += 1
    seen = {on: number for on, number in pairs.items() if "test" in on}
    found = []
    if seen:
        sentence = f"{_groups(seen)}; the network is tested on images it was made with"
        found.append(finding("identical images on test and another side", sentence, "take them off one side"))
    if unseen := {on: number for on, number in pairs.items() if "test" not in on}:
        way_out = "tuning figures on them are too good; leave copies out"
        found.append(finding("identical images on two sides", _groups(unseen), way_out))
    return found


def _groups(pairs: Mapping[tuple[Side, ...], int]) -> str:
    listed = ", ".join(f"{number} on {' and '.join(on)}" for on, number in sorted(pairs.items()))
    return f"{counted(sum(pairs.values()), 'group')} of identical images lie on two sides of the split ({listed})"


def _contradict(targets: NDArray[np.float64]) -> bool:
    """Whether cases (n, t) disagree in a label that both have."""
    known = [column[~np.isnan(column)] for column in targets.T]
    return any(len(np.unique(column)) > 1 for column in known)


def _one_image(cohort: Cohort, group: Sequence[int]) -> bool:
    cases = [cohort.cases[i] for i in group]
    return len({case.source for case in cases}) == 1 and len({case.patient for case in cases}) == 1


def _alike(keys: Iterable[Hashable]) -> tuple[tuple[int, ...], ...]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for i, key in enumerate(keys):
        if key is not None:
            groups[key].append(i)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def content_hashes(sources: Sequence[Source]) -> list[str | None]:
    """A hash of each image's bytes; None where the size alone says that nothing else is the same.

    Files are read in pieces; a series is the set of its files, whatever they are called; of an npz file one array
    is in memory at a time. Raises ReadError when a file cannot be read.
    """
    unique = list(dict.fromkeys(sources))
    times = Counter(sources)
    found: dict[Source, str | None] = dict(_array_hashes([s for s in unique if s.array is not None]))
    files = [s for s in unique if s.array is None]
    sizes = {s: _size(s.path) for s in files}
    alike = Counter(sizes.values())
    for source in files:
        needed = alike[sizes[source]] > 1
        found[source] = _hash(source.path) if needed else (str(source.path) if times[source] > 1 else None)
    return [found[source] for source in sources]


def _array_hashes(sources: Sequence[Source]) -> dict[Source, str]:
    by_array: dict[tuple[Path, str], list[Source]] = defaultdict(list)
    for source in sources:
        assert source.array is not None
        by_array[source.path, source.array].append(source)
    found = {}
    for (path, name), items in by_array.items():
        array = _array(path, name)
        for source in items:
            item = np.ascontiguousarray(array if source.item is None else array[source.item])
            form = f"{item.dtype.str}{item.shape}".encode()
            found[source] = hashlib.sha256(form + item.tobytes()).hexdigest()
    return found


def _array(path: Path, name: str) -> NDArray:
    study = open_npz(path)
    for stack in study.stacks:
        if stack.array == name:
            return study.images(stack)
    return unpacked(path, name)


def _files(path: Path) -> list[Path]:
    return [p for p in path.iterdir() if p.is_file()] if path.is_dir() else [path]


def _size(path: Path) -> tuple[int, ...]:
    try:
        return tuple(sorted(p.stat().st_size for p in _files(path)))
    except OSError as cause:
        raise ReadError(f"{path} cannot be read ({cause.strerror}); restore it, or gather the cohort anew") from cause


def _hash(path: Path) -> str:
    try:
        return "".join(sorted(sha256_of(p) for p in _files(path)))
    except OSError as cause:
        raise ReadError(f"{path} cannot be read ({cause.strerror}); restore it, or gather the cohort anew") from cause
