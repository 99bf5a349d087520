"""A simulated chest CT nodule study on the disk: DICOM series, a table of nodules and a difficulty certificate.

    folder/nodules.csv          one row per nodule
    folder/images/SIM0001/ct/   one DICOM series per patient
    folder/certificate.json     what single numbers reach
    folder/README.txt, LICENSE.txt

Two sites differ in kernel, dose and slice thickness, and hold equally many nodules of both classes, so that the site is
no shortcut. Nodules of a patient resemble each other in class.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count, pairwise
from pathlib import Path

import numpy as np

from radcnn.core.chance import generator
from radcnn.core.cores import by_processes
from radcnn.core.errors import ReadError, SettingsError
from radcnn.core.files import read_json, refuse_used, whole_folder, write_json, write_text
from radcnn.physics.phantoms.certificate import Certificate, certificate
from radcnn.physics.phantoms.features import FEATURES
from radcnn.physics.phantoms.nodules import Placed
from radcnn.physics.phantoms.patient import Plan, simulate_patient
from radcnn.physics.phantoms.scan import Field, Site
from radcnn.physics.phantoms.series import Series, write_series

SITES = (
    Site("north", kernel="sharp", photons=1.9e4, slice_mm=2.0),
    Site("south", kernel="soft", photons=1e4, slice_mm=3.0),
)
FEWEST, MOST = 4, 6  # nodules per patient
LIKENESS = 0.7  # sd of a patient's leaning to one class, beside 1 for the nodule's own
COLUMNS = ("case", "patient", "site", "series", "x_mm", "y_mm", "z_mm", "diameter_mm", "malignant")

Progress = Callable[[int, int], None]

README = """SIMULATED chest CT nodule study, made by radcnn (simulate_nodule_study, patients={patients}, seed={seed}).

No patient was examined: anatomy, nodules, noise and identifiers are drawn by a program. Nothing measured on these
images says anything about people, and no figure reached on them may stand beside a figure from real data.

nodules.csv   {nodules} nodules of {patients} patients; x_mm, y_mm, z_mm is the nodule's centroid in the DICOM patient
              coordinate system (LPS); malignant is decided by shape (spiculation)
images/       one DICOM CT series per patient, one lung, in HU after rescaling
certificate.json   the AUC that single numbers, and a random forest on them, reach on this study

