"""`simulate`: studies of simulated images on the disk, as a user's own would be, with how hard they are."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radcnn.core.catalogue import look_up
from radcnn.core.files import read_json, refuse_used, whole_folder, write_bytes, write_json
from radcnn.core.volume import Volume
from radcnn.data.nifti import write_nifti
from radcnn.physics.phantoms import pelvis, uterus
from radcnn.physics.phantoms.abdomen import LABELS, abdomen_images
from radcnn.physics.phantoms.chest_study import write_chest_study
from radcnn.physics.phantoms.mask_study import Outlined, write_masked_study
from radcnn.physics.phantoms.neuropil import CELL, sections
from radcnn.physics.phantoms.pair_study import (
    write_breast_pairs,
    write_dose_pairs,
    write_ellipse_pairs,
)
from radcnn.physics.phantoms.study import simulate_nodule_study
from radcnn.study.certificates import certified_outlines, certified_pairs
from radcnn.study.folder import quoted
from radcnn.study.listener import SILENCE, Listener

NODULES = "--target malignant --patient patient --site site --image series --case case --centre x_mm y_mm z_mm"
PATIENTS = "--patient-from 'SIM[0-9]+'"
LABELLED = "--set synthetic=true"  # stands on the report
Triple = tuple[float, float, float]
PER_M = 1000.0  # attenuation per metre of one per millimetre
OUTLINED = 8  # images with masks that a certificate looks at


@dataclass(frozen=True)
class Simulated:
    """A study that was simulated: where it lies, how hard it is, and how to go on with it."""

    folder: Path
    certificate: str
    next: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {"synthetic": True, "folder": str(self.folder), "certificate": self.certificate, "next": list(self.next)}


@dataclass(frozen=True)
class Simulator:
    """An entry of SIMULATORS: what it makes, how many patients by default, and the function that does."""

    what: str
    patients: int
    make: Callable[[Path, int, int, bool, Listener], Simulated]


def simulate(
    name: str,
    *,
    out: Path | str | None = None,
    patients: int | None = None,
    seed: int = 0,
    certificate: bool = False,
    listener: Listener = SILENCE,
) -> Simulated:
    """Write a simulated study to a new folder; the same seed gives the same bytes.

    name         one of SIMULATORS: "nodules", "chest", "dose-pairs", "ellipses", "breast", "prostate" or "abdomen"
    out          the folder; simulated-NAME in the current folder where it is not given
    certificate  also say what simple ways reach on it, which gives a network's figures their meaning

    Raises SettingsError for an unknown name, InputError where something lies in `out`, StorageError on a full disk.
    """
    found = look_up(SIMULATORS, name, "simulator")
    folder = Path(out) if out is not None else Path(f"simulated-{name}")
    count = found.patients if patients is None else patients
    refuse_used(folder)
    return found.make(folder, count, seed, certificate, listener)


def _nodules(folder: Path, patients: int, seed: int, certificate: bool, listener: Listener) -> Simulated:
    made = simulate_nodule_study(folder, patients=patients, seed=seed, progress=_told(listener))
    text = str(read_json(folder / "certificate.json").get("text", "")) if certificate else ""
    return Simulated(folder, text, ("radcnn run", quoted(folder), "--labels", quoted(made.table), NODULES, LABELLED))


def _chest(folder: Path, patients: int, seed: int, certificate: bool, listener: Listener) -> Simulated:
    with whole_folder(folder) as partial:
        made = write_chest_study(partial, patients=patients, seed=seed, write=write_mask, told=_told(listener))
    text = made.certificate.text if certificate and made.certificate is not None else ""
    table = quoted(folder / "nodules.csv")
    return Simulated(folder, text, ("radcnn run", quoted(folder), "--labels", table, NODULES, LABELLED))


def write_mask(mask: NDArray[np.uint8], first_mm: Triple, spacing_mm: Triple, path: Path) -> None:
    """Write a mask (slices, rows, columns) as NIfTI, from the place of its first voxel (x, y, z) and its spacing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = Volume.from_spacing(mask[None], spacing_mm).affine
    assert affine is not None
    affine = affine.copy()
    affine[:3, 3] = first_mm
    write_nifti(Volume(mask[None], affine, "mask"), path)


def _dose_pairs(folder: Path, patients: int, seed: int, certificate: bool, listener: Listener) -> Simulated:
    with whole_folder(folder) as partial:
        made = write_dose_pairs(partial, patients=patients, dose=0.1, seed=seed, told=_told(listener))
        text = certified_pairs(made, partial, "HU") if certificate else ""
    return Simulated(folder, text, _pairs_next(folder / "low", folder / "full"))


def _ellipses(folder: Path, patients: int, seed: int, certificate: bool, listener: Listener) -> Simulated:
    with whole_folder(folder) as partial:
        made = write_ellipse_pairs(
            partial, patients=patients, views=50, seed=seed, size=256, write=_nifti, told=_told(listener)
        )
        text = certified_pairs(made, partial, "attenuation") if certificate else ""
    return Simulated(folder, text, (*_pairs_next(folder / "few", folder / "full"), "--unit image"))


