"""A DICOM data set read safely: right or refused by name, and nothing of the patient in any message.

pydicom's own errors may quote an attribute's value; they are never passed on, not even as a cause.
"""

from __future__ import annotations

import hashlib
import io
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radcnn.core.errors import InputError, ReadError
from radcnn.core.files import reading
from radcnn.data.bounded import Refused, each
from radcnn.data.quiet import quiet

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

MAX_UNPACKED_BYTES = 1 << 30  # of a deflated data set
DEFLATED = b"1.2.840.10008.1.2.1.99"
HEAD = 1024  # bytes among which the file meta information says how the rest is stored

# Objects that carry PixelData-like attributes but are no images of a patient; named in the refusal (PS3.6 annex A)
NO_IMAGES = {
    "1.2.840.10008.1.3.10": "a directory of a medium (DICOMDIR); give the folder of its images",
    "1.2.840.10008.5.1.4.1.1.66.4": "a segmentation, not an image; give the image that was segmented",
    "1.2.840.10008.5.1.4.1.1.66.7": "a segmentation, not an image; give the image that was segmented",
    "1.2.840.10008.5.1.4.1.1.481.2": "a radiotherapy dose, not an image; give the planning CT",
    "1.2.840.10008.5.1.4.1.1.77.1.6": "a whole-slide microscopy image, which is not read",
}


@dataclass(frozen=True)
class Identity:
    """Whose image a DICOM file is and what it belongs to; identifiers are kept out of the repr.

    An attribute that the file lacks is "". `person` is a mark of name, birth date and sex: equal for one person under
    several PatientIDs, "" where the file does not say both name and birth date.
    """

    patient_id: str = field(repr=False)
    study_uid: str = field(repr=False)
    series_uid: str = field(repr=False)
    instance_uid: str = field(repr=False)
    sop_class: str
    modality: str
    institution: str = field(repr=False)
    manufacturer: str
    laterality: str
    person: str = field(default="", repr=False)


@dataclass(frozen=True)
class Place:
    """What the listing of a folder needs to know of a file."""

    series_uid: str = field(repr=False)
    is_image: bool
    has_position: bool
    is_enhanced: bool = False  # many frames in one file, which is an image of its own


IDENTITY_TAGS = {
    "patient_id": "PatientID",
    "study_uid": "StudyInstanceUID",
    "series_uid": "SeriesInstanceUID",
    "instance_uid": "SOPInstanceUID",
    "sop_class": "SOPClassUID",
    "modality": "Modality",
    "institution": "InstitutionName",
    "manufacturer": "Manufacturer",
    "laterality": "ImageLaterality",
}
ENHANCED = "SharedFunctionalGroupsSequence"
PERSON_TAGS = ("PatientName", "PatientBirthDate", "PatientSex")
PLACE_TAGS = ["SOPClassUID", "SeriesInstanceUID", "Rows", "ImagePositionPatient", "ConcatenationUID", ENHANCED]


def load(path: Path, *, pixels: bool = True, tags: list[str] | None = None) -> FileDataset:
    """The data set of a DICOM file, without its pixels if so asked, or only the attributes named.

    Attributes are decoded when they are asked for, so a bad one that nobody needs does no harm; whoever asks answers
    for the failure. Raises ReadError when the file is damaged, has no DICOM preamble or does not say how it is
    encoded.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    with quiet():
        try:
            found = dcmread(_bounded(path), stop_before_pixels=not pixels, specific_tags=tags)
            if "TransferSyntaxUID" not in found.file_meta:
                raise ReadError(f"{path.name} does not say how it is encoded (no TransferSyntaxUID); export it again")
        except (ReadError, MemoryError):
            raise
        except FileNotFoundError:
            raise ReadError(f"{path.name} does not exist; check the spelling and the folder") from None
        except InvalidDicomError:
            raise ReadError(f"{path.name} is no DICOM file: the mark DICM at byte 128 is missing") from None
        except Exception as cause:
            raise ReadError(
                f"{path.name} is damaged: its DICOM attributes cannot be decoded ({type(cause).__name__}); "
                "copy or export it again"
            ) from None
    return found


def _bounded(path: Path) -> Path | io.BytesIO:
    """The file, unless it is deflated: pydicom would unpack that without limit, so its size is tested first."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if DEFLATED not in head:
        return path
    content = path.read_bytes()
    length = int.from_bytes(content[140:144], "little")  # FileMetaInformationGroupLength, the first element
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    unpacker.decompress(content[144 + length :], MAX_UNPACKED_BYTES)
    if unpacker.unconsumed_tail:
        raise ReadError(f"{path.name} unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB; it was not read")
    return io.BytesIO(content)


