"""What the checks of a study's data came to: found once, kept in findings.json, and found anew when the data change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any

from radcnn.core.case import Case, Source
from radcnn.core.cores import available_cores
from radcnn.core.files import read_json, sha256_of_json, write_json
from radcnn.core.version import __version__
from radcnn.data.duplicates import content_groups
from radcnn.data.findings import Finding
from radcnn.data.leaks.pairs import LeakPair, near_duplicate_pairs
from radcnn.data.outcome import Outcome
from radcnn.data.prepared.keys import stat_of
from radcnn.data.shortcuts import header_traits, shortcuts
from radcnn.data.survey import Look, survey
from radcnn.study.checks import CHECKS, Examined, outcomes
from radcnn.study.folder import RunFolder, read_record
from radcnn.study.listener import Listener
from radcnn.study.muting import findings_of, standing
from radcnn.study.open_study import OpenStudy

parts_of = attrgetter(*(part.name for part in fields(Source)))
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
    sources = (source for case in opened.cohort.cases for source in (case.source, case.mask) if source is not None)
    files = dict.fromkeys(source.path for source in sources)
    return sha256_of_json(
        {
            "radcnn": __version__,
            "checks": {name: check.codes for name, check in CHECKS.items()},
            "split": opened.split.hash,
            "target": [opened.cohort.target.kind, opened.cohort.target.names, opened.cohort.target.classes],
            "unit": opened.cohort.unit,
            "cases": [_said(case) for case in opened.cohort.cases],
            "files": [[str(path), stat_of(path)] for path in files],
        }
    )


def _said(case: Case) -> list[Any]:
    source = list(map(str, parts_of(case.source)))
    targets = [repr(value) for value in case.targets]
    mask = None if case.mask is None else [str(case.mask.path), case.mask.array, case.mask.item]
    return [case.id, case.patient, source, targets, case.centre_mm, case.site, dict(case.attributes), mask, case.box]


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
