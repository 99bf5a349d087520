"""What the networks say of shifted images: scores and features of every case at every severity of every shift.

A case is read once, shifted on its own grid, prepared as the run prepares it, and scored as the run scores it: the mean
of probabilities over networks and test-time views. Only scores and features are kept, so that volumes need no memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case
from radcnn.core.errors import InputError
from radcnn.core.volume import Volume
from radcnn.data.read import read_source
from radcnn.robustness.answers import ANSWERED_AT
from radcnn.robustness.shifts import SHIFTS, shifted, suited
from radcnn.robustness.shifts.catalogue import INSTEAD
from radcnn.study.listener import Listener
from radcnn.study.looking import LookedInto
from radcnn.study.stressing.collected import Collected, Made, OneShift
from radcnn.study.stressing.scoring import Said, score
from radcnn.study.stressing.tested import UnderTest
from radcnn.transforms.preparation import Preparation, prepare

MARGIN_MM = 25.0  # along the stack, kept about a region: more than any shift reaches
MOST_PROJECTED = 6000  # slices, over all cases and severities: about an hour on two cores
FEWEST_PROJECTED = 10  # cases


@dataclass(frozen=True, eq=False)
class OnShifts:
    """Everything said of the cases: as they are, and under each shift.

    units  of the images; mm  whether the size of their pixels is known
    shown  of one case: shift -> its prepared image at severity 0 and each that was asked for
    """

    units: str
    mm: bool
    clean: Said
    shifts: Mapping[str, OneShift]
    case: int
    shown: Mapping[str, tuple[NDArray[np.float32], ...]]


KEPT: WeakKeyDictionary[UnderTest, dict[tuple[tuple[str, ...], tuple[int, ...], int], OnShifts]] = WeakKeyDictionary()


def on_shifts(
    test: UnderTest, names: tuple[str, ...], severities: tuple[int, ...], seed: int, listener: Listener
) -> OnShifts:
    """What is said of every case under these shifts; those that suit the images where none are named.

    It is kept as long as the run is under test, since several parts look at the same images. Raises InputError for
    images of several units, for which no shift can mean the same.
    """
    kept = KEPT.setdefault(test, {})
    key = (names, severities, seed)
    if key not in kept:
        kept[key] = _on_shifts(test, names, severities, seed, listener)
    return kept[key]


def _on_shifts(
    test: UnderTest, names: tuple[str, ...], severities: tuple[int, ...], seed: int, listener: Listener
) -> OnShifts:
    looked, cases = test.looked, test.looked.cases
    first = read_source(cases[0].source)
    names = names or usual(first, looked.bundle.preparation, cases[0], seed)
    shown_row = _shown(test)
    collected = Collected(names, severities, len(cases))
    shown: dict[str, tuple[NDArray[np.float32], ...]] = {}
    spread = few_rows(near_region(first, looked.bundle.preparation, cases[0]), len(cases), len(severities), shown_row)
    for row, case in enumerate(cases):
        listener.progress("shifting images", row, len(cases))
        volume = first if row == 0 else read_source(case.source)
        if volume.units != first.units:
            raise InputError(
                f"images are in {first.units} and {volume.units}; no shift of acquisition means the same in both"
            )
        mine = names if row in spread else collected.without_projected(len(spread))
        made = list(_images(case, volume, mine, severities, looked.bundle.preparation, seed))
        images = [looked.images[row], *(one.image for one in made if one.image is not None)]
        said = score(looked, np.stack(images))
        collected.add(row, made, said)
        if row == shown_row:
            shown = _pictures(looked.images[row], made, names, severities)
    listener.progress("shifting images", len(cases), len(cases))
    return OnShifts(
        str(first.units), first.spacing_mm is not None, collected.clean(), collected.shifts(),
        looked.numbers[shown_row], shown,
    )  # fmt: skip


def threshold_of(looked: LookedInto) -> float:
    """The probability from which on a yes/no question is answered with yes: the first operating point's, or .5."""
    points = (point for point in looked.bundle.operating_points if not point.undefined and 0 < point.threshold < 1)
    first = next(points, None)
    return ANSWERED_AT if first is None or looked.bundle.target.kind != "binary" else first.threshold


