"""A run under test: one network that answers as the run does, its cases as tensors, and each image's own scale."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radcnn.attacks.answers import Answers
from radcnn.core.chance import generator
from radcnn.core.errors import InputError
from radcnn.data.read import read_source
from radcnn.inference.bundle import Bundle
from radcnn.metrics.noise_level import noise_sd
from radcnn.networks import Network
from radcnn.plan.adversarial import budget_unit
from radcnn.reports.numbers import point_words
from radcnn.study.listener import Listener
from radcnn.study.looking import LookedInto, Scale, one_network, scale_of_volume
from radcnn.transforms.views import View, ViewKind, test_time_views

MOST_VOXELS = 1 << 21  # of the images of one batch: a gradient keeps every layer's maps
MOST_IMAGES = 64
MOST_CASES = 500  # of a side, that are tried
EVEN = 0.5  # probability a yes/no answer is given at where no operating point was chosen

UNKNOWN_PATIENTS = (
    "No patient is known: every image counts as one, and intervals are too narrow where a patient has several."
)
TUNING = "These are tuning cases, on which epochs and thresholds were chosen; --open-test looks at test cases."
FOLDS = (
    "With folds every network but one was trained on each tuning case: what is said of them is too good; --open-test "
    "looks at cases that no network has seen."
)


class Looks(nn.Module):
    """A network's mean logits over test-time views, as the run's own scores are means over them."""

    def __init__(self, network: nn.Module, views: tuple[View, ...]) -> None:
        super().__init__()
        self.network = network
        self.views = views

    def forward(self, images: Tensor) -> Tensor:
        """Mean logits (B, outputs)."""
        return torch.stack([self.network(view.apply(images)) for view in self.views]).mean(0)


@dataclass(frozen=True, eq=False)
class UnderTest:
    """What every part of a stress test works on.

    rows              (n,) which of the cases looked into these are
    network, answers  gives logits (B, outputs); what they mean
    threshold         the words for what a yes/no answer is given at
    images, labels    (n, C, *size); (n,) class indices, or (n, T) with NaN where not labelled
    low, high         (n,) what the values of each image can be
    per_unit, unit    (n,) prepared values per unit of the scanner; the unit's name
    noise             (n,) noise sd of each image in prepared values; the median of the others where none was seen
    found             cases that there were before some were drawn
    """

    looked: LookedInto
    rows: Tensor
    network: nn.Module
    answers: Answers
    threshold: str
    images: Tensor
    labels: Tensor
    low: Tensor
    high: Tensor
    per_unit: Tensor
    unit: str
    noise: Tensor
    found: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the cases: how many of the side they are, whose, and what was chosen on them."""
        notes = []
        if self.found != len(self.looked.rows):
            drawn = len(self.looked.rows)
            notes.append(f"{drawn} of {self.found} cases were drawn by chance; --most takes more.")
        if self.looked.opened.cohort.unit == "image":
            notes.append(UNKNOWN_PATIENTS)
        if self.looked.side == "tuning":
            notes.append(TUNING)
            if self.looked.plan.training.folds:
                notes.append(FOLDS)
        return tuple(notes)

    @property
    def patients(self) -> tuple[str, ...]:
        """The patient of each case."""
        everybody = self.looked.patients
        return tuple(everybody[row] for row in self.rows.tolist())

    @property
    def numbers(self) -> tuple[int, ...]:
        """What the cases are called: their numbers in the study."""
        return tuple(self.looked.numbers[row] for row in self.rows.tolist())

    def of(self, rows: Tensor) -> UnderTest:
        """The same network with some of the cases."""
        own = ("rows", "images", "labels", "low", "high", "per_unit", "noise")
        return replace(self, **{name: getattr(self, name)[rows] for name in own})

    @property
    def median_noise(self) -> float | None:
        """The median noise sd of the images, in the scanner's unit; None where none was seen."""
        own = (self.noise / self.per_unit.clamp(min=1e-12))[self.per_unit > 0]
        found = float(own.median()) if len(own) else math.nan
        return found if math.isfinite(found) and found > 0 else None

    def batches(self, rows: Tensor) -> Iterator[Tensor]:
        """Rows in batches that gradients of this network fit into memory for; the same on every machine."""
        per_image = self.images[0, 0].numel()
        yield from rows.split(max(1, min(MOST_IMAGES, MOST_VOXELS // per_image))) if len(rows) else ()

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """Logits (n, outputs) of images (n, C, *size), batch by batch."""
        parts = [self.network(images[rows]) for rows in self.batches(torch.arange(len(images)))]
        return torch.cat(parts) if parts else torch.empty(0, self.looked.task.outputs)


def under_test(looked: LookedInto, listener: Listener, *, most: int = MOST_CASES, seed: int = 0) -> UnderTest:
    """The run under test, with at most so many of its cases, drawn by chance.

    Raises InputError for a regression target, or where images are in several units.
    """
    target = looked.bundle.target
    if target.kind == "regression":
        raise InputError(
            f"{', '.join(target.names)} is a value: a stress test counts answers that are turned, and a value has "
            "none; train on classes of it"
        )
    found, looked = len(looked.rows), _drawn(looked, most, seed)
    scales, noises = _measured(looked, listener)
    unit = budget_unit([one.units for one in scales])
    answers, threshold = answers_of(looked.bundle)
    truth = looked.targets if target.kind == "multilabel" else looked.targets[:, 0]
    return UnderTest(
        looked=looked,
        rows=torch.arange(len(looked.rows)),
        network=answering(looked.networks, looked.bundle.views, dims=looked.plan.preparation.dims),
        answers=answers,
        threshold=threshold,
        images=torch.from_numpy(looked.images),
        labels=torch.from_numpy(truth).float(),
        low=torch.tensor([one.low for one in scales]),
        high=torch.tensor([one.high for one in scales]),
        per_unit=torch.tensor([one.per_unit for one in scales]),
        unit=unit,
        noise=torch.from_numpy(noises).float(),
        found=found,
    )


def _drawn(looked: LookedInto, most: int, seed: int) -> LookedInto:
    """At most so many of the cases, in their order."""
    if len(looked.rows) <= most:
        return looked
    kept = np.sort(generator(seed, "cases under stress").permutation(len(looked.rows))[:most])
    return replace(looked, rows=looked.rows[kept], images=looked.images[kept], targets=looked.targets[kept])


def answering(networks: Sequence[Network], views: ViewKind, *, dims: Literal[2, 3]) -> nn.Module:
    """One network that answers as a bundle does: the mean logits of its networks over its test-time views.

    Its weights are laid channels last: the same numbers but for rounding, and a slope takes two thirds of the time.
    """
    network, looks = one_network(networks), test_time_views(views, dims=dims)
    if dims == 2:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network if len(looks) == 1 else Looks(network, looks).eval()


def _measured(looked: LookedInto, listener: Listener) -> tuple[list[Scale], NDArray[np.float64]]:
    """The scale of each case and the noise of its prepared image."""
    scales = []
    for done, case in enumerate(looked.cases, start=1):
        scales.append(scale_of_volume(read_source(case.source), looked.bundle.preparation))
        listener.progress("reading the scales of images", done, len(looked.rows))
    noises = np.array([noise_sd(image) for image in looked.images])
    seen = np.isfinite(noises) & (noises > 0)
    return scales, np.where(seen, noises, np.median(noises[seen]) if seen.any() else np.nan)


def answers_of(bundle: Bundle) -> tuple[Answers, str]:
    """What logits mean: at the first operating point of a binary target, as the report's figures are."""
    kind = bundle.target.kind
    if kind == "multiclass":
        return Answers("multiclass"), "the most probable class"
    if kind == "multilabel":
        return Answers("multilabel"), "probability 0.5 of each label, all labels right"
    point = next((p for p in bundle.operating_points if not p.undefined and 0 < p.threshold < 1), None)
    if point is None:
        return Answers("binary"), f"probability {EVEN:g}"
    threshold = point.threshold
    where = f"probability {threshold:.3g}, chosen on the {point.chosen_on} set"
    words = f"the operating point “{point_words(point.name)}” ({where})"
    return Answers("binary", (math.log(threshold / (1 - threshold)),)), words
