"""One DICOM file de-identified: the pixels bit for bit, in the same transfer syntax, and a new head.

The file is parsed here, so this is called in a bounded child (inside.py) alone; `crossing` is the parent's side.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset

from radcnn.core.errors import ReadError
from radcnn.core.version import __version__
from radcnn.data.dicom.deidentify.cleaning import Cleaner, NotDecodedError
from radcnn.data.dicom.deidentify.kinds import left_out_because, may_show_text
from radcnn.data.dicom.deidentify.profile import EDITION, Options
from radcnn.data.dicom.deidentify.secret import Secret
from radcnn.data.dicom.deidentify.types import types_of
from radcnn.data.dicom.header import load, sop_class, text
from radcnn.data.quiet import quiet

IMPLEMENTATION = "2.25.227415087219408172031245918352040372751"  # that wrote a file: radcnn, whatever its version
PREAMBLE = b"\0" * 128
METHODS = (f"radcnn {__version__}: {EDITION} basic profile", "and everything not known to be safe removed")
TEMPORAL = {"removed": "REMOVED", "shifted": "MODIFIED", "kept": "UNMODIFIED"}


@dataclass(frozen=True)
class Cleaned:
    """An object that was written: its patient's pseudonym, its new UIDs, and whether its pixels may show text."""

    patient: str
    study: str
    series: str
    may_show_text: bool
    identifier: str = field(default="", repr=False)  # what the pseudonym stands for; it leaves memory only on request


@dataclass(frozen=True)
class LeftOut:
    """A file that was not written, and why; nothing of the file stands in the sentence."""

    why: str
    dicom: bool = True


def clean(source: Path, *, secret: Secret, options: Options) -> tuple[Cleaned, memoryview] | LeftOut:
    """What one file becomes, and the bytes of the new one. Raises MemoryError where the file needs too much."""
    if not _is_dicom(source):
        return LeftOut("no DICOM file", dicom=False)
    with quiet():
        try:
            dataset = load(source)
            if why := left_out_because(dataset, sop_class(dataset)):
                return LeftOut(why)
            if not dataset.file_meta.TransferSyntaxUID.is_transfer_syntax:
                return LeftOut("stored in a transfer syntax that pydicom cannot write")
            made, cleaned = deidentified(dataset, secret=secret, options=options)
        except NotDecodedError as damage:
            return LeftOut(f"damaged: {damage}")
        except MemoryError:
            raise
        except (ReadError, RecursionError):
            return LeftOut("damaged")
        except Exception as cause:  # pydicom's own words may quote a value
            return LeftOut(f"damaged: an attribute cannot be decoded ({type(cause).__name__})")
        return _encoded(made, cleaned)


def deidentified(dataset: Any, *, secret: Secret, options: Options) -> tuple[FileDataset, Cleaned]:
    """A data set of `load` without identifiers, and what it became; the data set given is left as it is.

    Raises NotDecodedError where an attribute that is needed is damaged, or an error of pydicom.
    """
    who = _patient(dataset)
    cleaner = Cleaner(secret, options, types_of(sop_class(dataset)), secret.patient(who), secret.days(who))
    content = cleaner.cleaned(dataset)
    content.SOPClassUID = sop_class(dataset)
    if not text(content, "SOPInstanceUID"):  # some old files have it in their head alone
        content.SOPInstanceUID = secret.uid(text(dataset.file_meta, "MediaStorageSOPInstanceUID") or who)
    content.PatientName = content.PatientID = cleaner.patient
    _say_so(content, options)
    made = FileDataset("", content, file_meta=_meta(dataset, content), preamble=PREAMBLE)
    made.set_original_encoding(*dataset.original_encoding)  # the pixels, copied as they stand, are so encoded
    shows = may_show_text(sop_class(dataset), text(dataset, "Modality"), text(dataset, "BurnedInAnnotation"))
    uids = (text(content, "StudyInstanceUID"), text(content, "SeriesInstanceUID"))
    return made, Cleaned(cleaner.patient, *uids, shows, text(dataset, "PatientID"))


def _patient(dataset: Any) -> str:
    """Who the object is of: PatientID; without one, every study is of a patient of its own."""
    return text(dataset, "PatientID") or f"\0study {text(dataset, 'StudyInstanceUID')}"


def _say_so(content: Dataset, options: Options) -> None:
    """What was done, for whoever gets the object (PS3.15 E.1.1, PS3.3 C.12.1.1.9)."""
    content.PatientIdentityRemoved = "YES"
    content.DeidentificationMethod = list(METHODS)
    content.DeidentificationMethodCodeSequence = [_code(value, meaning) for value, meaning in options.codes()]
    content.LongitudinalTemporalInformationModified = TEMPORAL[options.dates]
    if options.device:
        content.SpecificCharacterSet = "ISO_IR 192"


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _meta(dataset: Any, content: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = content.SOPClassUID
    meta.MediaStorageSOPInstanceUID = content.SOPInstanceUID
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    meta.ImplementationClassUID = IMPLEMENTATION
    meta.ImplementationVersionName = "RADCNN"
    return meta


def _is_dicom(path: Path) -> bool:
    from radcnn.data.kind import head_of, recognised

    try:
        return recognised(head_of(path)) == "dicom"
    except (ReadError, OSError):
        return False


def _encoded(made: FileDataset, cleaned: Cleaned) -> tuple[Cleaned, memoryview] | LeftOut:
    """The object as the bytes of a file; what cannot be encoded is left out."""
    content = io.BytesIO()
    try:
        made.save_as(content, enforce_file_format=True)
    except MemoryError:
        raise
    except Exception as cause:
        return LeftOut(f"damaged: an attribute cannot be written again ({type(cause).__name__})")
    return cleaned, content.getbuffer()