def few_rows(volume: Volume, cases: int, severities: int, shown: int) -> frozenset[int]:
    """The cases whose slices are projected: all, or as many as MOST_PROJECTED slices allow, spread over all of them.

    volume  a case, as the others are taken to be
    shown   the case that is pictured, which is always one of them
    """
    slices = volume.size[0] if volume.rank == 3 else 1
    many = min(cases, max(FEWEST_PROJECTED, MOST_PROJECTED // (slices * severities)))
    return frozenset({shown, *np.linspace(0, cases - 1, many).round().astype(int).tolist()})


def usual(first: Volume, preparation: Preparation, case: Case, seed: int) -> tuple[str, ...]:
    """The shifts that suit the images; where the dose cannot be lowered, noise in its place."""
    names = list(suited(first.units, first.rank))
    for name, wanted in INSTEAD.items():
        if wanted in names:
            made = list(_images(case, first, (wanted,), (1,), preparation, seed))
            if made[0].because:
                names.insert(names.index(wanted) + 1, name)
    return tuple(names)


def _images(
    case: Case, volume: Volume, names: Sequence[str], severities: Sequence[int], preparation: Preparation, seed: int
) -> Iterator[Made]:
    """The case at every severity of every shift, prepared."""
    near = near_region(volume, preparation, case)
    for name in names:
        refused = ""
        for severity in severities:
            try:
                if refused:
                    raise InputError(refused)
                worse = shifted(near, SHIFTS[name], severity, seed=seed, path=(case.own_name,))
                distance = float(np.sqrt(np.mean((worse.voxels - near.voxels.astype(np.float64)) ** 2)))
                image = prepare(worse, preparation, centre_mm=case.centre_mm)
                yield Made(name, severity, image, distance)
            except InputError as cause:
                refused = str(cause)
                yield Made(name, severity, None, because=refused)


def near_region(volume: Volume, preparation: Preparation, case: Case) -> Volume:
    """The slices about the region that the network looks at; all of them where it looks at whole images.

    A shift of the other slices would cost time and change nothing. Where values are mapped by statistics of the whole
    image, all slices are needed.
    """
    intensity = preparation.intensity
    fixed = intensity.kind in ("window", "keep") or (intensity.kind == "range" and intensity.low is not None)
    if case.centre_mm is None or preparation.region_mm is None or volume.rank != 3 or not fixed:
        return volume
    assert volume.affine is not None, "a region has a place in mm"
    assert volume.spacing_mm is not None, "and a spacing"
    middle = float(volume.index(np.array(case.centre_mm))[0])
    # the region's box is along the patient's axes: its diagonal is long enough however the stack leans
    half = (float(np.linalg.norm(preparation.region_mm)) / 2 + MARGIN_MM) / volume.spacing_mm[0]
    start, end = max(0, int(middle - half)), min(volume.size[0], int(np.ceil(middle + half)) + 1)
    if start >= end:
        return volume
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, 0] * start
    return replace(volume, voxels=volume.voxels[:, start:end], affine=affine)


def _shown(test: UnderTest) -> int:
    """The row of the case that is pictured: the first positive one that is answered rightly, else the first."""
    right = test.answers.right(test.logits(test.images), test.labels).numpy()
    labels = test.labels.numpy()
    positive = labels > 0 if labels.ndim == 1 else (labels > 0).any(axis=1)
    for wanted in (right & positive, right):
        if wanted.any():
            return int(np.flatnonzero(wanted)[0])
    return 0


def _pictures(
    clean: NDArray[np.float32], made: Sequence[Made], names: Sequence[str], severities: Sequence[int]
) -> dict[str, tuple[NDArray[np.float32], ...]]:
    """By shift: the case as it is, then at each severity; without the shifts that do not apply to it."""
    found: dict[str, tuple[NDArray[np.float32], ...]] = {}
    for name in names:
        images = [one.image for one in made if one.shift == name and one.image is not None]
        if len(images) == len(severities):
            found[name] = (clean, *images)
    return found
