"""What may be asked of `stress`, in one frozen value that every part of it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from radcnn.core.catalogue import did_you_mean
from radcnn.core.errors import SettingsError
from radcnn.study.stressing.asked_shifts import ASKED_SHIFTS, AskedShifts

BUDGETS = (1.0, 2.0, 4.0, 8.0)  # HU, grey levels or the images' own unit
NOISE_BUDGETS = (0.05, 0.1, 0.25, 0.5, 1.0)  # multiples of the images' noise sd
USUAL = ("fgsm", "pgd")
ATTACKS = USUAL


@dataclass(frozen=True)
class Asked:
    """What is asked of a stress test.

    parts     what is tried: "attacks" ...
    attacks   names of ATTACKS
    budgets   above 0, growing; in the images' unit, or with in_noise in noise sds of each image
    towards   the class every case is to be given; None for any wrong answer
    borders   widths of the frame that is swapped, in pixels; empty for the usual ones
    seed      of everything random
    shifting  what is asked of shifts and doubts
    """

    parts: tuple[str, ...]
    attacks: tuple[str, ...] = USUAL
    budgets: tuple[float, ...] = BUDGETS
    in_noise: bool = False
    towards: str | None = None
    borders: tuple[int, ...] = ()
    seed: int = 0
    shifting: AskedShifts = ASKED_SHIFTS


def asked(
    *,
    parts: str | Sequence[str] | None,
    known_parts: Sequence[str],
    attack: Sequence[str] | None,
    budget: Sequence[float] | None,
    in_noise: bool,
    towards: str | None,
    border: Sequence[int] | None,
    seed: int,
) -> Asked:
    """The options of the verb as one value; raises SettingsError for an unknown name or an impossible budget."""
    named = parts.split(",") if isinstance(parts, str) else parts
    chosen = _known(named or known_parts, known_parts, "--parts")
    attacks = _known(attack or USUAL, ATTACKS, "--attack")
    usual = NOISE_BUDGETS if in_noise else BUDGETS
    return Asked(chosen, attacks, _budgets(budget or usual), in_noise, towards, _borders(border or ()), seed)


def _known(names: Sequence[str], known: Sequence[str], option: str) -> tuple[str, ...]:
    for name in names:
        if name.strip() not in known:
            raise SettingsError(f"{option} {name!r} is unknown: {did_you_mean(name, known)}")
    return tuple(dict.fromkeys(name.strip() for name in names))


def _budgets(budgets: Sequence[float]) -> tuple[float, ...]:
    for one in budgets:
        if not 0 <= one < float("inf"):
            raise SettingsError(f"--budget must be 0 or more, got {one:g}; it is how far each voxel may be changed")
    found = tuple(sorted({float(one) for one in budgets} - {0.0}))
    if not found:
        raise SettingsError("--budget 0 changes nothing; give at least one budget above 0")
    return found


def _borders(widths: Sequence[int]) -> tuple[int, ...]:
    for one in widths:
        if one < 1:
            raise SettingsError(f"--border must be 1 pixel or more, got {one}; it is the width of the frame")
    return tuple(sorted(set(widths)))
