"""SYSTEMS, and reproduce: a system of the review by its id."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from radcnn.core.catalogue import look_up
from radcnn.core.errors import SettingsError
from radcnn.recipes import (
    adversarial_audit,
    dose_sweep,
    jin2017,
    kurata2018,
    livers,
    low_dose,
    milletari2016,
    ronneberger2015,
)
from radcnn.recipes.recipe import Reproduced
from radcnn.study.listener import SILENCE, Listener


@dataclass(frozen=True)
class System:
    """An entry of SYSTEMS: its recipe, what it is, and its paper."""

    recipe: Callable[..., Reproduced]
    title: str
    paper: str

    @property
    def options(self) -> tuple[str, ...]:
        """What may be asked of it, besides where to write and whom to tell."""
        named = inspect.signature(self.recipe).parameters
        return tuple(name for name in named if name not in ("out", "listener"))


SYSTEMS: Mapping[str, System] = MappingProxyType(
    {
        "chen2017": System(low_dose.chen2017, low_dose.CHEN.title, "Chen et al., Biomed Opt Express 2017;8:679"),
        "redcnn": System(low_dose.redcnn, low_dose.RED.title, "Chen et al., IEEE TMI 2017;36:2524"),
        "nishio2017": System(low_dose.nishio2017, low_dose.NISHIO.title, "Nishio et al., Heliyon 2017;3:e00393"),
        "dose-sweep": System(dose_sweep.dose_sweep, dose_sweep.TITLE, "Barrett et al., PNAS 1993;90:9758"),
        "jin2017": System(jin2017.jin2017, jin2017.TITLE, "Jin et al., IEEE TIP 2017;26:4509"),
        "ronneberger2015": System(
            ronneberger2015.ronneberger2015, ronneberger2015.TITLE, "Ronneberger et al., MICCAI 2015, arXiv:1505.04597"
        ),
        "milletari2016": System(milletari2016.milletari2016, milletari2016.TITLE, "Milletari et al., 3DV 2016"),
        "kurata2018": System(kurata2018.kurata2018, kurata2018.TITLE, "Kurata et al., Comput Biol Med 2019;114:103438"),
        "lu2017": System(livers.lu2017, livers.LU_TITLE, "Lu et al., Int J CARS 2017;12:171"),
        "christ2016": System(livers.christ2016, livers.CHRIST_TITLE, "Christ et al., MICCAI 2016, arXiv:1610.02177"),
        "adversarial-audit": System(
            adversarial_audit.adversarial_audit, adversarial_audit.TITLE, "Madry et al., ICLR 2018, arXiv:1706.06083"
        ),
    }
)


def reproduce(
    system: str,
    *,
    out: Path | str | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    views: int | None = None,
    size: int | None = None,
    images: int | None = None,
    ablations: bool | None = None,
    scans: Path | str | None = None,
    data: Path | str | None = None,
    listener: Listener = SILENCE,
) -> Reproduced:
    """Build a system of the review on its synthetic substitute and compare it as its paper did.

    system  an id of SYSTEMS
    out     a new folder; radcnn-ID in the current folder where it is not given
    minutes, seed, views ...  of the recipe: `systems` says which ones it takes; its own defaults where none is given

    Raises SettingsError for an unknown system or an option that it does not take ("did you mean"), InputError where
    something lies in `out`.
    """
    found = look_up(SYSTEMS, system, "system")
    asked = {
        "minutes": minutes,
        "seed": seed,
        "views": views,
        "size": size,
        "images": images,
        "ablations": ablations,
        "scans": scans,
        "data": data,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    for name in given:
        if name not in found.options:
            raise SettingsError(f"{system} takes no {name}; it takes {', '.join(found.options)}")
    return found.recipe(Path(out) if out is not None else Path(f"radcnn-{system}"), listener=listener, **given)


def systems() -> Mapping[str, System]:
    """The systems that can be reproduced, by id."""
    return SYSTEMS
