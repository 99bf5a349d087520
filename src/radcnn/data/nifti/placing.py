"""Where a NIfTI image lies: sform and qform of a header as one affine in LPS, proven or refused.

An array is indexed (i, j, k) and its affine maps to RAS (x to the right, y to the front). A Volume is indexed
(slice, row, column) = (k, j, i) and lives in LPS. So the affine's columns are swapped and its x and y change sign: each
voxel keeps its place in the patient, nothing is resampled.

The sform (method 3) wins over the qform (method 2), which must say the same; spacings alone (method 1) give no place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import GeometryError
from radcnn.core.volume import Frame
from radcnn.data.findings import Finding, finding
from radcnn.data.grid.judging import askew, refuse_impossible, spacings_of
from radcnn.data.nifti.header import Header, Version

DISAGREEMENT_MM = 0.1  # sform and qform may differ by rounding; a tenth of a millimetre is less than any voxel
SPACING_RATIO = 1e-3  # by which the spacings of pixdim and sform may differ: many programs round one of them
QUATERNION_NOISE = 2.0**-22  # of a squared sum of three float32 numbers up to 1
# below this rest, float32 numbers are taken for a half turn and normalised (as nifti1_io does)
HALF_TURN: dict[Version, float] = {1: 1e-7, 2: 0.0}
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
IJK_TO_KJI = [2, 1, 0, 3]
MILLIMETRES = 2  # code of the unit
UNITS = {0: (1.0, 1.0), 1: (1000.0, 1.0), 2: (1.0, 1.0), 3: (1.0, 1000.0)}  # code: (times, through) to mm
SPACES = {1: "a scanner", 2: "another image", 3: "Talairach's atlas", 4: "the MNI atlas", 5: "a template"}
FIRST_TEMPLATE = 3  # codes from here on are spaces of an atlas


@dataclass(frozen=True)
class Place:
    """An affine (slice, row, column) -> LPS mm, or None; how much it knows; what was noticed."""

    affine: NDArray[np.float64] | None
    frame: Frame
    findings: tuple[Finding, ...] = ()


def placed(name: str, header: Header, told: NDArray[np.float64] | None = None) -> Place:
    """The place of an image; raises GeometryError, naming the file, where the header contradicts itself.

    `told` is an affine in LPS with all its digits; it is believed where the header's float32 numbers are its roundings.
    """
    if header.units not in UNITS:
        raise GeometryError(f"{name} states its lengths in unit {header.units}; 1 (m), 2 (mm) and 3 (um) are known")
    for word, code in (("sform", header.sform_code), ("qform", header.qform_code)):
        if code not in (0, *SPACES):
            raise GeometryError(f"{name} has {word}_code {code}; 0 to {max(SPACES)} are known, its header is damaged")
    sform = _sform(name, header) if header.sform_code else None
    qform = _qform(name, header) if header.qform_code else None
    if sform is not None and qform is not None:
        _refuse_disagreement(name, header, sform, qform)
    ras = sform if sform is not None else qform
    if ras is None:
        return _spacings_only(name, header, told)
    affine = told if told is not None and _rounds_to_sform(header, told) else lps(ras)
    refuse_impossible(name, affine)
    return Place(affine, "patient", _findings(name, header, affine))


def _rounds_to_sform(header: Header, told: NDArray[np.float64]) -> bool:
    if header.units != MILLIMETRES or not header.sform_code:
        return False
    return np.array_equal(lps(told)[:3].astype(np.float32), np.array(header.srow, np.float32))


def _rounds_to_spacings(header: Header, told: NDArray[np.float64]) -> bool:
    lengths = spacings_of(told)[: len(header.dim)]
    given = np.array(header.pixdim[1 : 1 + len(lengths)], np.float32)
    return header.units == MILLIMETRES and np.array_equal(lengths.astype(np.float32), given)


def lps(ras: NDArray[np.float64]) -> NDArray[np.float64]:
    """An affine (i, j, k) -> RAS as (slice, row, column) -> LPS; the same call turns it back.

    Adding 0 makes -0 plain.
    """
    turned: NDArray[np.float64] = (RAS_TO_LPS @ ras)[:, IJK_TO_KJI] + 0.0
    return turned


def _to_mm(header: Header, ras: NDArray[np.float64]) -> NDArray[np.float64]:
    times, through = UNITS[header.units]
    in_mm = ras.copy()
    in_mm[:3] = ras[:3] * times / through
    return in_mm


def _sform(name: str, header: Header) -> NDArray[np.float64]:
    rows = np.array([*header.srow, (0.0, 0.0, 0.0, 1.0)])
    if not np.isfinite(rows).all():
        raise GeometryError(f"{name} has an sform that is no set of numbers; correct its header, or set its code to 0")
    return _to_mm(header, rows)


def _qform(name: str, header: Header) -> NDArray[np.float64]:
    """Method 2: a quaternion's rotation, spacings and an origin."""
    qfac, *spacings = header.pixdim
    if qfac not in (-1.0, 0.0, 1.0):
        raise GeometryError(f"{name} has {qfac:g} where its qform is told left- or right-handed; 1 or -1 are allowed")
    for axis in range(len(header.dim), 3):  # of an axis that the image does not have, nothing need be said
        spacings[axis] = spacings[axis] or 1.0
    if not all(0 < s < np.inf for s in spacings):
        listed = ", ".join(f"{s:g}" for s in spacings)
        raise GeometryError(f"{name} has a qform with spacings {listed}; they must be positive numbers")
    rotation = rotation_of(header.quatern, header.version)
    if rotation is None or not np.isfinite(header.qoffset).all():
        raise GeometryError(f"{name} has a qform that is no rotation; correct its header, or set its code to 0")
    ras = np.eye(4)
    # qfac 0 means 1: programs older than the field left it empty
    ras[:3, :3] = rotation * (spacings[0], spacings[1], spacings[2] * (qfac or 1.0))
    ras[:3, 3] = header.qoffset
    return _to_mm(header, ras)


