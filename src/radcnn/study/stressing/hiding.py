"""An attack that hides planted lesions, and what an observer still finds of them, in all cases of a restoration."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.attacks.dense import Sloped
from radcnn.core.estimate import Estimate
from radcnn.data.store import StoredCase
from radcnn.plan.restoration import RestorationPlan
from radcnn.robustness.dense import NOISE, DenseCurve, DensePoint
from radcnn.robustness.hidden import hidden_auc
from radcnn.study.listener import Listener
from radcnn.study.restoring.judging import pixel_mm_of
from radcnn.study.stressing.asked import Asked
from radcnn.study.stressing.dense import RESAMPLES, Trial, changed_images, strongest
from radcnn.study.stressing.planted import SIDE, SLICES_APART, Lesion, Place, even_places, lesion_of, planted, squares
from radcnn.study.stressing.restored_case import Restoring

OUTPUT, INPUT = "AUC in the restored image", "AUC in the image itself"


def common_lesion(plan: RestorationPlan, unit: str, pairs: Sequence[StoredCase], noises: NDArray[np.float64]) -> Lesion:
    """One lesion for all images; its size in mm where all have pixels of one size."""
    pixels = {pixel_mm_of(pair) for pair in pairs}
    known = pixels.pop() if len(pixels) == 1 else None
    return lesion_of(plan.units, unit, pixel_mm=known, noise=float(np.median(noises)), ball=plan.dims == 3)


def lesion_words(lesion: Lesion, asked: Asked) -> str:
    return (
        f"Lesions ({lesion.words}) were planted at even places, and {strongest(asked.attacks)} tried to make the "
        "restored image look there as it does without them. An observer that learned on untouched images of other "
        "patients is asked whether the lesion is there: attacked images with it against untouched ones without it; 0.5 "
        "is guessing."
    )


@dataclass(frozen=True, eq=False)
class Hiding:
    """A case with lesions, whose attack brings what is made of it back to what it is without them.

    places   of the lesions
    image    with them
    absent   what is made of the image without them, (1, [slices,] rows, columns)
    within   1 in the squares that the observer looks at, of that shape
    """

    work: Restoring
    places: Sequence[Place]
    image: NDArray[np.float32]
    absent: Tensor
    within: Tensor

    @classmethod
    def of(cls, work: Restoring, lesion: Lesion) -> Hiding:
        """Lesions at the even places of a case."""
        flat = work.given.ndim == 2
        given, wanted = (one[None] if flat else one for one in (work.given, work.wanted))
        apart = SLICES_APART if lesion.ball else 1
        places = even_places(wanted, work.plan.units, apart=apart)
        image = planted(given, places, lesion)
        within, reach = np.zeros(given.shape, np.float32), SIDE // 2
        for k, row, column in places:
            within[k, row - reach : row + reach + 1, column - reach : column + reach + 1] = 1
        shape = (1, *work.given.shape)
        return cls(work, places, image.reshape(work.given.shape), work.clean, torch.from_numpy(within.reshape(shape)))

    def look(self, image: Tensor, _: float) -> Sloped:
        """How near the squares are to what they are without lesions, and the slope towards that."""
        apart = (self.work.restored(image) - self.absent) * self.within
        return Sloped(-float(apart.double().square().sum()), self.work.slope(image, -apart))

    def trial(self, clean: Trial) -> Trial:
        """The case as it is attacked."""
        low, high = (float(end) for end in (self.image.min(), self.image.max()))
        return Trial(
            clean.number, clean.patient, torch.from_numpy(self.image.copy())[None], min(low, clean.low),
            max(high, clean.high), 1.0, clean.noise, self.look, lambda _: {}, self.work.seen,
        )  # fmt: skip

    def squares(self, image: Tensor) -> NDArray[np.float64]:
        """What the observer sees of an image (1, [slices,] rows, columns)."""
        values = image[0].numpy()
        return squares(values[None] if values.ndim == 2 else values, self.places)


@dataclass(eq=False)
class Squares:
    """What the observer is shown, place by place: squares of restored images, and of these themselves."""

    restored: list[NDArray[np.float64]] = field(default_factory=list)
    given: list[NDArray[np.float64]] = field(default_factory=list)

    def add(self, hiding: Hiding, restored: Tensor, given: Tensor) -> None:
        """The squares of one case."""
        self.restored.append(hiding.squares(restored))
        self.given.append(hiding.squares(given))


def hidden_lesions(
    works: Sequence[Restoring], tries: Sequence[Trial], lesion: Lesion, asked: Asked, listener: Listener
) -> tuple[DenseCurve, ...]:
    """The observer's AUC against budget, in restored images and in these themselves, by the attack and by noise."""
    names, absent = (strongest(asked.attacks), NOISE), Squares()
    found = {name: [Squares() for _ in (0.0, *asked.budgets)] for name in names}
    seconds = dict.fromkeys(names, 0.0)
    patients: list[str] = []
    for done, (work, clean) in enumerate(zip(works, tries, strict=True)):
        listener.progress("hiding lesions", done, len(works))
        hiding = Hiding.of(work, lesion)
        trial = hiding.trial(clean)
        patients += [clean.patient] * len(hiding.places)
        absent.add(hiding, work.clean, clean.image)
        slope = trial.look(trial.image, 1.0).slope
        for name in names:
            started = time.monotonic()
            for at, image in zip(found[name], (trial.image, *changed_images(name, trial, asked, slope)), strict=True):
                at.add(hiding, work.restored(image), image)
            seconds[name] += time.monotonic() - started
    listener.progress("hiding lesions", len(works), len(works))
    return tuple(_curve(name, found[name], absent, patients, asked, seconds[name]) for name in names)


def _curve(
    name: str, found: Sequence[Squares], absent: Squares, patients: Sequence[str], asked: Asked, seconds: float
) -> DenseCurve:
    def auc(present: list[NDArray], gone: list[NDArray], now: list[NDArray]) -> Estimate:
        there, nothing, attacked = (np.concatenate(part) for part in (present, gone, now))
        return hidden_auc(there, nothing, attacked, patients, resamples=RESAMPLES, seed=asked.seed)

    points = tuple(
        DensePoint(
            budget,
            {
                OUTPUT: auc(found[0].restored, absent.restored, at.restored),
                INPUT: auc(found[0].given, absent.given, at.given),
            },
        )
        for budget, at in zip((0.0, *asked.budgets), found, strict=True)
    )
    words = f"lesions under {name}" if name == NOISE else f"lesions hidden by {name}"
    return DenseCurve(words, points, Estimate.missing("no crossing is looked for"), seconds)
