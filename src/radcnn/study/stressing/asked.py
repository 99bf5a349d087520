"""What may be asked of `stress`, in one frozen value that every part of it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from radcnn.core.catalogue import did_you_mean
from radcnn.core.errors import SettingsError
from radcnn.study.stressing.asked_shifts import ASKED_SHIFTS, AskedShifts

BUDGETS = (1.0, 2.0, 4.0, 8.0)  # HU, grey levels or the images' own unit
NOISE_BUDGETS = (0.05, 0.1, 0.25, 0.5, 1.0)  # multiples of the images' noise sd
USUAL = ("fgsm", "pgd")
ATTACKS = (*USUAL, "square", "universal", "one-pixel", "patch", "l-bfgs", "sinogram")
PIXELS = (1, 3, 5)
AREAS = (0.01, 0.03, 0.1)
RAW_BUDGETS = (0.01, 0.03, 0.1, 0.3, 1.0)  # multiples of the noise sd of each ray
PHOTONS = 1e5  # per ray in the open beam: a usual dose
GENERATIONS = 100  # of the attack of few pixels, as in its paper


@dataclass(frozen=True)
class Asked:
    """What is asked of a stress test.

    parts     what is tried: "attacks" ...
    attacks   names of ATTACKS
    budgets   above 0, growing; in the images' unit, or with in_noise in noise sds of each image
    towards   the class every case is to be given; None for any wrong answer
    surrogate another run of the study, on whose network PGD is made, too
    pixels    how many are changed by "one-pixel"; generations: of its search
    areas     shares of the image that patches cover
    raw_budgets, photons  of "sinogram": in noise sds of each ray, at a dose of so many photons per ray
    borders   widths of the frame that is swapped, in pixels; empty for the usual ones
    seed      of everything random
    shifting  what is asked of shifts and doubts
    """

    parts: tuple[str, ...]
    attacks: tuple[str, ...] = USUAL
    budgets: tuple[float, ...] = BUDGETS
    in_noise: bool = False
    towards: str | None = None
    surrogate: str | None = None
    pixels: tuple[int, ...] = PIXELS
    generations: int = GENERATIONS
    areas: tuple[float, ...] = AREAS
    borders: tuple[int, ...] = ()
    raw_budgets: tuple[float, ...] = RAW_BUDGETS
    photons: float = PHOTONS
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
    surrogate: Path | str | None,
    pixels: Sequence[int] | None,
    generations: int,
    area: Sequence[float] | None,
    raw_budget: Sequence[float] | None,
    photons: float,
    border: Sequence[int] | None,
    seed: int,
) -> Asked:
    """The options of the verb as one value; raises SettingsError for an unknown name or an impossible budget."""
    named = parts.split(",") if isinstance(parts, str) else parts
    chosen = _known(named or known_parts, known_parts, "--parts")
    attacks = _known(attack or USUAL, ATTACKS, "--attack")
    usual = NOISE_BUDGETS if in_noise else BUDGETS
    if generations < 1:
        raise SettingsError(f"--generations must be 1 or more, got {generations}; {GENERATIONS} is usual")
    if not 1 <= photons < float("inf"):
        raise SettingsError(f"--photons must be 1 or more per ray, got {photons:g}; {PHOTONS:g} is a usual dose")
    return Asked(
        parts=chosen,
        attacks=attacks,
        budgets=_budgets(budget or usual),
        in_noise=in_noise,
        towards=towards,
        surrogate=None if surrogate is None else str(surrogate),
        pixels=_whole(pixels or PIXELS, "--pixels"),
        generations=generations,
        areas=_areas(area or AREAS),
        raw_budgets=_budgets(raw_budget or RAW_BUDGETS, "--raw-budget"),
        photons=photons,
        borders=_whole(border or (), "--border"),
        seed=seed,
    )


def _known(names: Sequence[str], known: Sequence[str], option: str) -> tuple[str, ...]:
    for name in names:
        if name.strip() not in known:
            raise SettingsError(f"{option} {name!r} is unknown: {did_you_mean(name, known)}")
    return tuple(dict.fromkeys(name.strip() for name in names))


def _budgets(budgets: Sequence[float], option: str = "--budget") -> tuple[float, ...]:
    what = "voxel" if option == "--budget" else "ray"
    for one in budgets:
        if not 0 <= one < float("inf"):
            raise SettingsError(f"{option} must be 0 or more, got {one:g}; it is how far each {what} may be changed")
    found = tuple(sorted({float(one) for one in budgets} - {0.0}))
    if not found:
        raise SettingsError(f"{option} 0 changes nothing; give at least one budget above 0")
    return found


def _whole(counts: Sequence[int], option: str) -> tuple[int, ...]:
    for one in counts:
        if one < 1:
            raise SettingsError(f"{option} must be 1 or more, got {one}")
    return tuple(sorted(set(counts)))


def _areas(areas: Sequence[float]) -> tuple[float, ...]:
    for one in areas:
        if not 0 < one < 1:
            raise SettingsError(f"--area must lie between 0 and 1, got {one:g}; 0.05 is a twentieth of the image")
    return tuple(sorted({float(one) for one in areas}))
