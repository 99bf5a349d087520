"""Dose pairs and few-view pairs on the disk: two folders of the same names, as a user's own would be.

folder/full/SIM0001/*.dcm   the scan at the full dose        folder/full/SIM0001.nii.gz   FBP of all views
folder/low/SIM0001/*.dcm    the same chest at a lower one    folder/few/SIM0001.nii.gz    FBP of few of them
folder/README.txt, LICENSE.txt
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from radcnn.core.chance import generator
from radcnn.core.cores import by_all_cores
from radcnn.core.errors import SettingsError
from radcnn.core.files import write_text
from radcnn.physics.noise import Dose
from radcnn.physics.phantoms.breast import breast_beam, breast_images
from radcnn.physics.phantoms.dose_pairs import FULL_DOSE, ChestField, draw_chest
from radcnn.physics.phantoms.random_ellipses import ellipse_images, full_beam, step_of
from radcnn.physics.phantoms.series import Series, write_series
from radcnn.physics.phantoms.study import LICENSE
from radcnn.physics.reconstruction import fbp

Told = Callable[[int, int], None]
Pair = tuple[NDArray[np.float32], NDArray[np.float32]]

README = """SIMULATED {what}, made by radcnn (simulate {name}, {count} patients, seed {seed}).

No patient was examined: anatomy, noise and identifiers are drawn by a program. Nothing measured on these images says
anything about people, and no figure reached on them may stand beside a figure from real data.

{folders}
"""


@dataclass(frozen=True)
class PairStudy:
    """Where pairs lie, and some of them for a certificate: images (n, rows, columns) and their references."""

    folder: Path
    given: Path
    wanted: Path
    sample: Pair
    pixel_mm: float


def write_dose_pairs(
    folder: Path,
    *,
    patients: int,
    dose: float,
    seed: int,
    field: ChestField = ChestField(),  # noqa: B008 frozen
    told: Told | None = None,
) -> PairStudy:
    """Chests scanned at the full dose and at a share of it, as DICOM series; the same seed, the same bytes.

    Raises SettingsError for fewer than 1 patient or a share outside (0, 1).
    """
    if patients < 1 or not 0 < dose < 1:
        raise SettingsError(f"dose pairs need patients and a dose between 0 and 1, got {patients} and {dose:g}")

    def one(index: int) -> Pair:
        """One patient, written; the middle slices at both doses."""
        chest = draw_chest(generator(seed, "physics", "dose pairs", index), field)
        scans = []
        for part, share in (("full", 1.0), ("low", dose)):
            chance = generator(seed, "physics", "dose pairs", index, f"{share:g}", "soft")
            hu = chest.scanned(Dose(share * FULL_DOSE), chance)
            name = f"SIM{index + 1:04d}"
            half = (field.size - 1) / 2 * field.pixel_mm
            about = f"SIMULATED chest CT, {100 * share:.3g} % of the dose"
            series = Series(
                hu, (-half, -half, 0.0), field.spacing_mm, name, "simulator", "soft", seed, part=part, description=about
            )
            write_series(folder / part / name, series)
            scans.append(hu[len(hu) // 2])
        return scans[1], scans[0]

    sample = list(by_all_cores(one, patients, told))
    folders = f"full/  the full dose ({FULL_DOSE:.3g} photons a ray)\nlow/   {100 * dose:.3g} % of it"
    _papers(folder, "chest CT at two doses", "dose-pairs", patients, seed, folders)
    return PairStudy(folder, folder / "low", folder / "full", _stacked(sample), field.pixel_mm)


Write = Callable[[NDArray[np.float32], float, Path], None]


def write_ellipse_pairs(
    folder: Path, *, patients: int, views: int, seed: int, size: int, write: Write, told: Told | None = None
) -> PairStudy:
    """Random ellipses, reconstructed of few and of all views.

    write  puts an image with the size of its pixels into a file
    """
    if patients < 1:
        raise SettingsError(f"a study of ellipses needs images, got {patients}")
    step, beam = step_of(views), full_beam(size)
    fewer = beam.every(step)
    pairs = (
        (fbp(torch.from_numpy(made.sinogram), fewer).numpy(), made.full)
        for made in ellipse_images(patients, step, size=size, seed=seed, told=told)
    )
    sample = _written(pairs, beam.pixel_mm, folder, write)
    folders = f"full/  FBP of 1000 views\nfew/   FBP of {views} of them"
    _papers(folder, "ellipses, reconstructed of few views", "ellipses", patients, seed, folders)
    return PairStudy(folder, folder / "few", folder / "full", _stacked(sample), beam.pixel_mm)


def write_breast_pairs(
    folder: Path, *, patients: int, seed: int, size: int, write: Write, told: Told | None = None
) -> PairStudy:
    """Breasts with specks, reconstructed of 128 views, and as they are; `write` as above."""
    if patients < 1:
        raise SettingsError(f"a study of breasts needs images, got {patients}")
    beam = breast_beam(size)
    pairs = ((made.few, made.truth) for made in breast_images(patients, size=size, seed=seed, told=told))
    sample = _written(pairs, beam.pixel_mm, folder, write)
    folders = "full/  the breast as it is, in attenuation per mm\nfew/   FBP of 128 views without noise"
    _papers(folder, "breasts with specks, reconstructed of few views", "breast", patients, seed, folders)
    return PairStudy(folder, folder / "few", folder / "full", _stacked(sample), beam.pixel_mm)


def _written(pairs: Iterable[Pair], pixel_mm: float, folder: Path, write: Write) -> list[Pair]:
    """The pairs, once they are in files."""
    kept = []
    for index, (few, full) in enumerate(pairs):
        for part, image in (("few", few), ("full", full)):
            write(image, pixel_mm, folder / part / f"SIM{index + 1:04d}.nii.gz")
        kept.append((few, full))
    return kept


def _stacked(sample: list[Pair]) -> Pair:
    return np.stack([given for given, _ in sample]), np.stack([wanted for _, wanted in sample])


def _papers(folder: Path, what: str, name: str, count: int, seed: int, folders: str) -> None:
    write_text(folder / "README.txt", README.format(what=what, name=name, count=count, seed=seed, folders=folders))
    write_text(folder / "LICENSE.txt", LICENSE)
