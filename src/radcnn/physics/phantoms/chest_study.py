"""Simulated chest CTs with nodules (P1) on the disk: DICOM series, masks, tables, four readers and a certificate.

    folder/nodules.csv           one row per nodule: place, size, kind, signs
    folder/readings.csv          one row per nodule and reader who saw it
    folder/patients.csv          one row per patient, those without nodules as well
    folder/images/SIM0001/ct/    a DICOM series
    folder/tissues/SIM0001.nii.gz, folder/nodules/SIM0001.nii.gz   masks on the grid of the series
    folder/certificate.json, README.txt, LICENSE.txt

Three sites differ in kernel, dose and slice thickness, and have the same mix of patients.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.chance import generator
from radcnn.core.cores import by_processes
from radcnn.core.errors import SettingsError
from radcnn.core.files import write_json, write_text
from radcnn.physics.phantoms.certificate import Certificate, certificate
from radcnn.physics.phantoms.chest import CHEST, LABELS, ChestPlan, Lesion, Status, simulate_chest
from radcnn.physics.phantoms.features import FEATURES
from radcnn.physics.phantoms.lesions import Kind, as_row, malignancy
from radcnn.physics.phantoms.readers import READERS
from radcnn.physics.phantoms.scan import Field, Site
from radcnn.physics.phantoms.series import Series, write_series
from radcnn.physics.phantoms.study import LICENSE

SITES = (
    Site("north", kernel="sharp", photons=2.5e4, slice_mm=2.0),
    Site("south", kernel="soft", photons=1.5e4, slice_mm=3.0),
    Site("east", kernel="soft", photons=0.8e4, slice_mm=1.0),
)
MIX: Mapping[Status, float] = {"no nodules": 0.2, "benign": 0.3, "primary": 0.3, "metastatic": 0.2}
FEWEST = 2  # nodules of a class that a certificate needs
Told = Callable[[int, int], None]
WriteMask = Callable[[NDArray[np.uint8], tuple[float, float, float], tuple[float, float, float], Path], None]

README = """SIMULATED chest CT, made by radcnn (simulate chest, {patients} patients, seed {seed}).

No patient was examined: anatomy, nodules, readers, noise and identifiers are drawn by a program. Nothing measured on
these images says anything about people, and no figure reached on them may stand beside a figure from real data.

nodules.csv   {nodules} nodules of {patients} patients; x_mm, y_mm, z_mm is the centroid in the DICOM patient coordinate
              system (LPS); kind and malignant are the truth, drawn with the signs by rules that overlap; number is the
              nodule's value in its mask
readings.csv  what four simulated readers say of the nodules that they saw: a rating of 1 (surely benign) to 5 (surely
              malignant), and a diameter
patients.csv  patients, sites and files, those without a nodule as well
images/       one DICOM CT series per patient, in HU after rescaling
tissues/      masks on the grid of the series: {labels}
nodules/      masks of nodules, by their number
certificate.json   the AUC for malignancy that single numbers, a random forest on them, the readers, and the best reader
              of the signs that there can be reach on this study

