"""Filtered back-projection: of parallel rays by gridding, of a fan view by view.

Gridding uses the Fourier slice theorem: the transform of a filtered view is a line through the origin of the image's
transform. Its samples are spread onto a Cartesian grid by a short window and one inverse FFT makes the image, whose
shading by the window is divided out (O'Sullivan, IEEE TMI 1985;4:200; Jackson et al., IEEE TMI 1991;10:473; the window
is that of Kaiser and Bessel, with Beatty's parameter, IEEE TMI 2005;24:799). What is computed is the sum over views of
the filtered view at t = x cos a + y sin a (Kak and Slaney 1988, chapter 3.3), with the sharpness of linear
interpolation between detector elements, but without what linear interpolation folds back into the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft
from torch import Tensor

from radcnn.core.cores import available_cores
from radcnn.core.errors import GeometryError
from radcnn.physics.beam import Beam, FanBeam, ParallelBeam
from radcnn.physics.kernels import KERNELS, Kernel, filter_response
from radcnn.physics.slices import FINE, WIDTH, slice_lines

PARTS = 4  # of the views, spread onto a grid of their own each
WIDEST_GAP = 2.0  # a gap between views that is wider than the usual one by this factor is a missing angle


def fbp(sinogram: Tensor, beam: Beam, kernel: Kernel = KERNELS["ramp"], *, area: bool = False) -> Tensor:
    """Images (..., size, size) from line integrals (..., views, detectors) by filtered back-projection.

    kernel  the window on the ramp filter
    area    pixels hold the mean over their area instead of the value at their middle

    Rays beyond the detector count as 0. Views may lie unevenly: each counts as much as the angle about it, but no
    view stands in for a missing part of the scan. Raises GeometryError for sinograms of another shape.

    >>> beam = ParallelBeam(views=60, detectors=48, detector_mm=1.0, size=32, pixel_mm=1.0)
    >>> disc = 2 * torch.from_numpy(np.sqrt(np.maximum(10.0**2 - beam.offsets_mm**2, 0))).expand(60, 48)
    >>> round(float(fbp(disc, beam)[16, 16]), 1)
    1.0
    """
    if sinogram.ndim < 2 or sinogram.shape[-2:] != beam.shape:
        raise GeometryError(f"the sinogram must end in shape {beam.shape} for this beam, got {tuple(sinogram.shape)}")
    flat = sinogram.reshape(-1, *beam.shape)
    made = _fan(flat, beam, kernel, area) if isinstance(beam, FanBeam) else _parallel(flat, beam, kernel, area)
    return made.reshape(*sinogram.shape[:-2], beam.size, beam.size)


def view_weights(beam: Beam) -> NDArray[np.float64]:
    """The angle (views,) in radians that each view stands for: half the way to its neighbours on both sides.

    >>> view_weights(ParallelBeam(4, 3, 1.0, 3, 1.0)) / np.pi
    array([0.25, 0.25, 0.25, 0.25])
    """
    arc = np.deg2rad(beam.ARC_DEG)
    turned = beam.angles % arc
    order = np.argsort(turned, kind="stable")
    gaps = np.diff(turned[order], append=turned[order[0]] + arc)
    gaps = np.where(gaps > WIDEST_GAP * np.median(gaps), np.median(gaps), gaps) if len(gaps) > 1 else gaps
    weights = np.empty(beam.views)
    weights[order] = (gaps + np.roll(gaps, 1)) / 2
    return weights


@dataclass(frozen=True, eq=False)
class _Gridding:
    """What the gridding of one geometry and kernel needs, for one type of numbers.

    length   of a padded view
    filters  (views, samples) complex: filter, places of the first detector and the middle pixel, weight of the view
    across, down  grid columns and rows from sample to sample, (views,)
    table    the window, see `kernels.gridding`
    shift    (grid rows, half + 1) complex: moves the image's middle to where the grid's rows and columns begin
    unshade  (size, size)
    """

    length: int
    filters: NDArray[np.complexfloating]
    across: NDArray[np.floating]
    down: NDArray[np.floating]
    table: NDArray[np.floating]
    shift: NDArray[np.complexfloating]
    unshade: NDArray[np.floating]


@lru_cache(maxsize=8)
def _gridding(beam: ParallelBeam, kernel: Kernel, area: bool, dtype: str) -> _Gridding:
    real = np.dtype(dtype)
    complex_ = np.result_type(real, np.complex64)
    length = fft.next_fast_len(2 * beam.detectors, real=True)
    lines = slice_lines(beam, length)
    frequency = np.arange(length // 2 + 1) / (length * beam.detector_mm)
    response = filter_response(kernel, length, beam.detector_mm) * np.sinc(frequency * beam.detector_mm) ** 2
    response[0] /= 2  # its conjugate is itself
    if length % 2 == 0:
        response[-1] /= 2
    samples = 1 + int(np.flatnonzero(response)[-1])
    response, frequency = response[:samples], frequency[:samples]
    start = np.exp(-2j * np.pi * frequency * beam.offsets_mm[0]) / length
    x, y = lines.cycles(samples)
    # a shift of half a pixel must know the frequencies themselves, which the grid no longer does beyond its Nyquist's
    filters = view_weights(beam)[:, None] * (response * start) * np.exp(-2j * np.pi * lines.beside * (x + y))
    if area:
        filters *= np.sinc(x) * np.sinc(y)
    unshade = lines.grid**2 / np.outer(lines.shading, lines.shading)
    return _Gridding(
        length, filters.astype(complex_), lines.across.astype(real), lines.down.astype(real),
        lines.window.astype(real), lines.shift.astype(complex_), unshade.astype(real),
    )  # fmt: skip


def _parallel(sinograms: Tensor, beam: ParallelBeam, kernel: Kernel, area: bool) -> Tensor:
    """(B, views, detectors) to (B, size, size)."""
    plain = sinograms.device.type == "cpu" and not sinograms.requires_grad
    if not plain or sinograms.dtype not in (torch.float32, torch.float64):
        return gridded_by_torch(sinograms, beam, kernel, area=area)
    from radcnn.kernels.threads import over_slabs

    values, cores = sinograms.contiguous().numpy(), available_cores()
    known = _gridding(beam, kernel, area, str(values.dtype))
    made = np.empty((len(values), beam.size, beam.size), values.dtype)
    alone = len(values) < cores  # an image is shared by the cores where there are fewer images than cores

    def images(first: int, end: int) -> None:
        for number in range(first, end):
            made[number] = _gridded(values[number], known, beam, cores if alone else 1)

    over_slabs(images, len(values), 1 if alone else cores)
    return torch.from_numpy(made)


def _gridded(
    sinogram: NDArray[np.floating], known: _Gridding, beam: ParallelBeam, threads: int
) -> NDArray[np.floating]:
    """One image; its views are spread in parts that are always the same, so that no sum depends on the threads."""
    from radcnn.kernels.gridding import spread_lines
    from radcnn.kernels.threads import over_slabs

    spectra = fft.rfft(sinogram, known.length, axis=-1)[:, : known.filters.shape[1]] * known.filters
    grids = np.zeros((PARTS, *known.shift.shape), known.shift.dtype)

    def lines(start: int, stop: int) -> None:
        for part in range(start, stop):
            bounds = beam.views * part // PARTS, beam.views * (part + 1) // PARTS
            spread_lines(spectra, known.across, known.down, WIDTH, known.table, FINE, *bounds, grids[part])

    over_slabs(lines, PARTS, threads)
    whole = grids[0]
    for part in grids[1:]:
        whole += part
    whole *= known.shift
    seen = fft.irfft2(whole, (len(whole),) * 2, workers=threads)[: beam.size, : beam.size]
    image: NDArray[np.floating] = seen * known.unshade
    return image


def gridded_by_torch(sinograms: Tensor, beam: ParallelBeam, kernel: Kernel, *, area: bool = False) -> Tensor:
    """The same by torch alone, differentiable and on any device: the reference of the compiled loop."""
    real = sinograms.dtype if sinograms.dtype == torch.float64 else torch.float32
    known, device = _gridding(beam, kernel, area, str(real).removeprefix("torch.")), sinograms.device
    to = [torch.from_numpy(part).to(device) for part in (known.filters, known.across, known.down, known.table)]
    filters, across, down, table = to
    rows, half = known.shift.shape[0], known.shift.shape[1] - 1
    spectra = torch.fft.rfft(sinograms.to(real), known.length)[..., : filters.shape[1]] * filters
    m = torch.arange(spectra.shape[-1], device=device, dtype=real)
    x, y = across[:, None] * m, down[:, None] * m
    beyond = torch.maximum(x.abs(), y.abs()) > half
    x, y = (torch.where(beyond, along - rows * (along / rows).round(), along) for along in (x, y))
    left, top = torch.ceil(x - WIDTH / 2), torch.ceil(y - WIDTH / 2)
    total = torch.zeros(len(sinograms), rows * rows, dtype=spectra.dtype, device=device)
    for i in range(WIDTH):
        for j in range(WIDTH):
            near_x, near_y = ((near - at).abs() * FINE + 0.5 for near, at in ((x, left + i), (y, top + j)))
            share = spectra * (table[near_x.long()] * table[near_y.long()])
            column, row = (left + i).long() % rows, (top + j).long() % rows
            total = total.index_add(1, (row * rows + column).flatten(), share.flatten(1))
    full = total.unflatten(1, (rows, rows))
    mirrored = full.conj().flip(1, 2).roll((1, 1), (1, 2))  # the other of each pair of conjugate samples
    spectrum = (full + mirrored)[..., : half + 1] * torch.from_numpy(known.shift).to(device)
    image = torch.fft.irfft2(spectrum, s=(rows, rows))[..., : beam.size, : beam.size]
    return (image * torch.from_numpy(known.unshade).to(device)).to(sinograms.dtype)


def _fan(sinograms: Tensor, beam: FanBeam, kernel: Kernel, area: bool) -> Tensor:
    """(B, views, detectors) to (B, size, size); every ray is taken as measured from both of its ends."""
    if area:
        raise GeometryError("means over the pixels' area are made of parallel rays only; leave area out")
    filtered = _filtered_fan(sinograms, beam, kernel)
    plain = filtered.device.type == "cpu" and not filtered.requires_grad
    if not plain or filtered.dtype not in (torch.float32, torch.float64):
        return backprojected_fan_by_torch(filtered, beam)
    from radcnn.kernels.fans import backproject_fan
    from radcnn.kernels.threads import over_slabs

    values = filtered.contiguous().numpy()
    made = np.zeros((len(values), beam.size, beam.size), values.dtype)
    turned = np.stack([np.cos(beam.angles), np.sin(beam.angles)])
    fan = (beam.source_mm, beam.detector_mm / beam.detector_at_mm, beam.form == "flat")

    def rows(first: int, end: int) -> None:
        backproject_fan(values, turned, beam.pixels_mm, fan, first, end, made)

    over_slabs(rows, beam.size)
    return torch.from_numpy(made)


def _filtered_fan(sinograms: Tensor, beam: FanBeam, kernel: Kernel) -> Tensor:
    """Views weighted, filtered and multiplied by the angle they stand for (Kak and Slaney 1988, eq. 3.96 and 3.114)."""
    step = beam.detector_mm / beam.detector_at_mm
    at_middle = step * beam.source_mm  # between rays in the middle of the image, where the kernel's mm are counted
    length = fft.next_fast_len(2 * beam.detectors, real=True)
    taps = fft.irfft(filter_response(kernel, length, at_middle), length)
    if beam.form == "arc":
        turned = step * fft.fftfreq(length, 1 / length)
        taps = taps / np.sinc(np.clip(turned / np.pi, -0.5, 0.5)) ** 2
    response = fft.rfft(taps).real / 2
    factors = torch.from_numpy(view_weights(beam)[:, None] * np.cos(beam.fan))
    spectra = torch.fft.rfft(sinograms * factors.to(sinograms), length)
    spectra = spectra * torch.from_numpy(response).to(sinograms)
    return torch.fft.irfft(spectra, length)[..., : beam.detectors]


def backprojected_fan_by_torch(filtered: Tensor, beam: FanBeam) -> Tensor:
    """(B, views, detectors) to (B, size, size) by torch alone: the reference of `kernels.fans`."""
    pixels = torch.from_numpy(beam.pixels_mm).to(filtered.device)
    step, middle = beam.detector_mm / beam.detector_at_mm, (beam.detectors - 1) / 2
    total = filtered.new_zeros((len(filtered), beam.size, beam.size))
    for number, angle in enumerate(beam.angles):
        cos, sin = float(np.cos(angle)), float(np.sin(angle))
        across = pixels[None, :] * cos + pixels[:, None] * sin
        along = beam.source_mm + pixels[:, None] * cos - pixels[None, :] * sin
        tangent = across / along
        flat = beam.form == "flat"
        near = beam.source_mm**2 / (along**2 + (0 if flat else across**2))
        place = (tangent if flat else torch.arctan(tangent)) / step + middle
        inside = (place >= 0) & (place <= beam.detectors - 1)
        low = place.clamp(0, beam.detectors - 2).floor()
        share = (place - low).to(filtered.dtype)
        view, at = filtered[:, number], low.long()
        taken = (1 - share) * view[:, at] + share * view[:, at + 1]
        total = total + torch.where(inside, near, 0.0).to(filtered.dtype) * taken
    return total
