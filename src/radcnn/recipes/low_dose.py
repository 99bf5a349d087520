"""Low-dose CT (J1, J2): Chen's three layers (ref 52), RED-CNN, and Nishio's auto-encoder (ref 53), on dose pairs.

Pairs are simulated chests scanned twice (P2), and real scans whose dose is lowered where a folder of them is given.
Networks are compared with the image as it is, with non-local means, bilateral filtering and BM3D, tuned as a network
is: on patients that are neither trained on nor tested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from radcnn.core.chance import generator
from radcnn.core.cores import available_cores, by_all_cores
from radcnn.core.errors import SettingsError
from radcnn.core.estimate import Estimate
from radcnn.data.findings import counted
from radcnn.learning.execution import keep_memory
from radcnn.physics.kernels import KernelName
from radcnn.physics.noise import Dose
from radcnn.physics.phantoms.dose_pairs import FULL_DOSE, ChestField, draw_chest
from radcnn.plan.restoration import RestorationPlan
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from radcnn.recipes.real_scans import listed, on_real_scans
from radcnn.recipes.recipe import Reproduced, keep, new_folder
from radcnn.recipes.taught import Taught, in_trusted_precision, telling, within
from radcnn.recipes.ways import Bench, Way, judged, led, pair_of, percent, shown, tuned
from radcnn.study.listener import SILENCE, Listener

PATIENTS = 40  # of which ...
TUNING, TEST = 5, 10
LEAST_PATIENTS = 9
OTHER_DOSES = (2.0, 0.5, 0.25)  # times that of the training


@dataclass(frozen=True)
class Described:
    """A network as its paper has it.

    patch, batch  pixels a side of what it learns from, and how many of them a step has
    dose          share of the full dose that it restores
    paper         what the paper reports
    protocol      what was done, and where the paper did otherwise
    """

    title: str
    network: NetworkPlan
    patch: int
    batch: int
    dose: float
    paper: tuple[str, ...]
    protocol: tuple[str, ...]


CHEN = Described(
    "three convolutions for low-dose CT",
    NetworkPlan("chen2017"),
    33,
    32,
    0.1,
    (),
    ("64, 32 and 1 kernels of 9 x 9, 3 x 3 and 5 x 5, on patches of 33 x 33, MSE (paper: the same, by SGD)",),
)
RED = Described(
    "RED-CNN, a residual encoder and decoder for low-dose CT",
    NetworkPlan("redcnn"),
    55,
    4,
    0.1,
    (),
    ("five convolutions and five transposed ones of 96 kernels, 5 x 5, on patches of 55 x 55, MSE (paper: the same)",),
)
NISHIO = Described(
    "a convolutional auto-encoder for ultra-low-dose CT",
    NetworkPlan("nishio2017"),
    64,
    16,
    1 / 30,
    ("readers preferred its images to those of NLM in all respects and of BM3D in three of four; a reader study",),
    ("three levels of 32, 64 and 128 kernels, halved by convolutions; the paper prints no layers: these are ours",
     "a thirtieth of the dose, as 10 mA beside 300 mA in the paper"),
)  # fmt: skip


def chen2017(
    out: Path | str, *, minutes: float = 15.0, images: int = PATIENTS, size: int = 256, scans: Path | str | None = None,
    seed: int = 0, listener: Listener = SILENCE,
) -> Reproduced:  # fmt: skip
    """The three-layer network of Chen et al. 2017 at a tenth of the dose; see `low_dose`."""
    return low_dose("chen2017", {"chen2017": CHEN}, out, minutes, images, size, scans, seed, listener)


def redcnn(
    out: Path | str, *, minutes: float = 30.0, images: int = PATIENTS, size: int = 256, scans: Path | str | None = None,
    seed: int = 0, listener: Listener = SILENCE,
) -> Reproduced:  # fmt: skip
    """RED-CNN beside the three-layer network, both with half of the minutes; see `low_dose`."""
    return low_dose("redcnn", {"redcnn": RED, "chen2017": CHEN}, out, minutes, images, size, scans, seed, listener)


def nishio2017(
    out: Path | str, *, minutes: float = 30.0, images: int = PATIENTS, size: int = 256, scans: Path | str | None = None,
    seed: int = 0, listener: Listener = SILENCE,
) -> Reproduced:  # fmt: skip
    """The auto-encoder of Nishio et al. 2017 at a thirtieth of the dose; see `low_dose`."""
    return low_dose("nishio2017", {"nishio2017": NISHIO}, out, minutes, images, size, scans, seed, listener)


def low_dose(
    system: str, networks: Mapping[str, Described], out: Path | str, minutes: float, patients: int, size: int,
    scans: Path | str | None, seed: int, listener: Listener,
) -> Reproduced:  # fmt: skip
    """Train networks on simulated dose pairs, and on real scans but one where there are some; compare them.

    out       a new folder
    minutes   for all trainings together
    patients  that are simulated, 6 slices each
    size      pixels a side of their images
    scans     a folder of full-dose CT scans, each of a patient of its own, whose dose is lowered

    Raises SettingsError for numbers that do not fit, InputError for scans that are no CT in HU.
    """
    if patients < LEAST_PATIENTS:
        raise SettingsError(f"images must be at least {LEAST_PATIENTS} patients, got {patients}")
    if not minutes > 0:
        raise SettingsError(f"minutes must be positive, got {minutes:g}")
    field = ChestField(size)
    real = listed(Path(scans)) if scans is not None else ()
    trainings = len(networks) * (1 + (len(real) if len(real) > 1 else 0))
    dose = next(iter(networks.values())).dose
    folder = new_folder(Path(out))
    keep_memory()
    torch.set_num_threads(available_cores())
    plans = {name: plan_of(one, minutes / trainings, seed, listener) for name, one in networks.items()}
    bench = Bench(plans, dose, seed, folder, listener)
    listener.say(f"simulating {counted(patients, 'patient')}, scanned at the full dose and at {percent(dose)}")
    doses = [dose, *(factor * dose for factor in OTHER_DOSES)]
    training, tuning, test = _split(list(_scanned(patients, field, doses, seed, listener)))
    learned, tuned_on = ([pair_of(chest.low[dose], chest.full) for chest in chests] for chests in (training, tuning))
    taught = {name: bench.taught(name, name, learned, tuned_on) for name in networks}
    ways = _ways(taught, tuning, dose, listener)
    listener.say("judging the test patients")
    cases = [judged(chest.patient, chest.low[dose], chest.full, ways, field.pixel_mm) for chest in test]
    table = shown(cases)
    more: dict[str, dict[str, dict[str, Estimate]]] = {}
    for other in doses[1:]:
        shifted = [judged(chest.patient, chest.low[other], chest.full, ways, field.pixel_mm) for chest in test]
        more[f"tested at {percent(other)} of the dose, trained at {percent(dose)}"] = shown(shifted)
    sharp = [judged(chest.patient, chest.sharp, chest.sharp_full, ways, field.pixel_mm) for chest in test]
    more["tested on a sharp kernel, trained on a soft one"] = shown(sharp)
    notes = ["References are full-dose scans with noise of their own; patients are apart."]
    notes += [led(cases, *pair) for pair in pairwise(networks)]
    if real:
        found, said = on_real_scans(real, bench, ways, tuned_on)
        more |= found
        notes.append(said)
    first = next(iter(networks.values()))
    made = Reproduced(
        system, first.title, _protocol(networks, field, patients, dose), table, paper=first.paper, notes=tuple(notes),
        more=more,
    )  # fmt: skip
    keep(made, bench.folder)
    return made


@dataclass(frozen=True, eq=False)
class _Chest:
    """A patient's slices (n, size, size): at the full dose, at lower ones, and with a sharp kernel."""

    patient: str
    full: NDArray[np.float32]
    low: Mapping[float, NDArray[np.float32]]
    sharp: NDArray[np.float32]
    sharp_full: NDArray[np.float32]


