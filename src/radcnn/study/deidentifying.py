"""`deidentify`: every DICOM image below a folder without its patient, whole or not at all; what is left out is counted.

Neither files of the input nor anything that stands in them is named in a message: files are counted in folder order,
and only the link file that a person asks for says which is which.
"""

from __future__ import annotations

import csv
import io
import secrets
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radcnn.core.catalogue import look_up
from radcnn.core.errors import InputError, SettingsError
from radcnn.core.files import PRIVATE, reading, whole_folder, write_text
from radcnn.data.dicom.deidentify.crossing import clean_files, write_whole
from radcnn.data.dicom.deidentify.object import Cleaned, LeftOut
from radcnn.data.dicom.deidentify.profile import EDITION, Dates, Options
from radcnn.data.dicom.deidentify.secret import SHORTEST, Secret
from radcnn.data.findings import counted
from radcnn.data.listing import walked
from radcnn.study.listener import SILENCE, Listener

SECRET_NAME = ".radcnn-deidentify-secret"  # noqa: S105 - the name of the file, not what is in it
MOST_NAMED = 10  # numbers of files that are listed for one reason
DATES: dict[str, Dates] = {"removed": "removed", "shifted": "shifted", "kept": "kept"}
NOT_CLEANED = (
    "Names and dates that are burned into the pixels are NOT cleaned. Look at the images before you share them: "
    "ultrasound, secondary captures, fluoroscopy and radiographs often hold some. A scan of a head shows a face."
)


@dataclass(frozen=True)
class Deidentified:
    """What was written and what was not.

    left_out       numbers of files, counted from 1 in folder order, by the reason why they were not written
    not_dicom      numbers of those that are no DICOM files at all
    may_show_text  files written whose pixels may show names, by their kind or their own word
    """

    folder: Path
    secret_file: Path
    options: Options
    written: int
    patients: int
    studies: int
    series: int
    may_show_text: int
    files: int
    left_out: dict[str, list[int]] = field(default_factory=dict)
    not_dicom: list[int] = field(default_factory=list)

    @property
    def dicom_left_out(self) -> int:
        """How many DICOM files were not written."""
        return sum(len(numbers) for numbers in self.left_out.values())

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "folder": str(self.folder),
            "secret_file": str(self.secret_file),
            "profile": f"{EDITION}: {', '.join(f'{code} {meaning}' for code, meaning in self.options.codes())}",
            "files": self.files,
            "written": self.written,
            "patients": self.patients,
            "studies": self.studies,
            "series": self.series,
            "left_out": self.left_out,
            "not_dicom": self.not_dicom,
            "burned_in_pixels_cleaned": False,
            "may_show_text": self.may_show_text,
        }

    def as_text(self) -> str:
        """Sentences for a person, and for README.txt of the folder."""
        trees = f"{counted(self.studies, 'study', 'studies')}, {self.series} series"
        lines = [f"wrote {counted(self.written, 'file')} of {counted(self.patients, 'patient')} ({trees})"]
        lines += [f"left out {_numbered(numbers)}: {why}" for why, numbers in self.left_out.items()]
        lines += [f"left out {_numbered(self.not_dicom)}: no DICOM file"] if self.not_dicom else []
        lines.append(
            "profile and options: " + "; ".join(f"{meaning} ({code})" for code, meaning in self.options.codes())
        )
        lines.append(NOT_CLEANED)
        kinds = "of kinds that often show text, or say that they do"
        return "\n".join([*lines, f"{self.may_show_text} of {counted(self.written, 'file')} written are {kinds}"])

    def for_the_owner(self) -> str:
        """What the person at the terminal needs to know besides."""
        secret = f"the secret of the pseudonyms is in {self.secret_file}: keep it, and keep it apart from the images"
        return f"{self.as_text()}\n{secret}\nthe images are in {self.folder}"