def rotation_of(quatern: tuple[float, float, float], version: Version) -> NDArray[np.float64] | None:
    """The rotation of a unit quaternion whose real part is left out, as nifti1_io has it; None where it is none."""
    b, c, d = quatern
    rest = 1.0 - (b * b + c * c + d * d)
    if not rest >= -QUATERNION_NOISE:
        return None
    if rest < HALF_TURN[version]:
        length = np.sqrt(b * b + c * c + d * d)
        a, b, c, d = 0.0, b / length, c / length, d / length
    else:
        a = np.sqrt(rest)
    return np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )


def _refuse_disagreement(name: str, header: Header, sform: NDArray[np.float64], qform: NDArray[np.float64]) -> None:
    """Raise GeometryError when sform and qform place a corner of the image differently."""
    apart = apart_mm(header, sform, qform)
    if apart <= allowed_mm(header, qform):
        return
    spaces = [SPACES[header.sform_code], SPACES[header.qform_code]]
    if spaces[0] != spaces[1]:
        raise GeometryError(
            f"{name} has two places, {apart:.1f} mm apart: its sform in the space of {spaces[0]}, its qform in that of "
            f"{spaces[1]}; say which is meant by setting the code of the other to 0"
        )
    raise GeometryError(
        f"{name} says twice where it lies, and its sform and qform differ by up to {apart:.1f} mm; "
        "delete the wrong one (set its code to 0)"
    )


def _corners(header: Header) -> NDArray[np.float64]:
    """The corners of the image as indices (3, 8)."""
    ends = [(0.0, n - 1.0) for n in (*header.dim, 1, 1)[:3]]
    return np.array(np.meshgrid(*ends)).reshape(3, -1)


def apart_mm(header: Header, one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """How far two affines place a corner of the image from each other."""
    with np.errstate(all="ignore"):
        shift = (one - other)[:3, :3] @ _corners(header) + (one - other)[:3, 3:]
        most = float(np.linalg.norm(shift, axis=0).max())
    return most if np.isfinite(most) else np.inf


def allowed_mm(header: Header, qform: NDArray[np.float64]) -> float:
    """How far a qform may be off: DISAGREEMENT_MM, and more near a half turn.

    The real part of its quaternion is a root, sqrt(1 - b^2 - c^2 - d^2), and loses its digits there: an error of
    2^-22 in the square turns the image by up to 2 sqrt(2^-22) = 0.06 degrees.
    """
    if header.version == 2:
        return DISAGREEMENT_MM
    rest = max(1.0 - sum(q * q for q in header.quatern), QUATERNION_NOISE)
    turn = 2.0 * QUATERNION_NOISE / np.sqrt(rest)
    reach = float(np.linalg.norm(qform[:3, :3] @ _corners(header), axis=0).max())
    return DISAGREEMENT_MM + turn * reach


def _spacings_only(name: str, header: Header, told: NDArray[np.float64] | None) -> Place:
    """Method 1: no orientation is given; slices along z, rows along y, columns along x."""
    given = header.pixdim[1 : 1 + min(len(header.dim), 3)]
    if not all(0 <= zoom < np.inf for zoom in given):
        listed = ", ".join(f"{zoom:g}" for zoom in given)
        raise GeometryError(f"{name} has spacings {listed}; they must be positive numbers, or 0 where unknown")
    if 0 in given:
        return Place(None, "unknown")
    times, through = UNITS[header.units]
    spacings = [meant(zoom, header.version) * times / through for zoom in given]
    affine = np.diag([*spacings, *[1.0] * (4 - len(spacings))])[:, IJK_TO_KJI]
    if told is not None and _rounds_to_spacings(header, told):
        affine = told
    refuse_impossible(name, affine)
    return Place(affine, "image", _unit_not_said(name, header))


def meant(zoom: float, version: Version) -> float:
    """0.7 mm is stored as the float32 0.69999999: the shortest decimal that gives these bits is what was meant."""
    return float(str(np.float32(zoom))) if version == 1 else zoom


def _findings(name: str, header: Header, affine: NDArray[np.float64]) -> tuple[Finding, ...]:
    """What is worth knowing about the place of an image in the patient."""
    found = [*askew(name, affine), *_unit_not_said(name, header)]
    code = header.sform_code or header.qform_code
    if code >= FIRST_TEMPLATE:
        sentence = f"{name} lies in the space of {SPACES[code]}, not in that of its scanner"
        found.append(finding("place in an atlas", sentence))
    if header.sform_code and not header.qform_code:
        found += _spacing_contradicted(name, header, affine)
    return tuple(found)


def _spacing_contradicted(name: str, header: Header, affine: NDArray[np.float64]) -> list[Finding]:
    times, through = UNITS[header.units]
    said = np.array(header.pixdim[1:]) * times / through
    true = spacings_of(affine)
    used = min(len(header.dim), 3)
    if np.allclose(said[:used], true[:used], rtol=SPACING_RATIO, atol=0.0):
        return []
    first, second = (" x ".join(f"{s:.4g}" for s in each[:used]) for each in (said, true))
    sentence = f"{name} has spacings of {first} mm in pixdim and {second} mm in its sform; the sform is believed"
    return [finding("spacing contradicts the affine", sentence, "correct the header if the sform is wrong")]


def _unit_not_said(name: str, header: Header) -> tuple[Finding, ...]:
    if header.units:
        return ()
    return (finding("unit of length not said", f"{name} does not say in which unit its lengths are; mm are taken"),)
