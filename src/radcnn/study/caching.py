"""`cache`: what studies keep prepared on the disk, for which runs, and how to free it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from radcnn.core.errors import InputError, SettingsError
from radcnn.core.files import read_json
from radcnn.data.findings import counted
from radcnn.data.prepared import evicting
from radcnn.data.prepared.evicting import Cached, cached_in
from radcnn.data.prepared.keys import folder_of
from radcnn.study.folder import StudyFolder, find_study
from radcnn.study.listener import SILENCE, Listener
from radcnn.transforms.preparation import Preparation

DAY = 86_400.0  # seconds
MIB = 1 << 20


@dataclass(frozen=True)
class Kept:
    """Prepared cases of a study.

    runs     whose plan asks for them
    evicted  whether they were taken out (or would be: `dry_run`)
    because  why they stay although they were to be taken out; empty otherwise
    """

    study: Path
    cached: Cached
    runs: tuple[str, ...]
    evicted: bool = False
    because: str = ""

    @property
    def words(self) -> str:
        """How the cases were prepared.

        >>> one = Cached("prepared-1", (), 0, 3, 0.0, {"size": [28, 28], "channels": 1, "intensity": {"kind": "range"}})
        >>> Kept(Path("study"), one, ()).words
        '28 x 28, 1 channel, range'
        """
        said = self.cached.preparation
        if not self.cached.of_now:
            return "of an earlier version" if self.cached.name[0] != "." else "left by a process that was killed"
        try:
            assert said is not None
            size = " x ".join(str(int(n)) for n in said["size"])
            return f"{size}, {counted(int(said['channels']), 'channel')}, {said['intensity']['kind']}"
        except (AssertionError, LookupError, TypeError, ValueError):
            return "prepared in a way that is not known"

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "study": str(self.study),
            "name": self.cached.name,
            "bytes": self.cached.bytes,
            "cases": self.cached.cases,
            "last_used": datetime.fromtimestamp(self.cached.used, UTC).isoformat(timespec="seconds"),
            "preparation": self.cached.preparation,
            "words": self.words,
            "runs": list(self.runs),
            "evicted": self.evicted,
            "because": self.because,
        }


def cache(
    study: Sequence[Path | str] | Path | str | None = None,
    *,
    evict: bool = False,
    older_than: float | None = None,
    keep_newest: int | None = None,
    dry_run: bool = False,
    listener: Listener = SILENCE,
) -> tuple[Kept, ...]:
    """What the caches of studies hold, the last used first; with one of these options it is taken out.

    study        one or several; without any, the study here or those in the folders here
    evict        everything
    older_than   what was not used for so many days
    keep_newest  all but the so many of each study that were used last; with older_than, what both say
    dry_run      nothing is taken out, only said

    Cases are prepared anew when they are asked for. What a running process uses stays, and so does whatever radcnn did
    not write. Raises InputError where there is no study, SettingsError for a number that makes no sense.
    """
    if older_than is not None and not (math.isfinite(older_than) and older_than >= 0):
        raise SettingsError(f"older_than must be 0 days or more, got {older_than:g}")
    if keep_newest is not None and keep_newest < 0:
        raise SettingsError(f"keep_newest must be 0 or more, got {keep_newest}")
    removing = evict or older_than is not None or keep_newest is not None
    if dry_run and not removing:
        raise SettingsError("dry_run says what would be evicted; add evict, older_than or keep_newest")
    found: list[Kept] = []
    for folder in _studies(study):
        runs = _runs_by_store(folder)
        for place, one in enumerate(cached_in(folder.cache)):
            kept = Kept(folder.path, one, tuple(runs.get(one.name, ())))
            old = older_than is None or time.time() - one.used >= older_than * DAY
            if removing and old and (keep_newest is None or place >= keep_newest):
                kept = _removed(kept, dry_run, listener)
            found.append(kept)
    return tuple(found)


def _removed(kept: Kept, dry_run: bool, listener: Listener) -> Kept:
    why = "" if dry_run else evicting.evict(kept.cached)
    if why:
        listener.say(f"{kept.study}: {kept.cached.name} stays, since {why}")
    return Kept(kept.study, kept.cached, kept.runs, not why, why)


def _studies(asked: Sequence[Path | str] | Path | str | None) -> list[StudyFolder]:
    if isinstance(asked, Path | str):
        return [find_study(asked)]
    if asked:
        return list({folder.path.resolve(): folder for folder in map(find_study, asked)}.values())
    here = Path()
    found = [path.parent for path in (here / "study.yaml", *sorted(here.glob("*/study.yaml"))) if path.is_file()]
    if not found:
        raise InputError(f"there is no study in {here.resolve()}; name one: radcnn cache STUDY")
    return [StudyFolder(path) for path in found]


def _runs_by_store(folder: StudyFolder) -> dict[str, list[str]]:
    """The runs whose plan asks for each store, by its name; a plan that cannot be read asks for none."""
    found: dict[str, list[str]] = {}
    for plan in sorted(folder.runs.glob("run-*/plan.json")):
        try:
            preparation = Preparation.from_json(read_json(plan)["preparation"])
        except (InputError, LookupError, TypeError):
            continue
        found.setdefault(folder_of(preparation, folder.cache).name, []).append(plan.parent.name)
    return found