def text(dataset: Any, keyword: str) -> str:
    """An attribute as text without spaces around it; "" when it is missing, empty or of several values.

    Raises ValueError or another error of pydicom when its value cannot be decoded.
    """
    value = dataset.get(keyword)
    return value.strip() if isinstance(value, str) else ""


def sop_class(dataset: Any) -> str:
    """SOPClassUID, or the one of the file meta information where the data set has none (a DICOMDIR)."""
    return text(dataset, "SOPClassUID") or text(dataset.file_meta, "MediaStorageSOPClassUID")


def numbers(dataset: Any, keyword: str, n: int) -> tuple[float, ...] | None:
    """An attribute as n finite numbers; None when it is missing or empty; ValueError when it is anything else."""
    value = dataset.get(keyword)
    if value is None or value == "" or (hasattr(value, "__len__") and len(value) == 0):
        return None
    listed = list(value) if hasattr(value, "__len__") and not isinstance(value, str) else [value]
    found = tuple(float(v) for v in listed)
    if len(found) != n or not all(abs(v) < 1e9 for v in found):
        raise ValueError(keyword)
    return found


def dicom_identity(path: Path | str) -> Identity:
    """Patient, study and series of a DICOM file, or of the first file of a series' folder; pixels are not read.

    Raises ReadError when the file is damaged, InputError when the folder holds no DICOM file.
    """
    return dicom_identities([Path(path)])[0]


def dicom_identities(paths: Sequence[Path]) -> list[Identity]:
    """The identity of each DICOM file or series' folder; raises as `dicom_identity` does."""
    files = []
    for path in paths:
        with reading(path):
            is_series = path.is_dir()
        files.append(dicom_files(path)[0] if is_series else path)
    found = each("dicom identities", files)
    for one in found:
        if isinstance(one, Refused):
            raise one.error
    return [Identity(**{name: str(one[name]) for name in (*IDENTITY_TAGS, "person")}) for one in found]


def identity_of(path: Path) -> Identity:
    """What `dicom_identity` finds, read in this process."""
    found = load(path, pixels=False, tags=[*IDENTITY_TAGS.values(), *PERSON_TAGS])
    with quiet():
        try:
            known = {name: text(found, keyword) for name, keyword in IDENTITY_TAGS.items()}
            return Identity(**known, person=_person(found))
        except MemoryError:
            raise
        except Exception:
            raise ReadError(f"{path.name} has identifiers that cannot be decoded; export it again") from None


def _person(dataset: Any) -> str:
    """A mark of who the patient is, whatever number the hospital gave; "" where nobody can tell."""
    name, born, sex = (str(dataset.get(keyword) or "").strip().casefold() for keyword in PERSON_TAGS)
    if not name.strip("^ ") or not born:
        return ""
    return hashlib.sha256(f"{name}\0{born}\0{sex}".encode()).hexdigest()


def dicom_places(paths: Sequence[Path]) -> list[Place | None]:
    """The series of each file and whether it is an image with a position; None for one that cannot be read."""
    found = each("dicom places", paths)
    return [None if one is None or isinstance(one, Refused) else Place(**one) for one in found]


def place_of(path: Path) -> Place | None:
    """What `dicom_places` finds, read in this process."""
    with quiet():
        try:
            found = load(path, pixels=False, tags=PLACE_TAGS)
            is_image = "Rows" in found and sop_class(found) not in NO_IMAGES
            # frames of one volume may be spread over several files (a concatenation, PS3.3 C.7.6.16.2.2.4)
            is_part = ENHANCED in found and text(found, "ConcatenationUID") != ""
            has_position = is_image and (is_part or numbers(found, "ImagePositionPatient", 3) is not None)
            return Place(text(found, "SeriesInstanceUID"), is_image, has_position, ENHANCED in found and not is_part)
        except MemoryError:
            raise
        except Exception:
            return None


def files_in(folder: Path) -> list[Path]:
    """The files directly in a folder, sorted by name; hidden ones are left out."""
    with reading(folder), os.scandir(folder) as entries:
        names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file()]
    return sorted(map(folder.joinpath, names))


def dicom_files(folder: Path) -> tuple[Path, ...]:
    """The DICOM files directly in a folder, sorted by name; other files are left out.

    Raises ReadError when a file is only named like DICOM, InputError when there is none.
    """
    from radcnn.data.kind import format_of, head_of, hinted, recognised

    found = []
    for path in files_in(folder):
        form = recognised(head_of(path))
        if form == "dicom":
            found.append(path)
        elif hinted(path) == "dicom":
            format_of(path)
    if not found:
        raise InputError(f"folder {folder.name} holds no DICOM files; give a file, or a folder with one DICOM series")
    return tuple(found)
