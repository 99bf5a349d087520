"""A Frame: one image of a DICOM object, asked alike whether it is a file of its own or one of many in an enhanced file.

An enhanced object says what holds for all frames in SharedFunctionalGroupsSequence (5200,9229) and what differs in
PerFrameFunctionalGroupsSequence (5200,9230); the frame's own word wins over the shared one, and both over the data set
(PS3.3 C.7.6.16).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from radcnn.data.dicom.tags import ALL_TAGS

SHARED, PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"

Groups = Mapping[int, Any]  # which item of the functional groups says an attribute, by the attribute's tag


class Frame:
    """One frame of a data set; `get` and `in` look in its functional groups first, then in the data set itself.

    dataset  the whole data set, as pydicom has it
    number   which frame, counted from 0
    """

    def __init__(self, dataset: Any, number: int = 0, *, shared: Groups | None = None) -> None:
        self.dataset = dataset
        self.number = number
        self.groups: Groups = {**(_shared(dataset) if shared is None else shared), **_own(dataset, number)}

    def get(self, keyword: str, default: Any = None) -> Any:
        """The value of an attribute by keyword; `default` where nothing says it."""
        return self.groups.get(tag_of(keyword), self.dataset).get(keyword, default)

    def __contains__(self, keyword: str) -> bool:
        return tag_of(keyword) in self.groups or keyword in self.dataset


def frames_of(dataset: Any, n: int) -> Iterator[Frame]:
    """The first n frames of a data set; what they share is looked up once, which matters when there are thousands."""
    shared = _shared(dataset)
    return (Frame(dataset, number, shared=shared) for number in range(n))


@cache
def tag_of(keyword: str) -> int:
    """The tag of an attribute; -1, which is nobody's, for an unknown word."""
    if keyword in ALL_TAGS:
        return ALL_TAGS[keyword][0]
    from pydicom.datadict import tag_for_keyword

    found = tag_for_keyword(keyword)
    return -1 if found is None else int(found)


def _shared(dataset: Any) -> Groups:
    return _grouped((dataset.get(SHARED) or [])[:1])


def _own(dataset: Any, number: int) -> Groups:
    return _grouped((dataset.get(PER_FRAME) or [])[number : number + 1])


def _grouped(items: Any) -> Groups:
    """What the items inside functional groups say; of two that say the same the first is heard."""
    found: dict[int, Any] = {}
    for item in items:
        for element in item:
            if element.VR == "SQ" and len(element.value) == 1:
                found = {**dict.fromkeys(element.value[0].keys(), element.value[0]), **found}
    return found
