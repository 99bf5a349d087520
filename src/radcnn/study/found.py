"""What the checks of a study's data came to: found once, kept in findings.json, and found anew when the data change."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from radcnn.core.case import Case
from radcnn.core.cores import available_cores
from radcnn.core.files import read_json, write_json
from radcnn.core.version import __version__
from radcnn.data.duplicates import content_groups
from radcnn.data.findings import Finding
from radcnn.data.leaks.pair import LeakPair
from radcnn.data.outcome import Outcome
from radcnn.data.prepared.keys import how_it_is_read, stat_of
from radcnn.data.shortcuts import header_traits, shortcuts
from radcnn.data.survey import Look, survey
from radcnn.study.checks import CHECKS, Examined, outcomes
from radcnn.study.folder import RunFolder, read_record
from radcnn.study.listener import Listener
from radcnn.study.muting import findings_of, standing
from radcnn.study.open_study import OpenStudy

known_of = attrgetter("id", "patient", "targets", "centre_mm", "site", "box")
FORMAT = 1


def known_outcomes(opened: OpenStudy, listener: Listener) -> tuple[Outcome, ...]:
    """What the checks of the data came to: as kept with the study while these are the same data, else found anew."""
    kept = read_outcomes(opened.folder.findings, key_of(opened))
    return kept if kept is not None else found_outcomes(opened, listener)


def found_outcomes(opened: OpenStudy, listener: Listener) -> tuple[Outcome, ...]:
    """Look at all images and at the table, and keep what was found with the study."""
    key = key_of(opened)
    looks, copies = seen(opened, listener), content_groups(opened.cohort)
    pairs = _pairs(opened, looks, copies, listener)
    traits = header_traits(opened.cohort, looks)
    tell = shortcuts(opened.cohort, looks, traits=traits, seed=opened.split.seed)
    examined = Examined(opened, looks, copies, pairs, tell)
    found = outcomes(CHECKS, examined)
    write_outcomes(opened.folder.findings, found, key=key)
    return found


def _pairs(
    opened: OpenStudy, looks: Sequence[Look], copies: Sequence[Sequence[int]], listener: Listener
) -> tuple[LeakPair, ...]:
    """Pairs of one picture, without those that are the same file."""
    from radcnn.data.leaks.pairs import near_duplicate_pairs  # a third of a second, where nothing is looked for

    found = near_duplicate_pairs(
        opened.cohort,
        looks,
        workers=available_cores(),
        told=lambda done, of: listener.progress("comparing images", done, of),
    )
    group = {row: number for number, rows in enumerate(copies) for row in rows}
    return tuple(pair for pair in found if group.get(pair.first, -1) != group.get(pair.second, -2))


def seen(opened: OpenStudy, listener: Listener) -> tuple[Look, ...]:
    """What is seen of the image of each case: one pass, each image read once."""
    return survey(
        opened.cohort,
        workers=available_cores(),
        told=lambda done, of: listener.progress("looking at images", done, of),
    )


def key_of(opened: OpenStudy) -> str:
    """A hash of everything that the checks of the data depend on: cases, labels, split, files, and the checks."""
    digest, target = hashlib.sha256(), opened.cohort.target
    for part in (
        [__version__, *((name, sorted(check.codes)) for name, check in CHECKS.items())],
        [opened.split.hash, target.kind, target.names, target.classes, opened.cohort.unit],
    ):
        digest.update(_line(part))
    for case in opened.cohort.cases:
        digest.update(_line(_said(case)))
    sources = (
        source
        for case in opened.cohort.cases
        for source in (case.source, case.mask, case.reference)
        if source is not None
    )
    for path in dict.fromkeys(source.path for source in sources):
        digest.update(_line([str(path), stat_of(path)]))
    return digest.hexdigest()


def _line(value: list[Any]) -> bytes:
    """Plain values as one line; half the time that JSON takes."""
    return f"{value!r}\n".encode(errors="surrogatepass")


def _said(case: Case) -> list[Any]:
    mask = None if case.mask is None else [str(case.mask.path), how_it_is_read(case.mask)]
    source = [str(case.source.path), how_it_is_read(case.source)]
    known = [source, known_of(case), dict(case.attributes), mask]
    return known if case.reference is None else [*known, str(case.reference.path), how_it_is_read(case.reference)]


def standing_in(run: Path) -> tuple[Finding, ...]:
    """The errors in the data that a run was trained in spite of, and that nobody had muted when it began."""
    folder = RunFolder(run)
    muted = read_record(folder).get("muted")
    return standing(findings_of(read_outcomes(folder.findings) or ()), muted if isinstance(muted, dict) else {})


def read_outcomes(path: Path, key: str | None = None) -> tuple[Outcome, ...] | None:
    """What was kept, of the data with this key if it is given; None where nothing is, or it is of other data."""
    if not path.is_file():
        return None
    value = read_json(path)
    if not isinstance(value, dict) or value.get("format") != FORMAT or (key is not None and value.get("key") != key):
        return None
    return tuple(Outcome.from_json(one) for one in value["outcomes"])


def write_outcomes(path: Path, found: tuple[Outcome, ...], *, key: str = "") -> None:
    """Keep outcomes in a file."""
    write_json(path, {"format": FORMAT, "key": key, "outcomes": [one.as_json() for one in found]})