def deidentify(
    source: Path | str,
    out: Path | str,
    *,
    secret_file: Path | str | None = None,
    link: Path | str | None = None,
    dates: str = "removed",
    keep_uids: bool = False,
    keep_device: bool = False,
    keep_patient_characteristics: bool = False,
    listener: Listener = SILENCE,
) -> Deidentified:
    """Write every DICOM image, segmentation and structure set below a folder without identifiers (PS3.15 annex E).

    source       a DICOM file, or a folder with any tree of them
    out          a new folder: PSEUDONYM/study-1/series-1/0001.dcm, and README.txt; not there if anything fails
    secret_file  what pseudonyms and UIDs are made from; made beside `out` where it is missing. The same secret gives
                 the same ones in every run, and whoever has it can test whose images they are
    link         a CSV file to write that says which input became which output; it names patients, and is yours alone
    dates        "removed"; "shifted" by the same days for all of a patient; or "kept". Birth dates always go
    keep_uids    studies, series and images keep their UIDs
    keep_device  makers, models, serial numbers and stations stay
    keep_patient_characteristics  age (90 for older ones), sex, size, weight, pregnancy and smoking stay

    Stricter than the profile: what is not known to be safe is removed, listed in its table or not. Burned-in pixels are
    not cleaned. Raises InputError when nothing could be written, or something is in the way.
    """
    source, out = Path(source), Path(out)
    options = Options(look_up(DATES, dates, "way with dates"), keep_uids, keep_device, keep_patient_characteristics)
    files = _listed(source)
    place = Path(secret_file) if secret_file is not None else out.parent / SECRET_NAME
    _refuse_what_is_in_the_way(source, out, place, None if link is None else Path(link))
    secret = _secret(place)
    try:
        with whole_folder(out) as partial:
            made = _written(files, partial, out, place, secret, options, listener)
            write_text(partial / "README.txt", _readme(made.result))
            _keep(place, secret)
            if link is not None:
                write_text(link, _link_table(source, made), mode=PRIVATE)
    except BaseException:
        if link is not None:
            Path(link).unlink(missing_ok=True)  # of a folder that is not there
        raise
    return made.result


@dataclass(frozen=True)
class _Made:
    result: Deidentified
    became: list[tuple[Path, str, Cleaned | LeftOut]]  # input file, output path in the folder or "", what happened


def _written(
    files: list[Path], partial: Path, out: Path, place: Path, secret: Secret, options: Options, listener: Listener
) -> _Made:
    """De-identify the files into a tree below `partial`."""
    tree = _Tree()
    became: list[tuple[Path, str, Cleaned | LeftOut]] = []
    left_out: dict[str, list[int]] = defaultdict(list)
    not_dicom: list[int] = []
    with closing(clean_files(files, secret=secret, options=options)) as all_made:
        for number, (file, made) in enumerate(zip(files, all_made, strict=True), start=1):
            if isinstance(made, LeftOut):
                (left_out[made.why] if made.dicom else not_dicom).append(number)
                became.append((file, "", made))
            else:
                became.append((file, _put(partial, tree, *made), made[0]))
            listener.progress("de-identifying", number, len(files))
    written = [found for _, _, found in became if isinstance(found, Cleaned)]
    if not written:
        raise InputError(_nothing(files, left_out))
    shows = sum(one.may_show_text for one in written)
    counts = (len(written), *tree.counts(), shows, len(files))
    return _Made(Deidentified(out, place, options, *counts, dict(left_out), not_dicom), became)


def _put(partial: Path, tree: _Tree, found: Cleaned, content: memoryview) -> str:
    """Write the next file of the tree whole; its path in it."""
    name = tree.name(found)
    write_whole(partial / "next.dcm", content)
    (partial / name).parent.mkdir(parents=True, exist_ok=True)
    (partial / "next.dcm").rename(partial / name)
    return name


def _nothing(files: list[Path], left_out: dict[str, list[int]]) -> str:
    why = "; ".join(f"{_numbered(numbers)}: {reason}" for reason, numbers in left_out.items())
    found = f"{counted(len(files), 'file')} found, none could be written"
    return f"{found} ({why or 'no DICOM file among them'}); give DICOM images, segmentations or structure sets"


