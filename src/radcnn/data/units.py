"""Images in the unit that a person says they have, where their files cannot say it: NIfTI and MetaImage know no HU."""

from __future__ import annotations

from dataclasses import replace

from radcnn.core.case import Source
from radcnn.core.errors import InputError
from radcnn.core.volume import Units, Volume
from radcnn.data.read import Reading, read_noted


def in_unit(volume: Volume, hu: bool) -> Volume:
    """The volume, in HU where a person says that its values are."""
    return replace(volume, units="HU") if hu and volume.units == "arbitrary" else volume


def read_in_unit(source: Source, units: Units, *, hu: bool) -> tuple[Volume, Reading]:
    """The image for a network that learned from images in a unit, and all that its reader found.

    Raises InputError where it is in another one, and as `read` does.
    """
    found = read_noted(source)
    volume = in_unit(found.volume, hu)
    if volume.units != units:
        may = units == "HU" and volume.units == "arbitrary"
        next_step = "; --hu says that files which do not say their unit hold HU" if may else ""
        raise InputError(
            f"{source.path.name} is in {_said(volume.units)}, but the network learned from images in {_said(units)}"
            f"{next_step}"
        )
    return volume, found


def _said(units: Units) -> str:
    return "arbitrary units" if units == "arbitrary" else units