{certificate}
"""


@dataclass(frozen=True)
class ChestStudy:
    """Where the study lies and what it holds."""

    folder: Path
    patients: int
    nodules: int
    malignant: int
    certificate: Certificate | None


@dataclass(frozen=True)
class _Written:
    """What a worker hands back about a patient."""

    plan: ChestPlan
    lesions: tuple[Lesion, ...]


def write_chest_study(
    folder: Path,
    *,
    patients: int,
    write: WriteMask,
    seed: int = 0,
    workers: int = 2,
    field: Field = CHEST,
    told: Told | None = None,
) -> ChestStudy:
    """Simulate chests into a folder that exists; the same seed gives the same bytes for any number of workers.

    write  puts a mask (slices, rows, columns) with its first voxel (x, y, z; LPS) and spacings into a file; a function
           of a module, since it goes to other processes
    told   hears (done, of) after each patient

    There is no certificate where a class has fewer than two nodules. Raises SettingsError for fewer than 4 patients.
    """
    if patients < 4:
        raise SettingsError(f"a study of chests needs at least 4 patients, got {patients}")
    work = partial(_simulate_and_write, folder=folder, field=field, seed=seed, write=write)
    done = []
    for written in by_processes(work, plan_chests(patients, seed), min(workers, patients)):
        done.append(written)
        if told is not None:
            told(len(done), patients)
    found = _certified(done, seed)
    _write_papers(folder, done, found, seed)
    nodules = [one for each in done for one in each.lesions]
    return ChestStudy(folder, patients, len(nodules), sum(n.placed.malignant for n in nodules), found)


def plan_chests(patients: int, seed: int) -> list[ChestPlan]:
    """Who is scanned where, with nodules of which kinds: every site has the same mix of patients, in random order."""
    chance = generator(seed, "physics", "chest", "plan")
    plans = []
    for k, site in enumerate(SITES):
        names = [f"SIM{number + 1:04d}" for number in range(k, patients, len(SITES))]
        ends = np.cumsum(list(MIX.values()))
        places = (np.arange(len(names)) + chance.random()) / max(len(names), 1)
        statuses = [list(MIX)[int(np.searchsorted(ends, place))] for place in chance.permutation(places)]
        plans += [
            ChestPlan(name, site, status, _kinds(status, chance)) for name, status in zip(names, statuses, strict=True)
        ]
    return sorted(plans, key=lambda plan: plan.patient)


def _kinds(status: Status, chance: np.random.Generator) -> tuple[Kind, ...]:
    """A cancer with up to two benign nodules, two to five metastases with at most one, or up to four benign ones."""
    held: dict[Kind, int] = {}
    if status == "benign":
        held = {"benign": int(chance.integers(1, 5))}
    elif status == "primary":
        held = {"primary": 1, "benign": int(chance.integers(3))}
    elif status == "metastatic":
        held = {"metastatic": int(chance.integers(2, 6)), "benign": int(chance.integers(2))}
    return tuple(kind for kind, number in held.items() for _ in range(number))


def _simulate_and_write(plan: ChestPlan, *, folder: Path, field: Field, seed: int, write: WriteMask) -> _Written:
    """One patient, from chance to files; runs in a worker."""
    case = simulate_chest(plan, seed, field)
    series = Series(
        case.hu, case.first_mm, case.spacing_mm, plan.patient, plan.site.name, plan.site.kernel, seed,
        description="SIMULATED chest CT",
    )  # fmt: skip
    write_series(folder / _series(plan), series)
    for path, mask in ((_mask(plan, "tissues"), case.tissues), (_mask(plan, "nodules"), case.nodules)):
        write(mask, case.first_mm, case.spacing_mm, folder / path)
    return _Written(plan, case.lesions)


def _series(plan: ChestPlan) -> str:
    return f"images/{plan.patient}/ct"


def _mask(plan: ChestPlan, of: str) -> str:
    return f"{of}/{plan.patient}.nii.gz"


def _certified(done: Sequence[_Written], seed: int) -> Certificate | None:
    lesions = [(one.plan.patient, lesion) for one in done for lesion in one.lesions]
    labels = [int(lesion.placed.malignant) for _, lesion in lesions]
    if min(labels.count(0), labels.count(1)) < FEWEST:
        return None
    columns = {name: [lesion.features[name] for _, lesion in lesions] for name in FEATURES}
    readers = {"an ideal reader of the signs": [malignancy(lesion.signs) for _, lesion in lesions]}
    for k, reader in enumerate(READERS):  # a nodule that was missed is called benign
        found = [lesion.readings[k] for _, lesion in lesions]
        readers[reader.name] = [one.rating if one is not None else 1.0 for one in found]
    return certificate(columns, labels, [patient for patient, _ in lesions], readers=readers, seed=seed)


def _write_papers(folder: Path, done: Sequence[_Written], found: Certificate | None, seed: int) -> None:
    """Tables, certificate, read-me and licence."""
    patients, nodules, readings = [], [], []
    serial = count(1)
    for one in done:
        plan = one.plan
        files = {"series": _series(plan), "tissues": _mask(plan, "tissues"), "nodules": _mask(plan, "nodules")}
        about = {"patient": plan.patient, "site": plan.site.name}
        malignant = int(any(lesion.placed.malignant for lesion in one.lesions))
        held = {"status": plan.status, "nodule_count": len(one.lesions), "malignant": malignant}
        patients.append({**about, **held, **files})
        for number, lesion in enumerate(one.lesions, start=1):
            case = f"nodule-{next(serial):04d}"
            nodules.append({"case": case, **about, "number": number, **_lesion_row(lesion), **files})
            for reading in lesion.readings:
                if reading is not None:
                    said = {"rating": reading.rating, "diameter_mm": f"{reading.diameter_mm:.2f}"}
                    readings.append({"case": case, "patient": plan.patient, "reader": reading.reader, **said})
    for name, rows in (("patients", patients), ("nodules", nodules), ("readings", readings)):
        write_text(folder / f"{name}.csv", _table(rows))
    text = (
        found.text if found is not None else f"no certificate: it needs {FEWEST} benign and {FEWEST} malignant nodules"
    )
    made = {"simulated": True, "patients": len(done), "seed": seed, "text": text}
    write_json(folder / "certificate.json", {**made, **(found.as_json() if found is not None else {})})
    labels = ", ".join(f"{number} {tissue}" for tissue, number in LABELS.items())
    about_it = {"patients": len(done), "seed": seed, "nodules": len(nodules), "labels": labels, "certificate": text}
    write_text(folder / "README.txt", README.format(**about_it))
    write_text(folder / "LICENSE.txt", LICENSE)


def _lesion_row(lesion: Lesion) -> dict[str, object]:
    x, y, z = (f"{value:.3f}" for value in lesion.placed.centre_mm)
    signs = as_row(lesion.signs)
    del signs["diameter_mm"]  # as drawn, which a pleura may have cut
    size = {"x_mm": x, "y_mm": y, "z_mm": z, "diameter_mm": f"{lesion.placed.diameter_mm:.3f}"}
    return {**size, "malignant": int(lesion.placed.malignant), "kind": lesion.kind, **signs}


def _table(rows: Iterable[Mapping[str, object]]) -> str:
    listed = list(rows)
    text = io.StringIO()
    if listed:
        writer = csv.DictWriter(text, list(listed[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(listed)
    return text.getvalue()