def _scanned(
    patients: int, field: ChestField, doses: Sequence[float], seed: int, listener: Listener
) -> Iterator[_Chest]:
    def one(index: int) -> _Chest:
        chest = draw_chest(generator(seed, "physics", "dose pairs", index), field)

        def scan(share: float, kernel: KernelName) -> NDArray[np.float32]:
            chance = generator(seed, "physics", "dose pairs", index, f"{share:g}", kernel)
            return np.rint(chest.scanned(Dose(share * FULL_DOSE), chance, kernel=kernel))

        low = {dose: scan(dose, "soft") for dose in doses}
        return _Chest(f"SIM{index + 1:04d}", scan(1.0, "soft"), low, scan(doses[0], "sharp"), scan(1.0, "sharp"))

    return by_all_cores(one, patients, telling(listener, "simulating"))


def _split(chests: Sequence[_Chest]) -> tuple[Sequence[_Chest], Sequence[_Chest], Sequence[_Chest]]:
    """Training, tuning and test patients; patients are drawn alike, so that their order is chance."""
    test = max(3, round(len(chests) * TEST / PATIENTS))
    tuning = max(2, round(len(chests) * TUNING / PATIENTS))
    last = len(chests) - test
    return chests[: last - tuning], chests[last - tuning : last], chests[last:]


def plan_of(described: Described, minutes: float, seed: int, listener: Listener) -> RestorationPlan:
    """The paper's network and patches, with as many steps as the minutes suffice for."""
    plan = RestorationPlan(
        described.network, TrainingPlan(epochs=1, batch=described.batch), (described.patch,) * 2, loss="mse", seed=seed
    )
    return in_trusted_precision(within(plan, minutes), minutes, listener)


def _ways(taught: Mapping[str, Taught], tuning: Sequence[_Chest], dose: float, listener: Listener) -> dict[str, Way]:
    """The filters, tuned on the middle slices of tuning patients, and the networks."""
    middle = [len(chest.full) // 2 for chest in tuning]
    images = np.stack([chest.low[dose][k] for chest, k in zip(tuning, middle, strict=True)])
    references = np.stack([chest.full[k] for chest, k in zip(tuning, middle, strict=True)])
    found = {name: Way(by=name, strength=strength) for name, strength in tuned(images, references, listener).items()}
    return {**found, **{name: Way(one) for name, one in taught.items()}}


def _protocol(networks: Mapping[str, Described], field: ChestField, patients: int, dose: float) -> tuple[str, ...]:
    first = (
        f"{patients} simulated chests of {field.slices} slices, {field.size} x {field.size} pixels of "
        f"{field.pixel_mm:.2f} mm, scanned at {FULL_DOSE:.3g} photons a ray and at {percent(dose)} of them; noise in "
        "the line integrals, FBP; patients apart"
    )
    second = "PSNR and SSIM of values clipped to -160 to 240 HU (soft tissue) and -1350 to 150 HU (lung), their widths"
    return first, second, *(f"{name}: {said}" for name, one in networks.items() for said in one.protocol)
