"""The parts of a stress test: how each is made, read back and told in the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from radcnn.reports.fragment import Fragment
from radcnn.reports.stressing.attacked import attacked_fragment
from radcnn.reports.stressing.bordered import bordered_fragment
from radcnn.reports.stressing.detected import detected_fragment
from radcnn.reports.stressing.doubted import doubted_fragment
from radcnn.reports.stressing.shifted import shifted_fragment
from radcnn.robustness.attacked import Attacked
from radcnn.robustness.borders import Bordered
from radcnn.robustness.detected import Detected
from radcnn.robustness.doubted import Doubted
from radcnn.robustness.shifted import Shifted
from radcnn.study.listener import Listener
from radcnn.study.stressing.asked import Asked
from radcnn.study.stressing.attacked import attacks, refuse_attacks
from radcnn.study.stressing.bordered import borders, frame_widths
from radcnn.study.stressing.detecting import detector
from radcnn.study.stressing.doubted import doubts
from radcnn.study.stressing.outside import refuse_foreign
from radcnn.study.stressing.shifted import shifts
from radcnn.study.stressing.tested import UnderTest


class Result(Protocol):
    """What a part came to."""

    def as_json(self) -> dict[str, Any]:
        """A JSON object; the part's `read` is the inverse."""
        ...

    def lines(self) -> tuple[str, ...]:
        """What the terminal prints."""
        ...

    def tables(self) -> dict[str, str]:
        """CSV texts by name, written beside the JSON."""
        ...


@dataclass(frozen=True)
class Part:
    """One part: made from a run under test, read from its JSON, told as a fragment of the report.

    tell    is also given the folder where the part's pictures lie
    usual   made where no part is named
    refuse  raises SettingsError for what cannot be asked of this run, before any part is made
    """

    make: Callable[[UnderTest, Asked, Path, Listener], Result]
    read: Callable[[Any], Result]
    tell: Callable[[Any, Path], Fragment]
    refuse: Callable[[UnderTest, Asked], object] | None = None
    usual: bool = True


PARTS: dict[str, Part] = {
    "borders": Part(borders, Bordered.from_json, bordered_fragment, frame_widths),
    "attacks": Part(attacks, Attacked.from_json, attacked_fragment, refuse_attacks),
    "detector": Part(detector, Detected.from_json, detected_fragment, refuse_attacks, usual=False),
    "shifts": Part(shifts, Shifted.from_json, shifted_fragment),
    "doubts": Part(doubts, Doubted.from_json, doubted_fragment, refuse_foreign),
}