class _Tree:
    """Names of the output files: numbers of studies, series and images in the order in which they came."""

    def __init__(self) -> None:
        self._studies: dict[str, dict[str, int]] = defaultdict(dict)
        self._series: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        self._images: dict[tuple[str, str, str], int] = defaultdict(int)

    def name(self, found: Cleaned) -> str:
        """The path of the next image."""
        key = (found.patient, found.study, found.series)
        study = self._studies[found.patient].setdefault(found.study, len(self._studies[found.patient]) + 1)
        series = self._series[key[:2]].setdefault(found.series, len(self._series[key[:2]]) + 1)
        self._images[key] += 1
        return f"{found.patient}/study-{study}/series-{series}/{self._images[key]:04d}.dcm"

    def counts(self) -> tuple[int, int, int]:
        """Patients, studies and series."""
        return len(self._studies), len(self._series), len(self._images)


def _numbered(numbers: list[int]) -> str:
    """Files by their number.

    >>> _numbered([3]), _numbered([3, 7])
    ('file 3', 'files 3, 7')
    """
    listed = ", ".join(map(str, numbers[:MOST_NAMED])) + (", ..." if len(numbers) > MOST_NAMED else "")
    count = f"{len(numbers)} files: " if len(numbers) > MOST_NAMED else ""
    return f"{count}{'file' if len(numbers) == 1 else 'files'} {listed}"


def _listed(source: Path) -> list[Path]:
    """Every file, in folder order: by the parts of its path."""
    with reading(source):
        if not source.exists():
            raise InputError(f"{source} does not exist; give a DICOM file or a folder of them")
        if source.is_file():
            return [source]
        found = [Path(parent, name) for parent, names in walked(source, everything=True) for name in names]
    if not found:
        raise InputError(f"{source} holds no file; give a folder with DICOM files")
    return sorted(file for file in found if file.is_file())


def _refuse_what_is_in_the_way(source: Path, out: Path, secret_file: Path, link: Path | None) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists already; choose another folder, or delete it")
    inside, folder = source.resolve(), out.resolve()
    if folder == inside or folder.is_relative_to(inside) or inside.is_relative_to(folder):
        raise InputError(f"{out} and {source} lie within each other; choose a folder elsewhere for the output")
    for what, path in (("the secret", secret_file), ("the link file", link)):
        if path is not None and path.resolve().is_relative_to(folder):
            raise InputError(f"{what} must not lie in {out}, which may be shared; choose another place")
    if link is not None and link.exists():
        raise InputError(f"{link} exists already; choose another name for the link file, or delete it")


def _secret(place: Path) -> Secret:
    """The secret in a file, or a new one where there is none; it is written once something else is."""
    if not place.exists():
        return Secret(secrets.token_hex(32))
    with reading(place):
        key = place.read_text(encoding="utf-8", errors="replace").strip()
    if len(key) < SHORTEST:
        raise SettingsError(
            f"{place.name} holds {counted(len(key), 'character')}, and a secret needs at least {SHORTEST}, by chance; "
            "give another file, or leave --secret-file out and one is made"
        )
    return Secret(key)


def _keep(place: Path, secret: Secret) -> None:
    if not place.exists():
        write_text(place, secret.key + "\n", mode=PRIVATE)


def _readme(result: Deidentified) -> str:
    about = f"De-identified by radcnn: {EDITION} basic profile, and everything not known to be safe removed."
    return f"{about}\n\n{result.as_text()}\n"


def _link_table(source: Path, made: _Made) -> str:
    """Which file became which, for the person who may know."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["number", "input", "output", "patient_id", "pseudonym", "left_out"])
    for number, (file, name, found) in enumerate(made.became, start=1):
        relative = file.name if file == source else file.relative_to(source).as_posix()
        if isinstance(found, Cleaned):
            writer.writerow([number, relative, name, found.identifier, found.patient, ""])
        else:
            writer.writerow([number, relative, "", "", "", found.why])
    return text.getvalue()
