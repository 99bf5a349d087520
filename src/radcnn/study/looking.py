"""A run looked into: its networks and judged cases, as `explain` and `stress` need them.

Networks run in float32 on the CPU here, whatever they were trained in: gradients of rounded activations are rounded,
and an attack that fails because of that says nothing about the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radcnn.core.case import Case, Side
from radcnn.core.cores import available_cores
from radcnn.core.errors import InputError
from radcnn.core.volume import Volume
from radcnn.data import ledger
from radcnn.data.read import read_source
from radcnn.inference.bundle import Bundle, load_bundle, verify
from radcnn.networks import Network
from radcnn.plan.settings import Plan
from radcnn.plan.stored import load_plan
from radcnn.study.folder import RunFolder, find_run, quoted
from radcnn.study.listener import SILENCE, Listener
from radcnn.study.open_study import OpenStudy, open_study
from radcnn.tasks import Task
from radcnn.transforms.intensity import LinearMap, linear_map
from radcnn.transforms.preparation import Preparation


@dataclass(frozen=True, eq=False)
class LookedInto:
    """A run of labels or values, opened: what its networks are, and the labelled cases of one side.

    side     "tuning", or "test" where the test set was opened for it
    rows     (n,) rows of the cases in the study's cohort; a case is called by its row + 1
    images   (n, C, *size) float32, as the networks are given them
    targets  (n, t)
    patients n pseudonyms
    """

    folder: RunFolder
    opened: OpenStudy
    plan: Plan
    bundle: Bundle
    networks: tuple[Network, ...]
    side: Side
    rows: NDArray[np.intp]
    images: NDArray[np.float32]
    targets: NDArray[np.float64]

    @property
    def task(self) -> Task:
        """The task that decodes logits."""
        return self.bundle.make_task()

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases, in the order of `rows`."""
        return self.opened.cases(self.rows)

    @property
    def numbers(self) -> tuple[int, ...]:
        """What the cases are called: their numbers in the study."""
        return tuple(int(row) + 1 for row in self.rows)

    @property
    def patients(self) -> tuple[str, ...]:
        """The patient's pseudonym of each case."""
        return tuple(case.patient for case in self.cases)


def look_into(
    run: Path | str,
    *,
    cases: Sequence[int] = (),
    open_test: bool = False,
    reason: str,
    before_opening: Callable[[LookedInto], object] | None = None,
    listener: Listener = SILENCE,
) -> LookedInto:
    """The networks of a run and its tuning cases, or with `open_test` its test cases, which the ledger records.

    cases   numbers in the study of the cases that are wanted; all of the side without
    reason  why a test set is opened, for the ledger
    before_opening  may refuse what was found, by an error: a test set that is not looked at is not opened

    With folds, a tuning case was seen in training by all networks but one: what is said of it is too good, and whoever
    calls must say so. Raises InputError with the next step where there is nothing to look into.
    """
    folder = find_run(run)
    if not (folder.bundle / "bundle.json").is_file():
        raise InputError(
            f"{folder.path} is not trained to the end; go on with: radcnn train {quoted(folder.path)} --resume"
        )
    opened = open_study(folder.study)
    if opened.settings.makes != "labels":
        raise InputError(f"{folder.path} makes images of images; maps and attacks of labels do not apply to it")
    model = verify(folder.bundle)
    bundle, networks = load_bundle(folder.bundle)
    plan = load_plan(folder.plan)
    side: Side = "test" if open_test else "tuning"
    rows = _rows(opened, side, cases)
    images = opened.prepared(rows, bundle.preparation, listener, f"{side} cases")
    torch.set_num_threads(available_cores())
    held = np.array(images[:], dtype=np.float32)
    placed = tuple(network.eval().requires_grad_(False) for network in networks)
    looked = LookedInto(folder, opened, plan, bundle, placed, side, rows, held, opened.targets(rows))
    if before_opening is not None:
        before_opening(looked)
    if open_test:  # an image that cannot be read must not cost an opening
        count = ledger.open_test(opened.folder.ledger, opened.split, model=model, run=folder.name, reason=reason)
        listener.say(f"the test set was opened (time {count} for this split); this is in the ledger")
    return looked


def _rows(opened: OpenStudy, side: Side, cases: Sequence[int]) -> NDArray[np.intp]:
    rows = opened.rows(side)
    if not len(rows):
        raise InputError(f"no {side} case of {opened.folder.path} is labelled, so there is nothing to look at")
    if not cases:
        return rows
    known = {int(row) + 1: int(row) for row in rows}
    if strange := [number for number in cases if number not in known]:
        raise InputError(
            f"case {strange[0]} is no labelled {side} case; those are {_some(sorted(known))} (radcnn names tells which "
            "image a number means)"
        )
    return np.array([known[number] for number in dict.fromkeys(cases)], dtype=np.intp)


def _some(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:8]))
    return shown if len(numbers) <= 8 else f"{shown}, ... {numbers[-1]}"


class Ensemble(nn.Module):
    """The networks of a bundle as one: the mean of their logits (B, outputs), so that it can be differentiated.

    Scores of a bundle are means of probabilities; the class that both call is nearly always the same, and a gradient
    of mean probabilities vanishes where networks are certain.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, images: Tensor) -> Tensor:
        """Mean logits (B, outputs) of images (B, C, *size)."""
        return torch.stack([network(images) for network in self.networks]).mean(0)


def one_network(networks: Sequence[Network]) -> nn.Module:
    """The network itself where there is one, else their `Ensemble`; in evaluation mode."""
    return networks[0] if len(networks) == 1 else Ensemble(networks).eval()


@dataclass(frozen=True)
class Scale:
    """What one step of a prepared image's values is on the scanner's scale.

    units     "HU", "grey" (levels), "rgb" or "arbitrary"
    per_unit  prepared values per unit: a change of `eps` units is `eps * per_unit` for the network; 0 for a constant
              image
    low, high what prepared values can be: of the window, or of the stored values
    """

    units: str
    per_unit: float
    low: float
    high: float


def scale_of(case: Case, preparation: Preparation) -> Scale:
    """The scale of a prepared case, from its own voxels; raises ReadError where its image cannot be read."""
    volume = read_source(case.source)
    return scale_of_volume(volume, preparation)


def scale_of_volume(volume: Volume, preparation: Preparation) -> Scale:
    """The scale of an image's prepared values."""
    mapping: LinearMap = linear_map(preparation.intensity, volume.voxels)
    ends = mapping(np.array([volume.voxels.min(), volume.voxels.max()], dtype=np.float64))
    return Scale(str(volume.units), float(mapping.gain), float(ends[0]), float(ends[1]))
