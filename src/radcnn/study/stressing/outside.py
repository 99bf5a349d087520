"""Whether shifted and foreign images are told from those of training, by the features before the last layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Source
from radcnn.core.errors import InputError
from radcnn.core.estimate import Estimate
from radcnn.data.listing import images_at
from radcnn.data.read import read_source
from radcnn.metrics.clustered import Floats
from radcnn.metrics.delong import delong_interval
from radcnn.robustness.doubted import OutsideFound
from radcnn.robustness.outside import Known, known_features
from radcnn.robustness.shifts import SHIFTS
from radcnn.study.listener import Listener
from radcnn.study.stressing.asked import Asked
from radcnn.study.stressing.collected import OneShift
from radcnn.study.stressing.scoring import Said, score
from radcnn.study.stressing.shifting import on_shifts
from radcnn.study.stressing.tested import UnderTest
from radcnn.transforms.preparation import prepare

MOST_TRAINED = 2000  # training cases whose features are taken, spread over all of them
MOST_FOREIGN = 500
KINDS = ("mahalanobis", "neighbours")


@dataclass(frozen=True, eq=False)
class Foreign:
    """Images from elsewhere (n, C, *size), prepared; none where none are asked for; and what was left out of them."""

    images: NDArray[np.float32] | None = None
    notes: tuple[str, ...] = ()


def outside(
    test: UnderTest, asked: Asked, said: Said, foreign: Foreign, listener: Listener
) -> tuple[OutsideFound, ...]:
    """AUC of each shift's images, and of foreign ones, against the cases as they are, of which `said` is.

    Raises InputError where training cases are too few to say what lies outside.
    """
    known = known_of_training(test, listener)
    found = on_shifts(test, asked.shifting.names, asked.shifting.severities, asked.seed, listener)
    patients = np.array(test.patients)
    made = [row for name, one in found.shifts.items() for row in _of_shift(name, one, known, patients, mm=found.mm)]
    if foreign.images is not None:
        strange = score(test.looked, foreign.images)
        names = np.concatenate([patients, [f"foreign {k}" for k in range(len(foreign.images))]])
        both = [_against(kind, known, said, strange, names) for kind in KINDS]
        many = f"{len(foreign.images)} foreign images"
        made.append(OutsideFound("foreign", "foreign images", 0, many, both[0], both[1]))
    return tuple(made)


def known_of_training(test: UnderTest, listener: Listener) -> tuple[Known, ...]:
    """What the features of training cases say, one for each network; by class where there are classes."""
    looked = test.looked
    rows = looked.opened.rows("training")
    if len(rows) > MOST_TRAINED:
        rows = rows[np.linspace(0, len(rows) - 1, MOST_TRAINED).round().astype(np.intp)]
    images = looked.opened.prepared(rows, looked.bundle.preparation, listener, "training cases")
    step = 256
    parts = [score(looked, np.array(images[at : at + step])).features for at in range(0, len(images), step)]
    labels = None
    if looked.bundle.target.kind != "multilabel":
        labels = looked.opened.targets(rows)[:, 0].astype(np.intp)
    return tuple(known_features(np.concatenate(each), labels) for each in zip(*parts, strict=True))


def _of_shift(
    name: str, one: OneShift, known: Sequence[Known], patients: NDArray[np.str_], *, mm: bool
) -> Iterator[OutsideFound]:
    mine = patients[one.kept]
    for severity, said in one.said.items():
        if severity:
            both = [_against(kind, known, one.said[0], said, np.concatenate([mine, mine])) for kind in KINDS]
            shift = SHIFTS[name]
            yield OutsideFound("shift", shift.title, severity, shift.words(severity, mm=mm), both[0], both[1])


def _against(kind: str, known: Sequence[Known], usual: Said, other: Said, patients: NDArray[np.str_]) -> Estimate:
    """AUC of `other` images against `usual` ones by one score, the mean of the networks' scores; by patient."""
    scores = np.concatenate([distances(kind, known, usual), distances(kind, known, other)])
    truth = np.arange(len(scores)) >= len(usual.scores)
    return delong_interval(scores, truth, patients)


def distances(kind: str, known: Sequence[Known], said: Said) -> Floats:
    """How far images lie outside of training (n,), the mean over the networks."""
    each = [getattr(one, kind)(features) for one, features in zip(known, said.features, strict=True)]
    return np.asarray(np.mean(each, axis=0))


def refuse_foreign(test: UnderTest, asked: Asked) -> None:
    """Raise InputError for a folder of foreign images of which none can be used."""
    if asked.shifting.foreign is not None:
        places = images_at(asked.shifting.foreign)
        faults = []
        for _, path in places[:MOST_FOREIGN]:
            found = _foreign(path, test)
            if not isinstance(found, InputError):
                return
            faults.append(found)
        raise InputError(f"no image of {asked.shifting.foreign.name} can be used: {faults[0]}")


def foreign_images(test: UnderTest, asked: Asked, listener: Listener) -> Foreign:
    """The images below the asked folder, prepared as the run prepares its own, about their middle."""
    folder = asked.shifting.foreign
    if folder is None:
        return Foreign()
    places = images_at(folder)[:MOST_FOREIGN]
    made = []
    for done, (_, path) in enumerate(places, start=1):
        found = _foreign(path, test)
        if not isinstance(found, InputError):
            made.append(found)
        listener.progress("reading foreign images", done, len(places))
    lost = len(places) - len(made)
    notes = (f"{lost} of {len(places)} foreign images could not be used and are left out",) if lost else ()
    return Foreign(np.stack(made), notes)


def _foreign(path: Path, test: UnderTest) -> NDArray[np.float32] | InputError:
    """An image as the run prepares its own, or why it cannot be."""
    try:
        return prepare(read_source(Source(path)), test.looked.bundle.preparation)
    except InputError as cause:
        return cause
