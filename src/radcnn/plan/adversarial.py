"""Training against attacks: which attack, how far it may change a voxel, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from radcnn.core.errors import InputError, SettingsError

STEPS = 5  # of pgd in training: an evaluation takes 20, from which these differ by a few per cent of the cases
MOST_STEPS = 50
SLOPE = 2 / 3  # of a training step's arithmetic: forward, and backward to the image alone
BUDGET_UNITS: Mapping[str, str] = MappingProxyType(
    {"HU": "HU", "grey": "grey levels", "rgb": "grey levels", "PET": "units of the images (PET)"}
)
OWN_UNIT = "units of the images"


@dataclass(frozen=True)
class Adversarial:
    """Training against attacks (docs/decisions/0021).

    attack    "fgsm": one step, and the loss is the mean of that of the clean and of the attacked images (Goodfellow
              2015); "pgd": several steps, and only attacked images are learned from (Madry 2018)
    budget    how far each voxel may be changed: HU of CT, grey levels, the images' own unit otherwise
    in_noise  the budget is a multiple of each image's own noise standard deviation
    steps     of pgd
    """

    attack: Literal["fgsm", "pgd"]
    budget: float = 0.0
    in_noise: bool = False
    steps: int = STEPS

    def __post_init__(self) -> None:
        if not self.budget > 0:
            raise SettingsError(
                f"adversarial_budget must be above 0, got {self.budget:g}; it is how far each voxel may be changed, in "
                "HU of CT, in grey levels, or with adversarial_in_noise in noise sds"
            )
        if not 1 <= self.steps <= MOST_STEPS:
            raise SettingsError(f"steps of training.adversarial must be 1 to {MOST_STEPS}, got {self.steps}")

    @property
    def mixed(self) -> bool:
        """Whether clean images are learned from, too."""
        return self.attack == "fgsm"

    @property
    def costs(self) -> float:
        """How many times the arithmetic of a training step without attacks one with them has.

        >>> round(Adversarial("fgsm", 1).costs, 2), round(Adversarial("pgd", 1).costs, 2)
        (2.67, 4.33)
        """
        return SLOPE + 2 if self.mixed else SLOPE * self.steps + 1

    def words(self, unit: str) -> str:
        """What is trained against, in words; `unit` is that of the images.

        >>> Adversarial("pgd", 4).words("HU"), Adversarial("fgsm", 0.5, in_noise=True).words("HU")
        ('PGD of 5 steps and 4 HU', 'FGSM of 0.5 noise sds')
        """
        name = "FGSM of" if self.mixed else f"PGD of {self.steps} steps and"
        return f"{name} {self.budget:g} {'noise sds' if self.in_noise else unit}"


def budget_unit(units: Sequence[str]) -> str:
    """The unit of a budget for images in these units; raises InputError where there are several.

    >>> budget_unit(["grey"])
    'grey levels'
    """
    found = sorted({BUDGET_UNITS.get(one, OWN_UNIT) for one in units})
    if len(found) > 1:
        raise InputError(f"images are in {' and '.join(found)}; one budget cannot mean the same in all of them")
    return found[0] if found else OWN_UNIT
