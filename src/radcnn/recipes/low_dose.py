"""Low-dose CT (J1, J2): Chen's three layers (ref 52), RED-CNN, and Nishio's auto-encoder (ref 53), on dose pairs.

Pairs are simulated chests scanned twice (P2), and real scans whose dose is lowered where a folder of them is given.
Networks are compared with the image as it is, with non-local means, bilateral filtering and BM3D, tuned as a network
is: on patients that are neither trained on nor tested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from radcnn.core.case import Source
from radcnn.core.chance import generator
from radcnn.core.cores import available_cores, by_all_cores
from radcnn.core.errors import InputError, SettingsError
from radcnn.core.estimate import Estimate
from radcnn.core.volume import Volume
from radcnn.data.findings import counted
from radcnn.data.prepared.pairs import in_unit
from radcnn.data.read import list_images, read_source
from radcnn.data.store import StoredCase
from radcnn.evaluation.restoration import INPUT, JudgedCase, figures_of, tables_of
from radcnn.inference.classical import FILTERS, STRENGTHS, best_strength, filtered
from radcnn.learning.execution import keep_memory
from radcnn.physics.kernels import KernelName
from radcnn.physics.lower_dose import lower_dose
from radcnn.physics.noise import Dose
from radcnn.physics.phantoms.dose_pairs import FULL_DOSE, ChestField, draw_chest
from radcnn.plan.restoration import LUNG, SOFT_TISSUE, RestorationPlan
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from radcnn.recipes.recipe import Reproduced, keep, new_folder
from radcnn.recipes.taught import Taught, in_trusted_precision, paired, teach, telling, within
from radcnn.study.listener import SILENCE, Listener

PATIENTS = 40  # of which ...
TUNING, TEST = 5, 10
LEAST_PATIENTS = 9
SHOWN = ("RMSE", "PSNR, soft tissue", "SSIM, soft tissue", "PSNR, lung", "SSIM, lung", "noise frequency")
OTHER_DOSES = (2.0, 0.5, 0.25)  # times that of the training
MOST_SLICES = 60  # of a real scan, in its middle


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
    ("three levels of 32, 64 and 128 kernels; the paper does not print its layers: these are ours",
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
    out: Path | str, *, minutes: float = 15.0, images: int = PATIENTS, size: int = 256, scans: Path | str | None = None,
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
    real = _listed(Path(scans)) if scans is not None else ()
    trainings = len(networks) * (1 + (len(real) if len(real) > 1 else 0))
    dose = next(iter(networks.values())).dose
    folder = new_folder(Path(out))
    keep_memory()
    torch.set_num_threads(available_cores())
    plans = {name: plan_of(one, minutes / trainings, seed, listener) for name, one in networks.items()}
    bench = _Bench(plans, dose, seed, folder, listener)
    listener.say(f"simulating {counted(patients, 'patient')}, scanned at the full dose and at {_percent(dose)}")
    doses = [dose, *(factor * dose for factor in OTHER_DOSES)]
    training, tuning, test = _split(list(_scanned(patients, field, doses, seed, listener)))
    learned, tuned_on = ([pair_of(chest.low[dose], chest.full) for chest in chests] for chests in (training, tuning))
    taught = {name: bench.taught(name, name, learned, tuned_on) for name in networks}
    ways = _ways(taught, tuning, dose, listener)
    listener.say("judging the test patients")
    cases = [_judged(chest.patient, chest.low[dose], chest.full, ways, field.pixel_mm) for chest in test]
    table = _shown(cases)
    more: dict[str, dict[str, dict[str, Estimate]]] = {}
    for other in doses[1:]:
        shifted = [_judged(chest.patient, chest.low[other], chest.full, ways, field.pixel_mm) for chest in test]
        more[f"tested at {_percent(other)} of the dose, trained at {_percent(dose)}"] = _shown(shifted)
    sharp = [_judged(chest.patient, chest.sharp, chest.sharp_full, ways, field.pixel_mm) for chest in test]
    more["tested on a sharp kernel, trained on a soft one"] = _shown(sharp)
    notes = ["References are full-dose scans with noise of their own; patients are apart."]
    if real:
        found, said = _on_real_scans(real, bench, ways, tuned_on)
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
class _Bench:
    """Networks that are taught and compared, the share of the full dose that they restore, and where they are kept."""

    plans: Mapping[str, RestorationPlan]
    dose: float
    seed: int
    folder: Path
    listener: Listener

    def taught(
        self, name: str, called: str, pairs: Sequence[StoredCase], tuned_on: Sequence[StoredCase], *,
        synthetic: bool = True,
    ) -> Taught:  # fmt: skip
        """The network of this name, trained on pairs and kept as `called`."""
        plan = self.plans[name]
        self.listener.say(f"training {called}: {counted(plan.steps * plan.training.epochs, 'step')}")
        return teach(called, plan, pairs, tuned_on, self.folder, self.listener, synthetic=synthetic)


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


def pair_of(low: NDArray[np.float32], full: NDArray[np.float32]) -> StoredCase:
    """Slices (n, rows, columns) at two doses as one pair."""
    return paired(low[None], full[None])[0]


@dataclass(frozen=True, eq=False)
class Way:
    """A way to restore slices (n, rows, columns): a network, or a filter of some strength."""

    taught: Taught | None = None
    by: str = ""
    strength: float = 0.0

    def restore(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """The images, restored."""
        if self.taught is not None:
            return self.taught.restore(images)
        return filtered(images, FILTERS[self.by], self.strength)


def _ways(taught: Mapping[str, Taught], tuning: Sequence[_Chest], dose: float, listener: Listener) -> dict[str, Way]:
    """The filters, tuned on the middle slices of tuning patients, and the networks."""
    middle = [len(chest.full) // 2 for chest in tuning]
    images = np.stack([chest.low[dose][k] for chest, k in zip(tuning, middle, strict=True)])
    references = np.stack([chest.full[k] for chest, k in zip(tuning, middle, strict=True)])
    found = {name: Way(by=name, strength=strength) for name, strength in tuned(images, references, listener).items()}
    return {**found, **{name: Way(one) for name, one in taught.items()}}


def tuned(
    images: NDArray[np.float32], references: NDArray[np.float32], listener: Listener, names: Sequence[str] = ()
) -> dict[str, float]:
    """The best strength of filters (all, where none is named), in HU, for images (n, rows, columns)."""
    noise = float(np.std(images - references))
    found = {}
    for name in names or tuple(FILTERS):
        listener.say(f"choosing the strength of {name} on tuning images")
        found[name] = best_strength(images, references, FILTERS[name], [share * noise for share in STRENGTHS])
    return found


def _judged(
    patient: str, low: NDArray[np.float32], full: NDArray[np.float32], ways: Mapping[str, Way], pixel_mm: float
) -> JudgedCase:
    made = {INPUT: low, **{name: way.restore(low) for name, way in ways.items()}}
    windows = (SOFT_TISSUE, LUNG)
    figures = {name: figures_of(image, full, windows, pixel_mm=pixel_mm) for name, image in made.items()}
    return JudgedCase(patient, patient, figures)


def _shown(cases: Sequence[JudgedCase]) -> dict[str, dict[str, Estimate]]:
    """The table, with what each way gains in PSNR over the input, patient by patient."""
    table, gains = tables_of(cases)
    named = "PSNR, soft tissue"
    return {
        way: {
            **{name: row[name] for name in SHOWN},
            **({f"gained: {named}": gains[way][named]} if way in gains else {}),
        }
        for way, row in table.items()
    }


def _protocol(networks: Mapping[str, Described], field: ChestField, patients: int, dose: float) -> tuple[str, ...]:
    first = (
        f"{patients} simulated chests of {field.slices} slices, {field.size} x {field.size} pixels of "
        f"{field.pixel_mm:.2f} mm, scanned at {FULL_DOSE:.3g} photons a ray and at {_percent(dose)} of them; noise in "
        "the line integrals, FBP; patients apart"
    )
    second = "PSNR and SSIM of values clipped to -160 to 240 HU (soft tissue) and -1350 to 150 HU (lung), their widths"
    return first, second, *(f"{name}: {said}" for name, one in networks.items() for said in one.protocol)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _listed(folder: Path) -> tuple[Path, ...]:
    if not folder.exists():
        raise InputError(f"{folder} does not exist; give a folder of CT scans")
    return list_images(folder) if folder.is_dir() else (folder,)


def _on_real_scans(
    scans: Sequence[Path], bench: _Bench, ways: Mapping[str, Way], tuned_on: Sequence[StoredCase]
) -> tuple[dict[str, dict[str, dict[str, Estimate]]], str]:
    """Real scans whose dose is lowered: by the networks of the simulated ones, and by networks of the other scans."""
    real = [_lowered(path, bench) for path in scans]
    cases = [_judged(f"scan {k + 1}", low, full, ways, pixel) for k, (low, full, pixel) in enumerate(real)]
    found = {f"real scans at {_percent(bench.dose)} of the dose, trained on simulated ones": _shown(cases)}
    if len(real) > 1:
        others: list[JudgedCase] = []
        for k, (low, full, pixel) in enumerate(real):
            rest = [(a, b) for j, (a, b, _) in enumerate(real) if j != k]
            strengths = tuned(*_middles(rest), bench.listener)
            own = {name: replace(ways[name], strength=strength) for name, strength in strengths.items()}
            for name in bench.plans:
                pairs = [pair_of(a, b) for a, b in rest]
                called = f"{name}-without-scan-{k + 1}"
                own[name] = Way(bench.taught(name, called, pairs, tuned_on, synthetic=False))
            others.append(_judged(f"scan {k + 1}", low, full, own, pixel))
        found[f"real scans at {_percent(bench.dose)} of the dose, trained on the other scans"] = _shown(others)
    return found, (
        f"The real table is of {counted(len(real), 'patient')}: an interval by patient of so few says mostly that they "
        "are few. Their full-dose noise stays in the references."
    )


def _middles(
    pairs: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The middle slices of scans (n, rows, columns), low and full, of scans of any size: what fits into the least."""
    rows, columns = (min(low.shape[axis] for low, _ in pairs) for axis in (1, 2))

    def middle(scan: NDArray[np.float32]) -> NDArray[np.float32]:
        top, left = (scan.shape[1] - rows) // 2, (scan.shape[2] - columns) // 2
        return scan[len(scan) // 2, top : top + rows, left : left + columns]

    return np.stack([middle(low) for low, _ in pairs]), np.stack([middle(full) for _, full in pairs])


def _lowered(path: Path, bench: _Bench) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Slices of a real scan at a share of its dose and as they are, and the size of their pixels."""
    volume = in_unit(read_source(Source(path)), hu=True)
    if volume.rank == 3 and volume.size[0] > MOST_SLICES:
        volume = _middle(volume)
    bench.listener.say("lowering the dose of a scan")
    lowered = lower_dose(volume, bench.dose, chance=generator(bench.seed, "lower dose", "reproduce")).volume
    spacing = volume.spacing_mm
    assert spacing is not None, "a lower dose needs pixels of known size"
    low, full = (np.rint(v.voxels.reshape(-1, *v.size[-2:])).astype(np.float32) for v in (lowered, volume))
    return low, full, spacing[-1]


def _middle(volume: Volume) -> Volume:
    """The slices in the middle of a long scan: neighbours stay neighbours, so that its noise can be read."""
    first = (volume.size[0] - MOST_SLICES) // 2
    return replace(volume, voxels=volume.voxels[:, first : first + MOST_SLICES])
