"""The lines on which the transforms of views lie in the transform of an image, and the grid that stands for it.

What filtered back-projection by gridding (`reconstruction`) and projection by the slice theorem (`fourier_projection`)
share. The window is that of Kaiser and Bessel, with Beatty's parameter (IEEE TMI 2005;24:799).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, special

from radcnn.physics.beam import ParallelBeam

OVER = 1.5  # grid points per pixel
WIDTH = 5  # grid points of the window: an error of 6e-5 of the image's range
FINE = 4096  # tabled values of the window between two grid points

Complex = NDArray[np.complexfloating]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SliceLines:
    """Where samples 0, 1, 2 ... of each view's transform lie.

    grid          points a side of the transform
    across, down  grid columns and rows from sample to sample, (views,)
    beside        pixels from the pixel that is taken for the middle to the image's own: a half where it has none
    shift         (grid, grid // 2 + 1): moves the image's middle to where the grid's rows and columns begin
    window        values at distances of 0, 1 / FINE, 2 / FINE ... grid points; its transform at the pixels is `shading`
    """

    grid: int
    across: Floats
    down: Floats
    beside: float
    shift: Complex
    window: Floats
    shading: Floats

    def cycles(self, samples: int) -> tuple[Floats, Floats]:
        """Of each sample (views, samples), along columns and rows, in cycles per pixel."""
        m = np.arange(samples)
        return np.outer(self.across, m) / self.grid, np.outer(self.down, m) / self.grid


def slice_lines(beam: ParallelBeam, length: int) -> SliceLines:
    """The lines of views that are padded to `length`.

    >>> slice_lines(ParallelBeam(4, 9, 1.0, 8, 1.0), 20).grid
    18
    """
    size = beam.size
    grid = fft.next_fast_len(int(np.ceil(OVER * size)) + WIDTH, real=True)
    grid += grid % 2
    step = grid * beam.pixel_mm / (length * beam.detector_mm)
    across, down = step * np.cos(beam.angles), step * np.sin(beam.angles)
    rows, columns = fft.fftfreq(grid, 1 / grid), np.arange(grid // 2 + 1)
    turn = -2j * np.pi * ((size - 1) // 2) / grid
    shift = np.exp(turn * rows)[:, None] * np.exp(turn * columns)
    window, shading = _kaiser_bessel(size, grid)
    return SliceLines(grid, across, down, (size - 1) / 2 - (size - 1) // 2, shift, window, shading)


def _kaiser_bessel(size: int, grid: int) -> tuple[Floats, Floats]:
    """Kaiser and Bessel's window at distances of 0, 1 / FINE, 2 / FINE ..., and its transform at the pixels (size,)."""
    over = grid / size
    shape = np.pi * np.sqrt((WIDTH / over) ** 2 * (over - 0.5) ** 2 - 0.8)
    at = np.arange(WIDTH * FINE // 2 + 2) / FINE
    within = np.maximum(1 - (2 * at / WIDTH) ** 2, 0)
    window = np.where(2 * at <= WIDTH, special.i0(shape * np.sqrt(within)), 0) / special.i0(shape)
    pixels = (np.arange(size) - (size - 1) // 2) / grid
    root = np.sqrt((np.pi * WIDTH * pixels) ** 2 - shape**2 + 0j)
    return window, (WIDTH * np.sinc(root / np.pi)).real / special.i0(shape)
