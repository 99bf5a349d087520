"""What MR scanners and patients do otherwise: noise, coil, movement, ghosts and contrast.

Values are what they are above the image's lowest value, which is taken for no signal. Phase encoding runs along rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from radcnn.core.volume import Volume
from radcnn.robustness.shifts.shift import Floats, in_plane_mm

BRIGHT = 99.0  # percentile that stands for the signal
GHOSTS = 4  # copies of the object along the phase encoding
MOVES = 6  # positions that a patient takes during a scan
MOVED_MM = 4.0  # how far these lie apart at most, along rows and along columns
DEGREE = 3  # of the polynomial that a coil's field is made of


def _signal(volume: Volume) -> tuple[NDArray[np.float64], float]:
    """Values (C, *size) above the lowest one, and this one."""
    lowest = float(volume.voxels.min())
    return volume.voxels.astype(np.float64) - lowest, lowest


def rician(volume: Volume, percent: float, chance: np.random.Generator) -> Floats:
    """Noise of this percentage of the bright signal in both channels of the receiver: |S + n1 + i n2| (Rice).

    H. Gudbjartsson and S. Patz 1995, doi:10.1002/mrm.1910340618.
    """
    signal, lowest = _signal(volume)
    sd = percent / 100 * float(np.percentile(signal, BRIGHT))
    first, second = (chance.standard_normal(signal.shape) for _ in range(2))
    return np.asarray(np.hypot(signal + sd * first, sd * second) + lowest, np.float32)


def bias_field(volume: Volume, percent: float, chance: np.random.Generator) -> Floats:
    """A smooth factor between 1 / (1 + p) and 1 + p over the image, p the percentage: exp of a random polynomial."""
    signal, lowest = _signal(volume)
    field = smooth_field(volume.size, chance)
    return np.asarray(signal * np.exp(np.log1p(percent / 100) * field) + lowest, np.float32)


def smooth_field(size: tuple[int, ...], chance: np.random.Generator) -> NDArray[np.float64]:
    """A random polynomial over the image (*size) of degree up to DEGREE, between -1 and 1, without its mean."""
    axes = [np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in size]
    made = np.zeros(size)
    for powers in np.ndindex(*(DEGREE + 1,) * len(size)):
        weight = chance.standard_normal()
        if 0 < sum(powers) <= DEGREE:
            factors = [axis**power for axis, power in zip(axes, powers, strict=True)]
            term = factors[0]
            for factor in factors[1:]:
                term = np.multiply.outer(term, factor)
            made += weight * term
    made -= made.mean()
    return made / max(float(np.abs(made).max()), 1e-12)


def moved(volume: Volume, percent: float, chance: np.random.Generator) -> Floats:
    """A patient who moves while k-space is filled: this percentage of its lines, the outer ones, come from afterwards.

    They lie in MOVES parts, each from a copy of the image that lies up to MOVED_MM elsewhere (pixels where millimetres
    are unknown), which is a turn of its phase. Turns and movement through the plane are left out.
    """
    signal, lowest = _signal(volume)
    rows, columns = volume.size[-2:]
    outer = 1 - np.abs(np.round(fft.fftfreq(rows, 1 / rows))) / max(rows / 2, 1)  # 0 at the edge of k-space
    part = np.minimum(outer * MOVES, MOVES - 1).astype(int)
    steps = MOVED_MM * chance.uniform(0.3, 1.0, (MOVES, 2)) * chance.choice([-1.0, 1.0], (MOVES, 2))
    steps = np.where((outer < percent / 100)[:, None], steps[part], 0.0)
    down, across = (steps[:, k] / step for k, step in enumerate(in_plane_mm(volume)))
    turn = fft.fftfreq(rows)[:, None] * down[:, None] + fft.fftfreq(columns)[None, :] * across[:, None]
    made = np.abs(fft.ifft2(fft.fft2(signal) * np.exp(-2j * np.pi * turn)))
    return np.asarray(made + lowest, np.float32)


def ghosted(volume: Volume, percent: float, _: np.random.Generator) -> Floats:
    """Every GHOSTS-th line of k-space weaker by this percentage, but for the middle one: copies along the rows."""
    signal, lowest = _signal(volume)
    rows = volume.size[-2]
    lines = np.round(fft.fftfreq(rows, 1 / rows)).astype(int)
    weak = (lines % GHOSTS == 0) & (lines != 0)
    kept = np.where(weak, 1 - percent / 100, 1.0)[:, None]
    made = np.abs(fft.ifft2(fft.fft2(signal) * kept))
    return np.asarray(made + lowest, np.float32)


def gamma(volume: Volume, power: float, _: np.random.Generator) -> Floats:
    """Values between the lowest and the highest one raised to this power: another contrast, the same ends."""
    signal, lowest = _signal(volume)
    most = max(float(signal.max()), 1e-12)
    return np.asarray((signal / most) ** power * most + lowest, np.float32)