{certificate}
"""
LICENSE = """These simulated images and tables are dedicated to the public domain under CC0 1.0
(https://creativecommons.org/publicdomain/zero/1.0/). They hold no data of any person.
"""


@dataclass(frozen=True)
class NoduleStudy:
    """Where the study lies and what it holds."""

    folder: Path
    table: Path
    patients: int
    nodules: int
    malignant: int
    certificate: Certificate


@dataclass(frozen=True)
class _Written:
    """What a worker hands back about a patient."""

    plan: Plan
    nodules: tuple[Placed, ...]
    features: tuple[dict[str, float], ...]


def simulate_nodule_study(
    folder: Path | str,
    *,
    patients: int = 64,
    seed: int = 0,
    workers: int = 2,
    progress: Progress | None = None,
    field: Field = Field(),  # noqa: B008 frozen
) -> NoduleStudy:
    """Simulate a study and write it to `folder`, which must not exist or be empty; about 1.7 MB per patient.

    The same seed gives the same bytes for any number of workers (processes). `progress(done, total)` is called after
    every patient. Nothing is left behind when it fails. Raises SettingsError for fewer than 4 patients, InputError
    for a folder in use, StorageError when the disk is full.
    More than one worker starts fresh Python processes: a script must then call this under
    `if __name__ == "__main__":`.
    """
    if patients < 2 * len(SITES) or workers < 1:
        raise SettingsError(f"patients must be at least {2 * len(SITES)} and workers 1, got {patients} and {workers}")
    refuse_used(Path(folder))
    with whole_folder(Path(folder)) as building:
        work = partial(_simulate_and_write, building=building, field=field, seed=seed)
        done: list[_Written] = []
        for written in by_processes(work, plan_patients(patients, seed), workers):
            done.append(written)
            if progress is not None:
                progress(len(done), patients)
        found = _certify(done, seed)
        _write_papers(building, done, found, seed)
    labels = [nodule.malignant for one in done for nodule in one.nodules]
    final = Path(folder)
    return NoduleStudy(final, final / "nodules.csv", patients, len(labels), sum(labels), found)


def simulated_with(folder: Path) -> tuple[int, int]:
    """Number of patients and seed of the study that lies in a folder; raises ReadError when its certificate is gone."""
    value = read_json(folder / "certificate.json")
    known = value if isinstance(value, dict) else {}
    patients, seed = known.get("patients"), known.get("seed")
    if not isinstance(patients, int) or not isinstance(seed, int):
        raise ReadError(f"{folder}/certificate.json is not what radcnn wrote; delete {folder} to simulate it anew")
    return patients, seed


def plan_patients(patients: int, seed: int) -> list[Plan]:
    """Who is scanned where, with how many nodules of which class.

    A nodule leans to malignancy by the sum of its patient's and its own chance; at every site the upper half is
    malignant.
    """
    chance = generator(seed, "physics", "nodule study", "plan")
    plans: list[Plan] = []
    for k, site in enumerate(SITES):
        names = [f"SIM{number + 1:04d}" for number in range(k, patients, len(SITES))]
        counts = chance.integers(FEWEST, MOST + 1, len(names))
        leaning = np.repeat(chance.normal(0, LIKENESS, len(names)), counts) + chance.normal(0, 1, counts.sum())
        malignant = leaning.argsort().argsort() >= (len(leaning) + 1) // 2
        ends = [0, *np.cumsum(counts)]
        plans += [
            Plan(name, site, tuple(bool(m) for m in malignant[a:b]))
            for name, (a, b) in zip(names, pairwise(ends), strict=True)
        ]
    return sorted(plans, key=lambda plan: plan.patient)


def _simulate_and_write(plan: Plan, *, building: Path, field: Field, seed: int) -> _Written:
    """One patient, from chance to files; runs in a worker."""
    patient = simulate_patient(plan, field, seed)
    series = Series(
        patient.hu, patient.first_mm, patient.spacing_mm, plan.patient, plan.site.name, plan.site.kernel, seed
    )
    write_series(building / _series_path(plan), series)
    return _Written(plan, patient.nodules, patient.features)


def _series_path(plan: Plan) -> str:
    """Where a patient's series lies, relative to the table."""
    return f"images/{plan.patient}/ct"


def _certify(done: list[_Written], seed: int) -> Certificate:
    rows = [(one.plan.patient, n.malignant, f) for one in done for n, f in zip(one.nodules, one.features, strict=True)]
    columns = {name: [features[name] for _, _, features in rows] for name in FEATURES}
    return certificate(columns, [int(label) for _, label, _ in rows], [patient for patient, _, _ in rows], seed=seed)


def _write_papers(building: Path, done: list[_Written], found: Certificate, seed: int) -> None:
    """Table, certificate, read-me and licence."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    serial = count(1)
    for one in done:
        for nodule in one.nodules:
            place = [f"{value:.3f}" for value in (*nodule.centre_mm, nodule.diameter_mm)]
            head = [f"nodule-{next(serial):04d}", one.plan.patient, one.plan.site.name, _series_path(one.plan)]
            writer.writerow([*head, *place, int(nodule.malignant)])
    nodules = sum(len(one.nodules) for one in done)
    write_text(building / "nodules.csv", text.getvalue())
    made = {"simulated": True, "patients": len(done), "seed": seed, "text": found.text}
    write_json(building / "certificate.json", {**made, **found.as_json()})
    write_text(
        building / "README.txt",
        README.format(patients=len(done), seed=seed, nodules=nodules, certificate=found.text),
    )
    write_text(building / "LICENSE.txt", LICENSE)
