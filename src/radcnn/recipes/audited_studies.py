"""What the adversarial audit is made on: simulated nodules, and real studies in a folder that a person names."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from radcnn.core.errors import InputError
from radcnn.core.settings import to_plain
from radcnn.physics.phantoms.study import simulate_nodule_study
from radcnn.study.listener import Listener
from radcnn.study.settings import OF_A_RUN, StudySettings
from radcnn.study.study_yaml import load_settings

MEDMNIST = {f"{side}_{what}.npy" for side in ("train", "val") for what in ("images", "labels")}
DEEPEST = 3  # folders below the one that is named
HELD = (0.5, 0.4, 0.1)  # shares of the phantom's sides: networks are attacked on its tuning cases, where none is chosen


@dataclass(frozen=True)
class Audited:
    """Images with labels that a study is made of: what `new` is given."""

    name: str
    data: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    simulated: bool = False


def nodules(folder: Path, *, patients: int, seed: int, listener: Listener) -> Audited:
    """Nodules in simulated chest CTs, benign or malignant by their margin, as `radcnn demo` has them."""
    simulate_nodule_study(
        folder, patients=patients, seed=seed, progress=lambda done, of: listener.progress("simulating", done, of)
    )
    options = {
        "labels": str(folder / "nodules.csv"), "target": "malignant", "patient": "patient", "site": "site",
        "image": "series", "case": "case", "centre": ["x_mm", "y_mm", "z_mm"], "synthetic": True, "fractions": HELD,
    }  # fmt: skip
    return Audited("simulated nodules", folder, options, simulated=True)


def real_studies(folder: Path) -> tuple[Audited, ...]:
    """The studies in a folder, by name: npz files in MedMNIST's form, and what folders with a study.yaml were made of.

    A study.yaml is read for its data and columns only; the study it stands in is not touched, nor its test set opened.
    Raises InputError where the folder is not there, or holds none.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} does not exist, or is no folder; name one with npz files or studies of radcnn new")
    files = [folder, *sorted(path for path in folder.rglob("*") if _near(path, folder))]
    found = [Audited(path.stem, path) for path in files if path.suffix == ".npz" and _is_medmnist(path)]
    found += [_of_study(path) for path in files if path.name == "study.yaml"]
    if not found:
        raise InputError(
            f"{folder} holds no npz file in MedMNIST's form and no study.yaml; make studies of its images (radcnn new)"
        )
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"two studies in {folder} are called {twice}; rename one of them")
    return tuple(found)


def _near(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    return path.suffix in (".npz", ".yaml") and len(parts) <= DEEPEST and "runs" not in parts and ".cache" not in parts


def _is_medmnist(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as packed:
            return set(packed.namelist()) >= MEDMNIST
    except (zipfile.BadZipFile, OSError):
        return False


def _of_study(path: Path) -> Audited:
    """The data and columns of a study.yaml, without what it says of runs."""
    settings = load_settings(path)
    usual, plain = StudySettings(data=settings.data), to_plain(settings)
    own = [f.name for f in fields(settings) if getattr(settings, f.name) != getattr(usual, f.name)]
    options = {name: plain[name] for name in own if name != "data" and name not in OF_A_RUN}
    return Audited(path.parent.name, settings.data, options, simulated=settings.synthetic)