def _breast(folder: Path, patients: int, seed: int, certificate: bool, listener: Listener) -> Simulated:
    with whole_folder(folder) as partial:
        made = write_breast_pairs(partial, patients=patients, seed=seed, size=256, write=_nifti, told=_told(listener))
        text = certified_pairs(made, partial, "attenuation per m", PER_M) if certificate else ""
    return Simulated(folder, text, (*_pairs_next(folder / "few", folder / "full"), "--unit image"))


def _pairs_next(given: Path, wanted: Path) -> tuple[str, ...]:
    return "radcnn run", quoted(given), "--target", quoted(wanted), LABELLED


def _masked(
    folder: Path, images: Iterable[Outlined], name: str, what: str, labels: Mapping[str, int], seed: int,
    certificate: bool, *, form: Literal["NIfTI", "PNG"] = "NIfTI", more: Sequence[str] = (PATIENTS,),
) -> Simulated:  # fmt: skip
    """Scans with masks, written, and what simple ways reach on the first of them.

    more  options of a run on them
    """
    with whole_folder(folder) as partial:
        _, kept = write_masked_study(
            partial, images, name=name, what=what, labels=labels, seed=seed, keep=OUTLINED, form=form,
            write=_write_outlined,
        )  # fmt: skip
        text = ""
        if certificate:
            text = certified_outlines(kept, labels)
            write_json(partial / "certificate.json", {"simulated": True, "text": text})
    named = [f"--structure {label}={number}" for label, number in labels.items()]
    return Simulated(folder, text, ("radcnn run", quoted(folder), *more, *named, LABELLED))


def _prostate(folder: Path, patients: int, seed: int, certificate: bool, listener: Listener) -> Simulated:
    images = (
        Outlined(one.values, one.mask, pelvis.GRID.spacing_mm, one.site)
        for one in pelvis.pelvis_images(patients, seed=seed, told=_told(listener))
    )
    what = "pelves in T2-weighted MR"
    return _masked(folder, images, "prostate", what, {"prostate": 1}, seed, certificate)


def _uterus(folder: Path, patients: int, seed: int, certificate: bool, listener: Listener) -> Simulated:
    images = (
        Outlined(one.values, one.mask, uterus.GRID.spacing_mm, one.site, uterus.sagittal_affine())
        for one in uterus.uterus_images(patients, seed=seed, told=_told(listener))
    )
    return _masked(folder, images, "uterus", "female pelves in T2-weighted MR", {"uterus": 1}, seed, certificate)


def _abdomen(folder: Path, patients: int, seed: int, certificate: bool, listener: Listener) -> Simulated:
    images = (
        Outlined(one.hu, one.mask, one.spacing_mm, one.site)
        for one in abdomen_images(patients, seed=seed, told=_told(listener))
    )
    what = "contrast-enhanced abdominal CT"
    return _masked(folder, images, "abdomen", what, LABELS, seed, certificate, more=(PATIENTS, "--hu"))


def _neuropil(folder: Path, patients: int, seed: int, certificate: bool, listener: Listener) -> Simulated:
    images = (Outlined(one.levels, one.mask, (1.0, 1.0)) for one in sections(patients, seed=seed, told=_told(listener)))
    what = "sections of neural tissue in electron microscopy"
    more = ("--unit image",)
    return _masked(folder, images, "neuropil", what, {"cell": CELL}, seed, certificate, form="PNG", more=more)


def _write_outlined(values: NDArray[np.integer], affine: NDArray | None, path: Path, is_mask: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        data = io.BytesIO()
        Image.fromarray(values.astype(np.uint8)).save(data, "PNG")
        write_bytes(path, data.getvalue())
        return
    write_nifti(Volume(values[None], affine, "mask" if is_mask else "arbitrary", "patient"), path)


SIMULATORS: Mapping[str, Simulator] = MappingProxyType(
    {
        "nodules": Simulator("chest CT with nodules, benign or malignant by their shape (DICOM)", 64, _nodules),
        "chest": Simulator("whole chest CTs: nodules of three kinds, masks, four readers (DICOM, NIfTI)", 60, _chest),
        "dose-pairs": Simulator("chest CT at the full dose and at a tenth of it (DICOM)", 40, _dose_pairs),
        "ellipses": Simulator("ellipses, reconstructed of 50 and of 1,000 views (NIfTI)", 500, _ellipses),
        "prostate": Simulator("pelves in T2-weighted MR with the prostate outlined (NIfTI)", 60, _prostate),
        "uterus": Simulator("female pelves in sagittal T2-weighted MR, the uterus outlined (NIfTI)", 60, _uterus),
        "abdomen": Simulator("abdominal CTs with liver and lesions outlined (NIfTI)", 60, _abdomen),
        "neuropil": Simulator("sections of neural tissue, cells parted by membranes (PNG)", 60, _neuropil),
        "breast": Simulator("breasts with specks, as they are and reconstructed of 128 views (NIfTI)", 500, _breast),
    }
)


def _told(listener: Listener) -> Callable[[int, int], None]:
    return lambda done, of: listener.progress("simulating", done, of)


def _nifti(image: NDArray[np.float32], pixel_mm: float, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_nifti(Volume.from_spacing(image[None], (pixel_mm, pixel_mm)), path)
