"""A network against dose: nearness, noise, and whether a lesion of 5 mm and -30 HU can still be found.

PSNR rises where noise goes; what a reader needs is the lesion. A channelised Hotelling observer (`metrics.observer`)
looks at places in even soft tissue with the lesion and without, in the same scans, before and after each way. The
network is the residual U-Net that a restoration has by default: 2,400 slices go through it, and RED-CNN takes ten times
as long for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from radcnn.core.chance import generator
from radcnn.core.cores import available_cores, by_all_cores
from radcnn.core.errors import SettingsError
from radcnn.core.estimate import Estimate
from radcnn.core.files import refuse_used
from radcnn.data.findings import counted
from radcnn.evaluation.restoration import INPUT, JudgedCase, figures_of, tables_of
from radcnn.learning.execution import keep_memory
from radcnn.metrics.observer import CHANNELS, detectability
from radcnn.physics.noise import Dose
from radcnn.physics.phantoms.dose_pairs import FULL_DOSE, Chest, ChestField, disc_integrals, draw_chest
from radcnn.plan.restoration import SOFT_TISSUE
from radcnn.plan.settings import NetworkPlan
from radcnn.recipes.low_dose import Described, plan_of
from radcnn.recipes.recipe import Reproduced, keep, new_folder
from radcnn.recipes.taught import teach, telling
from radcnn.recipes.ways import Way, pair_of, tuned
from radcnn.study.listener import SILENCE, Listener

TITLE = "a network, non-local means and the image itself against dose, with the lesions that an observer finds"
DOSES = (1.0, 0.5, 0.25, 0.1, 0.05)
LESION_MM, LESION_HU = 5.0, -30.0
PATIENTS, TRAINING, TUNING = 60, 16, 4
SIDE = 15  # pixels of the square that the observer looks at
PLACES = 2  # in a slice, with the lesion and without
APART = 24  # pixels between places
NLM, NETWORK = "non-local means", "U-Net"
UNET = Described(
    "a residual U-Net without normalisation",
    NetworkPlan("unet", {"kernels": [32, 64, 128, 256], "norm": "none"}),
    patch=64,
    batch=16,
    dose=0.1,
    paper=(),
    protocol=(),
)
ENOUGH_PLACES = 4 * CHANNELS  # an observer is made on half of the patients, and needs more places than channels

Place = tuple[int, int, int]  # slice, row, column


def dose_sweep(
    out: Path | str, *, minutes: float = 20.0, images: int = PATIENTS, size: int = 256, seed: int = 0,
    listener: Listener = SILENCE,
) -> Reproduced:  # fmt: skip
    """A U-Net trained at all doses, judged at each: RMSE, PSNR, noise, and the observer's AUC by patient.

    out      a new folder
    minutes  of training
    images   patients that are simulated, 6 slices each; all but 20 are tested
    size     pixels a side

    Raises SettingsError for numbers that do not fit.
    """
    if images < TRAINING + TUNING + 10:
        raise SettingsError(f"images must be at least {TRAINING + TUNING + 10} patients, got {images}")
    field = ChestField(size)
    refuse_used(Path(out))
    keep_memory()
    torch.set_num_threads(available_cores())
    listener.say(f"simulating {counted(images, 'patient')}")
    drawn = by_all_cores(
        lambda k: draw_chest(generator(seed, "physics", "sweep", k), field), images, telling(listener, "simulating")
    )
    chests = list(drawn)
    tested = chests[TRAINING + TUNING :]
    places = [_places(chest, generator(seed, "physics", "sweep", "places", k)) for k, chest in enumerate(tested)]
    if sum(map(len, places)) < ENOUGH_PLACES:
        raise SettingsError(
            f"the observer needs {ENOUGH_PLACES} places in even tissue, and these chests have {sum(map(len, places))}; "
            "take more images, or larger ones (--size)"
        )
    folder = new_folder(Path(out))
    learned = [_at_all_doses(chest, k, seed) for k, chest in enumerate(chests[: TRAINING + TUNING])]
    pairs = [pair_of(low, full) for lows, full in learned for low in lows.values()]
    split = TRAINING * len(DOSES)
    plan = plan_of(UNET, minutes, seed, listener)
    listener.say(f"training: {counted(plan.steps * plan.training.epochs, 'step')}")
    network = Way(teach("unet", plan, pairs[:split], pairs[split:], folder, listener))
    more: dict[str, dict[str, dict[str, Estimate]]] = {}
    for dose in DOSES:
        listener.say(f"judging {100 * dose:g} % of the dose")
        images_of = [(lows[dose][len(full) // 2], full[len(full) // 2]) for lows, full in learned[TRAINING:]]
        given, wanted = (np.stack(part) for part in zip(*images_of, strict=True))
        strength = tuned(given, wanted, listener, (NLM,))[NLM]
        ways = {NLM: Way(by=NLM, strength=strength), NETWORK: network}
        more[f"{100 * dose:g} % of the dose"] = _at(dose, tested, places, ways, seed, listener)
    made = Reproduced("dose-sweep", TITLE, _protocol(field, images), _together(more), more=more, notes=NOTES)
    keep(made, folder)
    return made


NOTES = (
    "Non-local means is tuned anew at each dose; the network is one for all doses.",
    "The lesion is a disc through the whole slice, in even soft tissue; an AUC of 0.5 is guessing.",
)


def _at_all_doses(chest: Chest, k: int, seed: int) -> tuple[dict[float, NDArray[np.float32]], NDArray[np.float32]]:
    """Scans at every dose, and another one at the full dose to learn from."""
    scans = {
        dose: np.rint(chest.scanned(Dose(dose * FULL_DOSE), generator(seed, "physics", "sweep", k, f"{dose:g}")))
        for dose in DOSES
    }
    return scans, np.rint(chest.scanned(Dose(FULL_DOSE), generator(seed, "physics", "sweep", k, "reference")))


def _at(
    dose: float, chests: Sequence[Chest], places_of: Sequence[Sequence[Place]], ways: Mapping[str, Way], seed: int,
    listener: Listener,
) -> dict[str, dict[str, Estimate]]:  # fmt: skip
    """Figures of every way at one dose, beside the noiseless image."""
    named = (INPUT, *ways)
    cases, patches = [], {way: {True: [], False: []} for way in named}  # type: ignore[var-annotated]
    whose: dict[bool, list[str]] = {True: [], False: []}
    for k, (chest, places) in enumerate(zip(chests, places_of, strict=True)):
        truth = chest.noiseless()
        scans = {}
        for there in (True, False):
            lesions = np.zeros_like(chest.integrals)
            for slice_, row, column in places if there else ():
                lesions[slice_] += disc_integrals(chest, row, column, LESION_MM, LESION_HU)
            noise = generator(seed, "physics", "sweep", k, f"{dose:g}", "with" if there else "without")
            scans[there] = chest.scanned(Dose(dose * FULL_DOSE), noise, lesion=lesions)
        made = {
            there: {INPUT: scan, **{n: way.restore(scan) for n, way in ways.items()}} for there, scan in scans.items()
        }
        patient = f"SIM{k + 1:04d}"
        figures = {
            way: figures_of(made[False][way], truth, (SOFT_TISSUE,), pixel_mm=chest.field.pixel_mm) for way in named
        }
        cases.append(JudgedCase(patient, patient, figures))
        for there, by_way in made.items():
            whose[there] += [patient] * len(places)
            for way, image in by_way.items():
                patches[way][there] += [_square(image, place) for place in places]
        listener.progress(f"judging {100 * dose:g} %", k + 1, len(chests))
    table, _ = tables_of(cases)
    return {
        way: {
            "RMSE": table[way]["RMSE"],
            "PSNR, soft tissue": table[way]["PSNR, soft tissue"],
            "SSIM, soft tissue": table[way]["SSIM, soft tissue"],
            "noise frequency": table[way]["noise frequency"],
            "observer's AUC": detectability(
                np.array(patches[way][True]), np.array(patches[way][False]), whose[True], whose[False], seed=seed
            ),
        }
        for way in named
    }


def _places(chest: Chest, chance: np.random.Generator) -> list[Place]:
    """Where lesions lie, and where none does: (slice, row, column) in even soft tissue, apart from each other."""
    found: list[Place] = []
    reach = SIDE // 2
    for k, tissue in enumerate(chest.tissue):
        inside = tissue.copy()
        inside[:reach], inside[-reach:], inside[:, :reach], inside[:, -reach:] = False, False, False, False
        for _ in range(PLACES):
            rows, columns = np.nonzero(inside)
            if not len(rows):
                break
            at = int(chance.integers(len(rows)))
            row, column = int(rows[at]), int(columns[at])
            found.append((k, row, column))
            inside[max(0, row - APART) : row + APART, max(0, column - APART) : column + APART] = False
    return found


def _square(images: NDArray[np.float32], place: Place) -> NDArray[np.float32]:
    k, row, column = place
    reach = SIDE // 2
    return images[k, row - reach : row + reach + 1, column - reach : column + reach + 1]


def _together(tables: Mapping[str, Mapping[str, Mapping[str, Estimate]]]) -> dict[str, dict[str, Estimate]]:
    """The observer's AUC and PSNR of each way at each dose, in one table."""
    made: dict[str, dict[str, Estimate]] = {}
    for dose, table in tables.items():
        for way, row in table.items():
            made.setdefault(f"AUC, {way}", {})[dose] = row["observer's AUC"]
    for dose, table in tables.items():
        for way, row in table.items():
            made.setdefault(f"PSNR, {way}", {})[dose] = row["PSNR, soft tissue"]
    return made


def _protocol(field: ChestField, images: int) -> tuple[str, ...]:
    return (
        (
            f"{images} simulated chests of {field.slices} slices, {field.size} x {field.size} pixels of "
            f"{field.pixel_mm:.2f} mm; {TRAINING} are learned from, {TUNING} tuned on, the others tested"
        ),
        f"a lesion of {LESION_MM:g} mm and {LESION_HU:g} HU at up to {PLACES} places of a slice, and scans without it",
        "figures are beside the noiseless image; the observer (ten channels) is made and judged on other patients",
    )
