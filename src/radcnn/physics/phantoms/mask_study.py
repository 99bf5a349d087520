"""Simulated volumes with masks on the disk, as a user's own would be: images/ and labels/ of the same names.

folder/images/SIM0001.nii.gz    the scan              folder/labels/SIM0001.nii.gz    its mask
folder/patients.csv             patient, site         folder/README.txt, LICENSE.txt

Planes without a size are PNG files.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radcnn.core.files import write_text
from radcnn.core.volume import Volume
from radcnn.physics.phantoms.study import LICENSE

README = """SIMULATED {what}, made by radcnn (simulate {name}, {count} patients, seed {seed}).

No patient was examined: anatomy, noise and identifiers are drawn by a program. Nothing measured on these images says
anything about people, and no figure reached on them may stand beside a figure from real data.

images/       scans, {form}
labels/       their masks: {labels}
patients.csv  the site of each patient
"""

ENDINGS = {"NIfTI": ".nii.gz", "PNG": ".png"}
Values = NDArray[np.integer]
Write = Callable[[Values, NDArray[np.float64] | None, Path, bool], None]


@dataclass(frozen=True, eq=False)
class Outlined:
    """A scan (slices, rows, columns) or plane, its mask, the distances of voxel centres, and where it was made.

    affine  indices to mm in the patient (LPS); None for axial slices about the origin
    """

    values: Values
    mask: NDArray[np.uint8]
    spacing_mm: tuple[float, ...]
    site: str = ""
    affine: NDArray[np.float64] | None = None

    @property
    def place(self) -> NDArray[np.float64] | None:
        """Where its voxels lie."""
        return self.affine if self.affine is not None else Volume.from_spacing(self.mask[None], self.spacing_mm).affine


def write_masked_study(
    folder: Path, images: Iterable[Outlined], *, name: str, what: str, labels: Mapping[str, int], seed: int,
    keep: int, write: Write, form: Literal["NIfTI", "PNG"] = "NIfTI",
) -> tuple[int, list[Outlined]]:  # fmt: skip
    """Write scans and masks into a folder; returns how many, and the first few for a certificate.

    form   of the files: NIfTI or PNG
    write  puts a scan, or (True) a mask, with its affine into a file
    """
    kept: list[Outlined] = []
    rows: list[tuple[str, str]] = []
    count = 0
    for count, one in enumerate(images, start=1):
        patient = f"SIM{count:04d}"
        for part, values, is_mask in (("images", one.values, False), ("labels", one.mask, True)):
            write(values, one.place, folder / part / f"{patient}{ENDINGS[form]}", is_mask)
        rows.append((patient, one.site))
        if len(kept) < keep:
            kept.append(one)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([("patient", "site"), *rows])
    write_text(folder / "patients.csv", text.getvalue())
    named = ", ".join(f"{number} {label}" for label, number in labels.items())
    write_text(
        folder / "README.txt", README.format(what=what, name=name, count=count, seed=seed, labels=named, form=form)
    )
    write_text(folder / "LICENSE.txt", LICENSE)
    return count, kept
