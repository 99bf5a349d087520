"""What a file is, told by its first bytes; its name is only a hint."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from radcnn.core.errors import ReadError
from radcnn.data.unpacking import GZIP_MARK, unpacked_head

Format = Literal["png", "jpeg", "tiff", "npz", "nifti", "mha", "nrrd", "dicom"]

HEAD = 352  # bytes that tell the formats apart: NIfTI-1 has its mark at 344, DICOM at 128
ANALYZE_BYTES = 348

# the ending a person would expect, for messages and for listing folders without opening every file
ENDINGS: dict[str, Format] = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".npz": "npz",
    ".nii": "nifti",
    ".nii.gz": "nifti",
    ".mha": "mha",
    ".mhd": "mha",
    ".nrrd": "nrrd",
    ".nhdr": "nrrd",
    ".dcm": "dicom",
    ".dicom": "dicom",
    ".ima": "dicom",
}
FORMAT_NAMES: dict[Format, str] = {
    "png": "PNG",
    "jpeg": "JPEG",
    "tiff": "TIFF",
    "npz": "npz",
    "nifti": "NIfTI",
    "mha": "MetaImage",
    "nrrd": "NRRD",
    "dicom": "DICOM",
}
READABLE = ", ".join(FORMAT_NAMES.values())

METAIMAGE_START = re.compile(rb"(?:Comment|ObjectType|ObjectSubType|NDims)[ \t]*=")
METAIMAGE_KEY = re.compile(rb"^NDims[ \t]*=", re.MULTILINE)
TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # classic and BigTIFF, either byte order


def hinted(path: Path) -> Format | None:
    """The format that a file's ending promises, or None."""
    return promised(path.name)


def promised(name: str) -> Format | None:
    """The format that a file of this name promises to have, or None."""
    name = name.lower()
    if name.endswith(".nii.gz"):
        return "nifti"
    dot = name.rfind(".")
    return ENDINGS.get(name[dot:]) if dot > 0 else None


def head_of(path: Path) -> bytes:
    """The first bytes of a file; raises ReadError when it is missing, not a file or not readable."""
    try:
        with path.open("rb", buffering=0) as file:
            return file.read(HEAD)
    except FileNotFoundError:
        raise ReadError(f"{path.name} does not exist; check the spelling and the folder") from None
    except OSError as cause:
        raise ReadError(f"{path.name} could not be opened: {cause.strerror}; check its permissions") from None


def _is_nifti(head: bytes) -> bool:
    return head[344:348] in (b"n+1\0", b"ni1\0") or head[4:8] in (b"n+2\0", b"ni2\0")


def recognised(head: bytes) -> Format | None:
    """The format that starts with these bytes, or None; gzip is not looked into.

    >>> recognised(b"\\x89PNG\\r\\n\\x1a\\n")
    'png'
    """
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(TIFF_MARKS) and head[128:132] != b"DICM":  # DICOM may carry a TIFF header in its preamble
        return "tiff"
    if head.startswith(b"PK\x03\x04"):
        return "npz"
    if head[128:132] == b"DICM":
        return "dicom"
    if head.startswith(b"NRRD000"):
        return "nrrd"
    if METAIMAGE_START.match(head) and METAIMAGE_KEY.search(head):
        return "mha"
    return "nifti" if _is_nifti(head) else None


def format_of(path: Path) -> Format:
    """The format of a file by its first bytes.

    Raises ReadError when it is missing, empty, of an unknown format, or not what its ending promises and nothing else
    that can be read.
    """
    head = head_of(path)
    found = recognised(head)
    if found is None and head.startswith(GZIP_MARK):
        found = _packed_format(path)
    if found is None:
        raise ReadError(_unknown(path, head))
    return found


def _packed_format(path: Path) -> Format:
    """The format inside a gzip file; raises ReadError when it is none that is read packed."""
    head = unpacked_head(path, HEAD)
    if _is_nifti(head):
        return "nifti"
    if head.startswith(GZIP_MARK):
        raise ReadError(f"{path.name} is packed twice with gzip; unpack it once")
    if _is_analyze(head):
        raise ReadError(_analyze(path))
    raise ReadError(f"{path.name} is a gzip file that holds no NIfTI image or is damaged; unpack it, or copy it again")


def _is_analyze(head: bytes) -> bool:
    """Whether it is a header of ANALYZE 7.5, the form before NIfTI: 348 bytes that begin with their number."""
    return len(head) >= ANALYZE_BYTES and ANALYZE_BYTES in (
        int.from_bytes(head[:4], "little"),
        int.from_bytes(head[:4], "big"),
    )


def _analyze(path: Path) -> str:
    return (
        f"{path.name} is a header of ANALYZE 7.5, which does not say which side is left; convert the original to NIfTI "
        "with the program that made it"
    )


def _unknown(path: Path, head: bytes) -> str:
    """The sentence for a file that is none of ours."""
    if not head:
        return f"{path.name} is empty (0 bytes); copy it again from its source"
    if _is_analyze(head):
        return _analyze(path)
    if path.suffix.lower() == ".img":
        return f"{path.name} holds only the voxels of a pair (.hdr, .img); convert the pair to one .nii.gz file"
    what = "text" if _is_text(head) else "something else"
    hint = hinted(path)
    if hint == "dicom" and what != "text":
        return (
            f"{path.name} is named like a DICOM file but lacks DICOM's preamble and the mark DICM at byte 128; "
            "it may be damaged or older than DICOM part 10: convert it, for example with dcmtk's dcmconv"
        )
    if hint is not None:
        return f"{path.name} is named like a {FORMAT_NAMES[hint]} file but holds {what}; give the image itself"
    return f"{path.name} holds {what}, no image that can be read; readable are {READABLE}"


def _is_text(head: bytes) -> bool:
    """Whether bytes look like text in ASCII or UTF-8: no control characters but white space."""
    if any(byte < 32 and byte not in b"\t\n\r\f" for byte in head):
        return False
    try:
        head[:-4].decode("utf-8")  # a character may be cut at the end
    except UnicodeDecodeError as cause:
        return cause.start >= len(head) - 8
    return True
