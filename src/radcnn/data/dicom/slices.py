"""A Slice: what a volume needs to know of one image, as plain values that may cross from one process to another.

Of the header it holds numbers, UIDs and enumerated codes. Everything else that tells images apart (a kernel's name, a
patient's number) is kept as a mark: equal words have equal marks, and no word can be read from one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from radcnn.core.errors import GeometryError, ReadError
from radcnn.core.volume import Units
from radcnn.data.dicom.attributes import LARGEST, Attributes, Value
from radcnn.data.dicom.frame import PER_FRAME, SHARED, Frame, frames_of
from radcnn.data.dicom.keys import keys_of
from radcnn.data.dicom.pixels import units_of
from radcnn.data.dicom.placing import Plane, plane_of, spacing_of
from radcnn.data.dicom.refusing import refusing

MAX_FRAMES = 100_000  # of one object; a long ultrasound film has a few thousand
# the codes that are shown; any other could be anything
MODALITIES = frozenset(("CR", "CT", "DX", "IO", "MG", "MR", "NM", "OPT", "PT", "PX", "RF", "RG", "SC", "US", "XA"))
LONGEST = 1000  # characters of a text that another process may send


@dataclass(frozen=True)
class Slice:
    """One image, reduced to what places it; `name` is the file's, `number` the frame counted from 0 of `frames`.

    patient      a mark of PatientID, "" where there is none
    derived      ImageType says DERIVED or SECONDARY
    film         many frames and nothing that says where each of them lies
    plane        None where the image does not say its place; `spacing` (rows, columns) may be known all the same
    fault        why the plane is impossible, as a sentence; "" when it is not
    keys         what tells phases, echoes and time points apart: DICOM keyword to number or mark
    """

    name: str
    number: int
    frames: int
    enhanced: bool
    series_uid: str = field(repr=False)
    series_number: int | None
    instance_uid: str = field(repr=False)
    instance_number: int | None
    frame_of_reference: str = field(repr=False)
    patient: str = field(repr=False)
    modality: str
    localizer: bool
    derived: bool
    rows: int
    columns: int
    units: Units
    plane: Plane | None
    spacing: tuple[float, ...] | None
    fault: str
    thickness_mm: float | None
    tilt_degrees: float | None
    keys: Mapping[str, Value] = field(default_factory=dict, repr=False)

    @property
    def film(self) -> bool:
        return self.frames > 1 and not self.enhanced

    @property
    def placed(self) -> Plane:
        """The plane, once it was tested that there is one."""
        assert self.plane is not None, "images without a place were left out before"
        return self.plane

    def __str__(self) -> str:
        return self.name if self.frames == 1 or self.film else f"frame {self.number + 1} of {self.name}"

    def as_json(self) -> dict[str, Any]:
        """A JSON object; `from_json` makes the Slice again."""
        return {**vars(self), "plane": None if self.plane is None else vars(self.plane)}

    @classmethod
    def from_json(cls, said: Any, *, name: str) -> Slice:
        """The Slice of file `name` from what another process sent, every value tested.

        Raises ReadError when it is anything but a Slice.
        """
        try:
            return _tested(said, name)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            raise ReadError(f"the header of {name} could not be read; export it again") from None


def slices_of(name: str, dataset: Any) -> list[Slice]:
    """Every frame of a data set as a Slice; of a film the first frame stands for all.

    Raises ReadError when an attribute that is needed cannot be decoded.
    """
    with refusing(name):
        enhanced = SHARED in dataset or PER_FRAME in dataset
        return [slice_of(name, frame) for frame in frames_of(dataset, _n_frames(name, dataset) if enhanced else 1)]


def slice_of(name: str, frame: Frame) -> Slice:
    """The facts of one frame of the file called `name`.

    Raises ReadError when an attribute that is needed cannot be decoded.
    """
    with refusing(name):
        return _read(name, frame, Attributes(frame))


def _n_frames(name: str, dataset: Any) -> int:
    n = int(Attributes(Frame(dataset)).number("NumberOfFrames") or 1)
    if not 0 < n <= MAX_FRAMES:
        raise ReadError(f"{name} claims {n} frames; read are 1 to {MAX_FRAMES:,}")
    return n


def _read(name: str, frame: Frame, said: Attributes) -> Slice:
    kinds = {str(word) for word in (*said.values("ImageType"), *said.values("FrameType"))}
    plane, spacing, fault = _place(name, said)
    return Slice(
        name=name,
        number=frame.number,
        frames=int(said.number("NumberOfFrames") or 1),
        enhanced=SHARED in said or PER_FRAME in said,
        series_uid=said.text("SeriesInstanceUID"),
        series_number=_whole(said.number("SeriesNumber")),
        instance_uid=said.text("SOPInstanceUID"),
        instance_number=_whole(said.number("InstanceNumber")),
        frame_of_reference=said.text("FrameOfReferenceUID"),
        patient=_patient(said.text("PatientID")),
        modality=modality if (modality := said.text("Modality")) in MODALITIES else "",
        localizer="LOCALIZER" in kinds,
        derived="DERIVED" in kinds or "SECONDARY" in kinds,
        rows=int(float(said.values("Rows")[0])),
        columns=int(float(said.values("Columns")[0])),
        units=units_of(frame),
        plane=plane,
        spacing=spacing,
        fault=fault,
        thickness_mm=said.number("SliceThickness"),
        tilt_degrees=said.number("GantryDetectorTilt"),
        keys=keys_of(said),
    )


def _place(name: str, said: Attributes) -> tuple[Plane | None, tuple[float, ...] | None, str]:
    """Plane, spacing, and why there is no plane; an impossible place is told to whoever needs the image."""
    try:
        plane = plane_of(name, said)
        return plane, (plane.spacing if plane else spacing_of(name, said)), ""
    except GeometryError as cause:
        return None, None, str(cause)


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _patient(identifier: str) -> str:
    return hashlib.sha256(identifier.encode()).hexdigest() if identifier else ""


def _tested(said: Any, name: str) -> Slice:
    """A Slice whose every field is of the kind it should be; KeyError, TypeError or ValueError otherwise."""
    texts = ("series_uid", "instance_uid", "frame_of_reference", "patient", "modality", "fault")
    whole, real = ("series_number", "instance_number"), ("thickness_mm", "tilt_degrees")
    facts: dict[str, Any] = {
        "units": _one_of(said["units"], get_args(Units)),
        "plane": None if said["plane"] is None else _plane(said["plane"]),
        "spacing": None if said["spacing"] is None else _vector(said["spacing"], 2),
        "keys": {_text(key): _value(value) for key, value in said["keys"].items()},
        **{key: _text(said[key]) for key in texts},
        **{key: _count(said[key]) for key in ("number", "frames", "rows", "columns")},
        **{key: _flag(said[key]) for key in ("enhanced", "localizer", "derived")},
        **{key: None if said[key] is None else int(_real(said[key])) for key in whole},
        **{key: None if said[key] is None else _real(said[key]) for key in real},
    }
    return Slice(name=name, **facts)


def _plane(said: Any) -> Plane:
    lengths = {"position": 3, "right": 3, "down": 3, "spacing": 2}
    return Plane(**{key: _vector(said[key], n) for key, n in lengths.items()})


def _vector(said: Any, n: int) -> tuple[float, ...]:
    found = tuple(map(_real, said))
    if len(found) != n:
        raise ValueError("vector")
    return found


def _real(said: Any) -> float:
    if not isinstance(said, (int, float)) or not math.isfinite(said) or abs(said) > LARGEST * 1e3:
        raise TypeError("number")
    return float(said)


def _count(said: Any) -> int:
    found = int(_real(said))
    if found < 0 or found != said:
        raise ValueError("count")
    return found


def _flag(said: Any) -> bool:
    if not isinstance(said, bool):
        raise TypeError("flag")
    return said


def _text(said: Any) -> str:
    if not isinstance(said, str) or len(said) > LONGEST:
        raise TypeError("text")
    return said


def _value(said: Any) -> Value:
    return _text(said) if isinstance(said, str) else _real(said)


def _one_of(said: Any, allowed: tuple[Any, ...]) -> Any:
    if said not in allowed:
        raise ValueError("choice")
    return said
