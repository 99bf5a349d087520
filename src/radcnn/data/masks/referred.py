"""DICOM masks by what they refer to: which SEG and RTSTRUCT objects below a folder belong to which series.

Names say nothing here: exports call every file by a UID. A segmentation names its series (PS3.3 C.12.4 and C.8.8.5),
and that is how it is found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from radcnn.core.case import Source
from radcnn.core.errors import InputError
from radcnn.core.files import reading
from radcnn.data.bounded import Refused, each
from radcnn.data.findings import counted
from radcnn.data.kind import head_of, recognised
from radcnn.data.listing import walked

MAX_LISTED = 3  # names in a message


@dataclass(frozen=True)
class Referred:
    """DICOM files below a folder.

    masks   of SEG and RTSTRUCT objects, the series that each refers to
    series  of every series of images, the folder of its files, or its only file
    """

    masks: Mapping[Path, tuple[str, ...]]
    series: Mapping[str, Path]


def referred_below(folder: Path) -> Referred:
    """What DICOM files below a folder are and refer to; files that cannot be read are left to who reads them."""
    paths = [path for parent, names in walked(folder) for name in names if _is_dicom(path := Path(parent, name))]
    masks: dict[Path, tuple[str, ...]] = {}
    files: dict[str, list[Path]] = defaultdict(list)
    for path, said in zip(paths, each("dicom referring", paths), strict=True):
        if said is None or isinstance(said, Refused):
            continue
        if said["is_mask"]:
            masks[path] = tuple(said["refers"])
        elif said["series"]:
            files[said["series"]].append(path)
    return Referred(masks, {uid: found[0].parent if len(found) > 1 else found[0] for uid, found in files.items()})


def masks_by_series(images: Referred, masks: Referred) -> tuple[dict[Path, tuple[Source, Source]], int]:
    """Each series with its mask, by where the series lies; and how many series have none.

    Raises InputError for a mask whose series is not there, two masks of one series, or two such series in one folder.
    """
    found: dict[Path, tuple[Source, Source]] = {}
    lost = [path for path, refers in masks.masks.items() if not set(refers) & images.series.keys()]
    if lost:
        listed = ", ".join(path.name for path in lost[:MAX_LISTED])
        raise InputError(f"{counted(len(lost), 'mask')} ({listed}) refer to a series that is not among the images")
    taken: dict[str, Path] = {}
    for path, refers in masks.masks.items():
        for uid in (uid for uid in refers if uid in images.series):
            place = images.series[uid]
            if uid in taken:
                raise InputError(
                    f"{taken[uid].name} and {path.name} are masks of one series ({place.name}); leave one in the folder"
                )
            if place in found:
                raise InputError(f"{place.name} holds several series with masks; give each a folder of its own")
            taken[uid] = path
            found[place] = Source(place, series=uid if place.is_dir() else ""), Source(path)
    return dict(sorted(found.items())), len(images.series) - len(taken)


def _is_dicom(path: Path) -> bool:
    with reading(path):
        return path.is_file() and recognised(head_of(path)) == "dicom"
