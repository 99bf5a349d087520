"""Attacks on networks that restore images: their error against budget, and whether an attack hides a lesion.

Images are changed in their own unit and on their own grid. Of volumes a part in the middle is taken, as an image of its
own: a step looks at all of it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.attacks.dense import Sloped
from radcnn.core.estimate import Estimate
from radcnn.data.store import StoredCase
from radcnn.evaluation.restoration import figures_of
from radcnn.inference.bundle import verify
from radcnn.inference.restorer import load_restorer
from radcnn.inference.slopes import restoring_pieces, slope_through, total
from radcnn.metrics.fidelity import rms_error
from radcnn.networks.image_network import ImageNetwork
from radcnn.plan.restoration import RestorationPlan
from radcnn.robustness.dense import GROWTH, NOISE, DenseAttacked, DenseCurve, DensePoint
from radcnn.robustness.hidden import hidden_auc
from radcnn.study.listener import Listener
from radcnn.study.restoring.execution import restoring_execution
from radcnn.study.restoring.judging import notes_on, pixel_mm_of
from radcnn.study.restoring.pairs import pairs_of_study
from radcnn.study.stressing.asked import Asked
from radcnn.study.stressing.dense import (
    RESAMPLES,
    Request,
    Trial,
    along_cases,
    changed_images,
    noises_of,
    settled,
    strongest,
    unit_words,
)
from radcnn.study.stressing.image_pictures import Pictures, draw_restored
from radcnn.study.stressing.planted import SIDE, SLICES_APART, Lesion, Place, even_places, lesion_of, planted, squares
from radcnn.tasks.restoration import restoration_of

MAIN = "RMSE"
INPUT_ERROR = "RMSE of the input"
MOST_SLICES = {2: 8, 3: 32}  # of a volume that are attacked, by the axes that the network looks along
MOST_SIDE = 128  # voxels along rows and columns, of a network that looks at volumes
OUTPUT, INPUT = "AUC in the restored image", "AUC in the image itself"
MIDDLE = "Of volumes the part in the middle was attacked and judged as an image of its own: {} slices at most."


def restoration_attacks(request: Request) -> DenseAttacked:
    """Attacks on what a run makes of some pairs of one side, by their references.

    The opening of the test side is in the ledger before a network sees it.
    """
    asked, opened = request.asked, request.opened
    model = verify(request.folder.bundle)
    restorer, networks = load_restorer(request.folder.bundle)
    plan = restorer.restoration
    chosen = request.chosen(opened.rows(request.side))
    stored = pairs_of_study(opened, chosen.rows, request.listener, f"{request.side} pairs").cases
    pairs = [middle(pair.values(), plan.dims) for pair in stored]
    noises = noises_of([pair[0] for pair in pairs], asked)
    request.record(model)
    restoring_execution(plan)  # as many cores as there are
    settled(networks)
    works = [Restoring(networks, plan, *pair) for pair in pairs]
    named = [(int(row) + 1, opened.cohort.cases[int(row)].patient) for row in chosen.rows]
    trials = [partial(work.trial, *who, float(n)) for work, who, n in zip(works, named, noises, strict=True)]
    unit = unit_words(plan.units)
    window = (plan.windows[-1].low, plan.windows[-1].high) if plan.windows else None
    drawing = draw_restored(MAIN, unit, window)
    pictures = Pictures(MAIN, True, drawing, f"attacks-{request.side}", request.place)
    table = along_cases(trials, asked, request.listener, kept=pictures.keep)
    lesion = _lesion(plan, unit, stored, noises)
    hidden = hidden_lesions(works, table.tries, lesion, asked, request.listener)
    volumes = (MIDDLE.format(MOST_SLICES[plan.dims]),) if any(pair.ndim == 4 for pair in pairs) else ()
    return request.result(
        "restored", table.tries, table.curves(asked, main=MAIN, share=2.0), units=plan.units, failed=0, main=MAIN,
        axis=f"{MAIN} in {unit}", hidden=hidden, lesion=_words(lesion, asked),
        pictures=pictures.written(request.largest(unit)),
        notes=(*chosen.notes, *volumes, *request.notes(), *notes_on(opened)),
    )  # fmt: skip


def middle(pair: NDArray[np.float32], dims: int) -> NDArray[np.float32]:
    """The part in the middle of a pair (2, [slices,] rows, columns) that is attacked; images of one slice stay."""
    if pair.ndim == 3:
        return pair
    most = (MOST_SLICES[dims], *((MOST_SIDE,) * 2 if dims == 3 else pair.shape[2:]))
    starts = [max(0, (n - some) // 2) for n, some in zip(pair.shape[1:], most, strict=True)]
    part = pair[(slice(None), *(slice(start, start + some) for start, some in zip(starts, most, strict=True)))]
    return np.ascontiguousarray(part)


@dataclass(frozen=True, eq=False)
class Restoring:
    """One image that is restored: the run's networks and plan, the image ([slices,] rows, columns), its reference.

    clean  what is made of the image without attack
    """

    networks: Sequence[ImageNetwork]
    plan: RestorationPlan
    given: NDArray[np.float32]
    wanted: NDArray[np.float32]
    clean: Tensor = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "clean", self.restored(torch.from_numpy(self.given.copy())[None]))

    def restored(self, image: Tensor) -> Tensor:
        """What the networks make of an image (1, *size), in its unit."""
        task = restoration_of(self.plan)
        pieces = restoring_pieces(self.networks, self.plan, image.shape[1:])
        return task.decode(total(pieces, task.encode(image), 1))

    def trial(self, number: int, patient: str, noise: float) -> Trial:
        """The case as it is attacked: away from its reference."""
        low, high = float(self.given.min()), float(self.given.max())
        image = torch.from_numpy(self.given.copy())[None]
        return Trial(number, patient, image, low, high, 1.0, noise, self.look, self.figures, self.seen)

    def look(self, image: Tensor, _: float) -> Sloped:
        """The RMSE beside the reference, and the slope of its square."""
        apart = self.restored(image) - torch.from_numpy(self.wanted.copy())[None]
        return Sloped(float(apart.double().square().mean().sqrt()), self.slope(image, apart))

    def slope(self, image: Tensor, upstream: Tensor) -> Tensor:
        """The slope at an image of a loss whose slope at what is made of it is `upstream`, up to its length."""
        encoded = restoration_of(self.plan).encode(image)
        return slope_through(restoring_pieces(self.networks, self.plan, image.shape[1:]), encoded, upstream)

    def figures(self, image: Tensor) -> dict[str, float]:
        """Nearness to the reference, of the image too, and how much the network lets a change grow."""
        made = self.restored(image)
        every = figures_of(made[0].numpy(), self.wanted, self.plan.windows)
        found = {name: value for name, value in every.items() if name.startswith((MAIN, "PSNR", "SSIM"))}
        found[INPUT_ERROR] = rms_error(image[0].numpy(), self.wanted)
        change = rms_error(image[0].numpy(), self.given)
        found[GROWTH] = rms_error(made[0].numpy(), self.clean[0].numpy()) / change if change > 0 else np.nan
        for window in self.plan.windows:  # not there where an image is smaller than their windows
            found.setdefault(f"SSIM, {window.name}", np.nan)
        return found

    def seen(self, image: Tensor) -> tuple[NDArray, NDArray]:
        """The reference and what is made of the image, for pictures."""
        return self.wanted[None], self.restored(image).numpy()


def _lesion(plan: RestorationPlan, unit: str, pairs: Sequence[StoredCase], noises: NDArray[np.float64]) -> Lesion:
    """One lesion for all images; its size in mm where all have pixels of one size."""
    pixels = {pixel_mm_of(pair) for pair in pairs}
    known = pixels.pop() if len(pixels) == 1 else None
    return lesion_of(plan.units, unit, pixel_mm=known, noise=float(np.median(noises)), ball=plan.dims == 3)


def _words(lesion: Lesion, asked: Asked) -> str:
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


def hidden_lesions(
    works: Sequence[Restoring], tries: Sequence[Trial], lesion: Lesion, asked: Asked, listener: Listener
) -> tuple[DenseCurve, ...]:
    """The observer's AUC against budget, in what is made of images and in these, by the attack and by noise."""
    names = (strongest(asked.attacks), NOISE)
    budgets = (0.0, *asked.budgets)
    # by attack, by budget: squares of what is made of images, and of these
    found: dict[str, list[tuple[list[NDArray], list[NDArray]]]] = {name: [([], []) for _ in budgets] for name in names}
    absent: tuple[list[NDArray], list[NDArray]] = ([], [])
    patients: list[str] = []
    seconds = dict.fromkeys(names, 0.0)
    for done, (work, clean) in enumerate(zip(works, tries, strict=True)):
        listener.progress("hiding lesions", done, len(works))
        hiding = Hiding.of(work, lesion)
        trial = hiding.trial(clean)
        patients += [clean.patient] * len(hiding.places)
        absent[0].append(hiding.squares(work.clean))
        absent[1].append(hiding.squares(clean.image))
        slope = trial.look(trial.image, 1.0).slope
        for name in names:
            started = time.monotonic()
            for k, image in enumerate((trial.image, *changed_images(name, trial, asked, slope))):
                found[name][k][0].append(hiding.squares(work.restored(image)))
                found[name][k][1].append(hiding.squares(image))
            seconds[name] += time.monotonic() - started
    listener.progress("hiding lesions", len(works), len(works))

    def auc(name: str, k: int, which: int) -> Estimate:
        present, gone, now = (np.concatenate(part[which]) for part in (found[name][0], absent, found[name][k]))
        return hidden_auc(present, gone, now, patients, resamples=RESAMPLES, seed=asked.seed)

    return tuple(
        DenseCurve(
            f"lesions hidden by {name}" if name != NOISE else f"lesions under {name}",
            tuple(
                DensePoint(budget, {OUTPUT: auc(name, k, 0), INPUT: auc(name, k, 1)})
                for k, budget in enumerate(budgets)
            ),
            Estimate.missing("no crossing is looked for"),
            seconds[name],
        )
        for name in names
    )
