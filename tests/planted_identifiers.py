"""DICOM files with a marked identifier in every element that can hold text, and where the marks are found again."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataset import Dataset, PrivateBlock
from pydicom.tag import Tag

WORD = "Zebra"
ROOT = "1.2.826.77777"  # of planted UIDs
MARKS = (b"zebra", b"1.2.826.77777", b"19310412", b"041931", b"077y")
PLANTED: dict[str, str] = {
    **dict.fromkeys(("LO", "SH", "ST", "LT", "UT", "UC"), f"{WORD}{{tag:08x}}"),
    **{"PN": f"{WORD}^{{tag:08x}}", "CS": f"{WORD.upper()}{{tag:08X}}", "AE": f"{WORD.upper()}{{tag:08X}}"},
    **{"UR": f"http://{WORD}/{{tag:08x}}", "UI": f"{ROOT}.{{tag}}", "AS": "077Y"},
    **{"DA": "19310412", "DT": "19310412041931.77", "TM": "041931.77"},
}
MEANINGFUL = (  # what an image cannot be read without
    *("SOPClassUID", "Modality", "PhotometricInterpretation", "SpecificCharacterSet", "RescaleType", "PatientID"),
    *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID", "VOILUTFunction", "ImageType"),
    *(
        "PresentationLUTShape",
        "ModalityLUTType",
        "PixelPresentation",
        "RecognizableVisualFeatures",
        "TransferSyntaxUID",
    ),
)


def text_keywords(*, but: Collection[str] = ()) -> dict[int, tuple[str, str]]:
    """Every attribute of a data set in pydicom's dictionary that holds text: its VR and keyword by tag."""
    found = {}
    for tag, (kind, _, _, _, keyword) in DicomDictionary.items():
        if keyword and tag >> 16 >= 8 and kind in PLANTED and keyword not in but:
            found[tag] = (kind, keyword)
    return found


def sequence_keywords(*, but: Collection[str] = ()) -> list[int]:
    """Every sequence of a data set in pydicom's dictionary."""
    return [
        t for t, (kind, *_, keyword) in DicomDictionary.items() if kind == "SQ" and keyword not in but and t >> 16 >= 8
    ]


def plant(dataset: Dataset, *, but: Collection[str] = MEANINGFUL, sequences: Collection[int] = ()) -> int:
    """Plant a mark in every text element, in private ones, curves, overlays and items of sequences; how many."""
    count = 0
    for tag, (kind, _) in text_keywords(but=but).items():
        dataset.add_new(tag, kind, PLANTED[kind].format(tag=tag))
        count += 1
    for tag in sequences:
        item = Dataset()
        count += _in_item(item)
        inner = Dataset()
        count += _in_item(inner)
        item.add_new(0x00081140, "SQ", [inner])
        dataset.add_new(tag, "SQ", [item])
    return count + _private(dataset) + _graphics(dataset)


def plant_file(path: Path, *, but: Collection[str] = MEANINGFUL, sequences: Collection[int] = ()) -> int:
    """Plant marks in a file, its preamble and its file meta information; how many."""
    dataset = dcmread(path)
    count = plant(dataset, but=but, sequences=sequences)
    dataset.preamble = WORD.encode() * 25 + b"\0" * 3
    meta = dataset.file_meta
    for keyword in ("SourceApplicationEntityTitle", "SendingApplicationEntityTitle", "ReceivingApplicationEntityTitle"):
        setattr(meta, keyword, f"{WORD.upper()}AE")
    meta.ImplementationVersionName = f"{WORD.upper()}_1"
    meta.PrivateInformationCreatorUID = f"{ROOT}.9"
    meta.PrivateInformation = WORD.encode() + b"\0"
    dataset.save_as(path, enforce_file_format=True)
    return count + 7


def _in_item(item: Dataset) -> int:
    """Marks of every VR in an item of a sequence, also as a concept of a vocabulary that nobody knows."""
    kinds = {"PN": 0x00080090, "LO": 0x00080080, "ST": 0x00080081, "SH": 0x00081010, "CS": 0x00080060, "UT": 0x0040A160}
    kinds |= {
        "UI": 0x0020000D,
        "DA": 0x00080020,
        "TM": 0x00080030,
        "DT": 0x0040A120,
        "AE": 0x00080054,
        "AS": 0x00101010,
    }
    for kind, tag in kinds.items():
        item.add_new(tag, kind, PLANTED[kind].format(tag=tag))
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = f"{WORD}1", "DCM", f"{WORD} code"
    return len(kinds) + 3 + _private(item)


def _private(dataset: Dataset) -> int:
    block: PrivateBlock = dataset.private_block(0x0013, f"{WORD.upper()} MAKER", create=True)
    block.add_new(0x01, "LO", f"{WORD} private")
    block.add_new(0x02, "UN", f"{WORD} unknown ".encode())
    block.add_new(0x03, "OB", f"{WORD} bytes ".encode())
    return 4


def _graphics(dataset: Dataset) -> int:
    dataset.add_new(0x50000022, "LO", f"{WORD} curve")
    dataset.add_new(0x60004000, "LT", f"{WORD} overlay")
    dataset.add_new(0x60003000, "OW", f"{WORD} layer ".encode())
    return 3


def attributes_with_marks(dataset: Dataset) -> Iterator[str]:
    """The keyword or tag of each element whose value shows a mark, at any depth."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from attributes_with_marks(item)
        elif shows(str(element.value).encode()):
            yield keyword_for_tag(element.tag) or str(Tag(element.tag))


def shows(content: bytes, marks: Collection[bytes] = MARKS) -> bool:
    """Whether bytes show a mark: as text in UTF-8 or UTF-16, or inside a zip archive or base64 text in them."""
    return any(_shows_plainly(part, marks) for part in _unpacked(content))


def _shows_plainly(content: bytes, marks: Collection[bytes]) -> bool:
    small = content.lower()
    return any(mark in small or mark.decode().encode("utf-16-le") in small for mark in marks)


def _unpacked(content: bytes) -> Iterator[bytes]:
    """The bytes, and those packed into them."""
    yield content
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield archive.read(name)
    for found in re.findall(rb"base64,([A-Za-z0-9+/=]{16,})", content):
        yield base64.b64decode(found)


def files_with_marks(folder: Path, marks: Collection[bytes] = MARKS, but: Any = lambda name: False) -> list[str]:
    """Every file or folder below a folder whose name or content shows a mark."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not but(name) and (shows(name.encode(), marks) or (path.is_file() and shows(path.read_bytes(), marks))):
            found.append(name)
    return found
