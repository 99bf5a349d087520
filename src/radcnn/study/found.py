"""What the checks of a study's data came to: found once, kept in findings.json, and found anew when the data change."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from radcnn.core.collecting import no_collecting
from radcnn.core.cores import available_cores
from radcnn.core.files import read_json, stat_of, write_json
from radcnn.core.version import __version__
from radcnn.data.duplicates import content_groups
from radcnn.data.findings import Finding
from radcnn.data.leaks.pair import LeakPair
from radcnn.data.outcome import Outcome
from radcnn.data.prepared.keys import how_it_is_read
from radcnn.data.shortcuts import header_traits, shortcuts
from radcnn.data.survey import Look, survey
from radcnn.study.checks import CHECKS, Examined, outcomes
from radcnn.study.folder import RunFolder, read_record
from radcnn.study.listener import Listener
from radcnn.study.muting import findings_of, standing
from radcnn.study.open_study import OpenStudy

known_of = attrgetter("id", "patient", "targets", "centre_mm", "site", "box")
FORMAT = 1
SAID_AT_ONCE = 10_000  # values of which a hash is made at a time


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


@no_collecting()
def key_of(opened: OpenStudy) -> str:
    """A hash of everything that the checks of the data depend on: cases, labels, split, files, and the checks."""
    digest, target, cases = hashlib.sha256(), opened.cohort.target, opened.cohort.cases
    images = [[getattr(case, name) for case in cases] for name in ("source", "mask", "reference")]
    places = list(dict.fromkeys(one.place for column in images for one in column if one is not None))
    columns: tuple[list[Any], ...] = (
        [__version__, *((name, sorted(check.codes)) for name, check in CHECKS.items())],
        [opened.split.hash, target.kind, target.names, target.classes, opened.cohort.unit],
        list(map(known_of, cases)),
        [tuple(case.attributes.items()) for case in cases],
        *([one and (one.place, how_it_is_read(one)) for one in column] for column in images),
        [(place, stat_of(place)) for place in places],
    )
    for column in columns:
        for at in range(0, len(column), SAID_AT_ONCE):  # half the time that JSON takes
            digest.update(f"{column[at : at + SAID_AT_ONCE]!r}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()


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
