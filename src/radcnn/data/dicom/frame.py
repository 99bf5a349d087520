"""A Frame: one image of a DICOM object, asked alike whether it is a file of its own or one of many in an enhanced file.

An enhanced object says what holds for all frames in SharedFunctionalGroupsSequence (5200,9229) and what differs in
PerFrameFunctionalGroupsSequence (5200,9230); the frame's own word wins over the shared one, and both over the data set
(PS3.3 C.7.6.16).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

SHARED, PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"


class Frame:
    """One frame of a data set; `get` and `in` look in its functional groups first, then in the data set itself.

    dataset  the whole data set, as pydicom has it
    number   which frame, counted from 0
    """

    def __init__(self, dataset: Any, number: int = 0) -> None:
        self.dataset = dataset
        self.number = number
        self._groups = tuple(_groups_of(dataset, number))

    def get(self, keyword: str, default: Any = None) -> Any:
        """The value of an attribute by keyword; `default` where nothing says it."""
        for group in self._groups:
            if keyword in group:
                return group.get(keyword, default)
        return self.dataset.get(keyword, default)

    def __contains__(self, keyword: str) -> bool:
        return any(keyword in group for group in self._groups) or keyword in self.dataset


def _groups_of(dataset: Any, number: int) -> Iterator[Any]:
    """The items inside the functional groups of a frame, its own before the shared ones."""
    per_frame = dataset.get(PER_FRAME) or []
    shared = dataset.get(SHARED) or []
    for groups in (per_frame[number : number + 1], shared[:1]):
        for item in groups:
            for element in item:
                if element.VR == "SQ" and len(element.value) == 1:
                    yield element.value[0]
