"""What may be asked of the parts on shifts and doubts, in one frozen value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from radcnn.core.catalogue import did_you_mean
from radcnn.core.errors import InputError, SettingsError
from radcnn.robustness.limits import Limit, parse_limit
from radcnn.robustness.shifts import SEVERITIES, SHIFTS
from radcnn.robustness.shifts.shift import MODALITY_NAMES, UNITS_OF


@dataclass(frozen=True)
class AskedShifts:
    """What is asked of shifts and doubts.

    names       of SHIFTS; empty for those that suit the images
    severities  1 to 5, growing
    limits      that figures are held against; empty for the usual one of the target (`robustness.limits`)
    foreign     a folder of images from elsewhere, or None
    """

    names: tuple[str, ...] = ()
    severities: tuple[int, ...] = SEVERITIES
    limits: tuple[Limit, ...] = ()
    foreign: Path | None = None


ASKED_SHIFTS = AskedShifts()


def asked_shifts(
    *,
    shift: Sequence[str] | None,
    severity: Sequence[int] | None,
    limit: Sequence[str] | None,
    foreign: Path | str | None,
) -> AskedShifts:
    """The options of the verb as one value.

    Raises SettingsError for an unknown shift ("did you mean"), a severity outside 1 to 5 or a limit that cannot be
    read, InputError for a folder that is not there.
    """
    for name in shift or ():
        if name not in SHIFTS:
            raise SettingsError(f"--shift {name!r} is unknown: {did_you_mean(name, SHIFTS)}")
    for one in severity or ():
        if one not in SEVERITIES:
            raise SettingsError(f"--severity must be 1 to 5, got {one}; 0, the images as they are, is always there")
    place = None if foreign is None else Path(foreign)
    if place is not None and not place.exists():
        raise InputError(f"{place} does not exist; --foreign is a folder of images from elsewhere")
    return AskedShifts(
        tuple(dict.fromkeys(shift or ())),
        tuple(sorted(set(severity or SEVERITIES))),
        tuple(parse_limit(text) for text in dict.fromkeys(limit or ())),
        place,
    )


def refuse_unsuited(names: Sequence[str], units: Sequence[str], rank: int) -> None:
    """Raise SettingsError for a shift that makes no sense for images of these units and rank, before any is read."""
    for name in names:
        shift = SHIFTS[name]
        strange = [one for one in units if one not in UNITS_OF[shift.modality]]
        if strange or rank not in shift.ranks:
            wanted = f"{MODALITY_NAMES[shift.modality]}{' in several slices' if shift.ranks == (3,) else ''}"
            came = "volumes" if rank == 3 else "single images"
            raise SettingsError(
                f"--shift {name} is for {wanted}, and these are {came} in {' and '.join(units)}; leave --shift out for "
                "the shifts that suit them"
            )
