"""The part `shifts`: figures against the severity of shifts of acquisition, and cases grouped by their scanner."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from radcnn.core.estimate import Estimate
from radcnn.core.files import write_bytes
from radcnn.evaluation.groups import groups
from radcnn.evaluation.subgroups import enough
from radcnn.metrics.clustered import clustered_mean
from radcnn.robustness.answers import Answered, figures
from radcnn.robustness.limits import Limit, usual_limit
from radcnn.robustness.shifted import GroupFigures, ShiftCurve, Shifted, ShiftPicture, curve_of
from radcnn.robustness.shifts import SHIFTS
from radcnn.study.listener import Listener
from radcnn.study.stressing.asked import Asked
from radcnn.study.stressing.collected import OneShift
from radcnn.study.stressing.grouping import scanner_columns
from radcnn.study.stressing.scoring import Said
from radcnn.study.stressing.shifting import OnShifts, on_shifts, threshold_of
from radcnn.study.stressing.showing import plane_png
from radcnn.study.stressing.tested import UnderTest


def shifts(test: UnderTest, asked: Asked, place: Path, listener: Listener) -> Shifted:
    """Every asked shift at every asked severity, on one side's cases, and the figures of groups of real scanners."""
    found = on_shifts(test, asked.shifting.names, asked.shifting.severities, asked.seed, listener)
    clean = answered(test, found.clean, np.ones(len(found.clean.scores), bool))
    limits = asked.shifting.limits or (usual_limit(test.looked.bundle.target),)
    curves = tuple(_curve(name, one, found, test, limits) for name, one in found.shifts.items())
    side = test.looked.side
    return Shifted(
        side=side,
        n=len(test.images),
        patients=len(set(test.patients)),
        units=found.units,
        threshold=test.threshold,
        limits=tuple(one.words for one in limits),
        curves=curves,
        groups=_groups(test, clean),
        pictures=_pictures(found, asked, place, side),
        notes=(*_silent(found, asked), *_left_out(found), *test.notes),
    )


def answered(test: UnderTest, said: Said, kept: np.typing.NDArray[np.bool_]) -> Answered:
    """What was said of these cases beside their truth."""
    patients = tuple(one for one, there in zip(test.patients, kept, strict=True) if there)
    looked = test.looked
    return Answered(looked.bundle.target, said.scores, looked.targets[kept], patients, threshold_of(looked))


def _curve(name: str, one: OneShift, found: OnShifts, test: UnderTest, limits: Sequence[Limit]) -> ShiftCurve:
    shift = SHIFTS[name]
    if not one.said:
        return ShiftCurve(name, shift.title, shift.what, because=one.because)
    patients = np.array(test.patients)[one.kept]
    levels = []
    for severity, said in one.said.items():
        away = Estimate.missing("nothing was changed")
        if severity:
            away = clustered_mean(one.distance[severity], patients, scale="log")
        levels.append((severity, shift.words(severity, mm=found.mm), answered(test, said, one.kept), away))
    return curve_of(name, shift.title, shift.what, levels, limits)


def _groups(test: UnderTest, clean: Answered) -> tuple[GroupFigures, ...]:
    """Figures of the groups of each column that has several."""
    made = []
    for column, words in scanner_columns(test.looked).items():
        each = groups(words)
        if len(each) < 2:
            continue
        for name, inside in each:
            mine = clean.only(inside)
            people = len(set(mine.patients))
            found = {key: enough(one, people, len(mine.scores)) for key, one in figures(mine).items()}
            made.append(GroupFigures(column, name, found))
    return tuple(made)


def _silent(found: OnShifts, asked: Asked) -> tuple[str, ...]:
    if found.units != "arbitrary" or asked.shifting.names:
        return ()
    return (
        "The images do not say their unit and are taken for MR; if they are CT in HU, name shifts of CT (--shift).",
    )


def _left_out(found: OnShifts) -> tuple[str, ...]:
    made = []
    for name, one in found.shifts.items():
        lost = int((~one.kept).sum())
        if one.said and lost:
            made.append(f"{SHIFTS[name].title}: {lost} of {one.kept.size} cases are left out, because {one.because}")
    return tuple(made)


def _pictures(found: OnShifts, asked: Asked, place: Path, side: str) -> tuple[ShiftPicture, ...]:
    """One case under each shift, all in the range of the case as it is."""
    made = []
    for name, images in found.shown.items():
        low, high = float(images[0].min()), float(images[0].max())
        files, words = [], []
        for severity, image in zip((0, *asked.shifting.severities), images, strict=True):
            files.append(f"shifts-{side}-{name}-{severity}.png")
            words.append(SHIFTS[name].words(severity, mm=found.mm))
            write_bytes(place / files[-1], plane_png(image, low, high))
        made.append(ShiftPicture(found.case, name, tuple(files), tuple(words)))
    return tuple(made)
