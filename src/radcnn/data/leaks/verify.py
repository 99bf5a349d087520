"""Two images laid upon each other: are they the same picture, pixel for pixel?

The part is turned as the search found it, laid into the whole, and the four edges of its place are moved until both
agree best (Gauss-Newton). Then the grey values of one are mapped to those of the other, whatever the map is, and what
is left after a blur is taken away is correlated: ribs and vessels, not the shape that all chests share. Two images of
one patient, or of two patients, do not agree there; two copies of one image do, also after JPEG at quality 30.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from radcnn.data.leaks.prints import FORMS

Floats = NDArray[np.float32]
Ends = tuple[float, float, float, float]  # shares of the whole outside the part: top, bottom, left, right

KEPT = 192  # pixels per axis of an image that is compared, at most
COARSE, RASTER = 48, 96  # pixels per axis on which two images are compared, at most: first on few, then on more
FINEST = 1 / 48  # sigma of the blur that is taken away, as a share of the side: structures below 5 % are left
# sigma in pixels of the blur under which the edges are moved, one round of Gauss-Newton each
COARSE_ROUNDS: tuple[float, ...] = (2.0, 1.5, 1.0, 0.7)
FINE_ROUNDS: tuple[float, ...] = (1.0, 1.0, 0.7)
PROMISING = 0.15  # agreement before the edges are moved below which no move will help
LIKELY = 0.7  # coarse agreement below which the images are not looked at more closely
STILL = 5e-4  # of the side: edges that move less have arrived
REACH = 0.16  # of the side: a crop of a tenth, and what its estimate may be wrong
TILES = 8  # per axis, in which two images must agree one by one
TILED = 64  # pixels per axis from which a tile holds enough of them
STRUCTURED = 0.1  # of the image's fine structure; a tile that has less in both images says nothing
FINER = 1 / 64  # as FINEST, under the structures that are brought to one strength
EMPTY = 0.3  # of those; a tile that has less in one image says nothing
BINS = 64  # of the map of grey values
MARGIN = 0.03  # of the side, left out of the comparison: a blur is wrong there


@dataclass(frozen=True)
class Agreement:
    """How two images agree.

    figure   correlation of their fine structure in the best place: 1 for the same picture
    weakest  the same of their weakest structures, noise and small vessels, in the tiles that agree least;
             `figure` itself where images are too small for tiles, or too unlike
    ends     shares of the whole outside the part: top, bottom, left, right
    falling  whether bright in one is dark in the other
    changed  mean distance of grey values, in shares of the range, when both are read as they are
    """

    figure: float
    weakest: float
    ends: Ends
    falling: bool
    changed: float


def agreement(whole: Floats, part: Floats, form: int, starts: Sequence[Ends]) -> Agreement:
    """How `part` (h, w), turned as FORMS[form] says, agrees with `whole` (H, W) near the best of the places given."""
    shown = np.ascontiguousarray(_form(part, form))
    side = min(RASTER, *whole.shape, *shown.shape)
    raster = min(COARSE, side)
    given = _shrunk(shown, raster)
    best = max((_laid(whole, given, np.asarray(ends, np.float64)) for ends in starts), key=lambda laid: laid.figure)
    best = _fitted(whole, given, best, COARSE_ROUNDS)
    if raster < side and best.figure >= LIKELY:
        raster, given = side, _shrunk(shown, side)
        best = _fitted(whole, given, _laid(whole, given, best.place), FINE_ROUNDS)
    place, laid, figure = best
    least = figure
    if raster >= TILED and figure >= LIKELY:
        figure, least = min(figure, everywhere(laid, given)), weakest(laid, given)
    slope = float(np.mean((laid - laid.mean()) * (given - given.mean())))
    span = max(float(np.ptp(laid)), float(np.ptp(given)), 1e-6)
    t, b, le, r = (float(v) for v in place)
    return Agreement(figure, least, (t, b, le, r), slope < 0, float(np.abs(laid - given).mean()) / span)


def likeness_to(part: Floats, form: int, ends: Ends) -> Callable[[Floats], float]:
    """How alike the place `ends` of any whole is to `part`, turned as FORMS[form] says, on few pixels."""
    shown = np.ascontiguousarray(_form(part, form))
    given, place = _shrunk(shown, min(COARSE, *shown.shape)), np.asarray(ends, np.float64)

    def alike(whole: Floats) -> float:
        return _laid(whole, given, place).figure

    return alike


class Laid(NamedTuple):
    """What the whole shows in a place of the part, and how well both agree."""

    place: NDArray[np.float64]
    image: Floats
    figure: float


def _laid(whole: Floats, given: Floats, place: NDArray[np.float64]) -> Laid:
    image = _resampled(whole, len(given), place)
    return Laid(place, image, likeness(image, given))


def _fitted(whole: Floats, given: Floats, best: Laid, rounds: tuple[float, ...]) -> Laid:
    """The whole laid where it agrees best with the part; as it was where that is not promising."""
    if best.figure < PROMISING:
        return best
    place, image = best.place, best.image
    for sigma in rounds:
        moved = np.clip(place + _step(image, given, place, sigma), -REACH, REACH)
        arrived, place = float(np.abs(moved - place).max()) < STILL, moved
        image = _resampled(whole, len(given), place)
        if arrived:
            break
    found = Laid(place, image, likeness(image, given))
    return found if found.figure > best.figure else best


def _form(part: Floats, form: int) -> Floats:
    """A print is turned over the diagonal first and mirrored then; so is the image."""
    transposed, vertical, horizontal = FORMS[form]
    shown = part.T if transposed else part
    return shown[:: -1 if vertical else 1, :: -1 if horizontal else 1]


def _resampled(image: Floats, side: int, ends: NDArray[np.float64]) -> Floats:
    """The window of an image that `ends` leave, on (side, side) by means over areas; it may reach a little outside."""
    rows = _areas(image.shape[0], side, ends[0], ends[1])
    columns = _areas(image.shape[1], side, ends[2], ends[3])
    made: Floats = (rows @ image @ columns.T).astype(np.float32, copy=False)
    return made


def _shrunk(image: Floats, side: int) -> Floats:
    """The whole image on (side, side)."""
    made = _all_areas(image.shape[0], side) @ image @ _all_areas(image.shape[1], side).T
    return made.astype(np.float32, copy=False)


@lru_cache(64)
def _all_areas(n: int, side: int) -> Floats:
    """Those of the whole image; most images are of few sizes."""
    return _areas(n, side, 0.0, 0.0)


def _areas(n: int, side: int, before: float, after: float) -> Floats:
    """Weights (side, n) of means over equal parts of a window; the outermost pixels stand for what is outside.

    Parts are two pixels wide at least, with soft ends: a place between pixels is interpolated, not jumped to.
    """
    step = n * (1 - before - after) / side
    centre = before * n + (np.arange(side) + 0.5) * step
    reach = max(step, 1.0)
    pixel = np.arange(n) + 0.5
    share = np.clip((reach / 2 + 0.5) - np.abs(pixel[None] - centre[:, None]), 0, min(1.0, reach))
    total = share.sum(axis=1)
    outside = total < 1e-6
    share[outside, np.where(centre[outside] < 0, 0, n - 1)] = 1
    weights: Floats = (share / share.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights


def _step(shown: Floats, given: Floats, place: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """How the four edges should move so that what the whole shows, its greys mapped to the part's, fits better."""
    laid, side = _mapped(shown, given), len(given)
    down, across = np.gradient(_blurred(laid, sigma))
    share = (np.arange(side, dtype=np.float32) + 0.5) / side
    size = 1 - place[0] - place[1], 1 - place[2] - place[3]
    # a pixel at share u lies at before + u (1 - before - after) of the whole, and `side` pixels span its size
    moves = (
        down * (1 - share)[:, None] * (side / size[0]),
        -down * share[:, None] * (side / size[0]),
        across * (1 - share)[None] * (side / size[1]),
        -across * share[None] * (side / size[1]),
    )
    inner = slice(2, -2)
    design = np.stack([move[inner, inner].reshape(-1) for move in moves], axis=1).astype(np.float64)
    rest = _blurred(given - laid, sigma)[inner, inner].reshape(-1)
    gram = design.T @ design
    ridge = 1e-3 * np.trace(gram) / 4 + 1e-12
    step: NDArray[np.float64] = np.linalg.solve(gram + ridge * np.eye(4), design.T @ rest)
    return np.clip(step, -0.05, 0.05)


def _mapped(image: Floats, like: Floats) -> Floats:
    """Grey values of `image` replaced by the mean grey value that `like` has where they stand."""
    low, high = float(image.min()), float(image.max())
    if not high > low:
        return np.full_like(image, like.mean())
    place = (image.reshape(-1) - low) * ((BINS - 1) / (high - low))
    near = np.round(place).astype(np.intp)
    count = np.bincount(near, minlength=BINS)
    means = np.bincount(near, like.reshape(-1), BINS) / np.maximum(count, 1)
    centres = np.bincount(near, place, BINS) / np.maximum(count, 1)
    there = count > 0
    mapped: Floats = np.interp(place, centres[there], means[there]).astype(np.float32).reshape(image.shape)
    return mapped


def likeness(laid: Floats, given: Floats) -> float:
    """Correlation of fine structure after the greys of either are mapped to those of the other; the better of both.

    Both ways, since a window that cuts off the darkest third can be made from the whole, and not the other way.
    """
    one_way = _correlation(_fine(_mapped(laid, given)), _fine(given))
    return max(one_way, _correlation(_fine(laid), _fine(_mapped(given, laid))))


def everywhere(laid: Floats, given: Floats) -> float:
    """The lower quartile of the correlations of fine structure in 8 x 8 tiles, greys mapped either way; the better.

    The edge of a film or a breast is stronger than all that lies within and is much alike in two patients: in one
    correlation of the whole it outweighs the tissue, of the tiles it fills a few.
    """
    return max(_tiled(_mapped(laid, given), given), _tiled(laid, _mapped(given, laid)))


def _tiled(first: Floats, second: Floats) -> float:
    figures, sizes = _over_tiles(_rest(first, FINEST), _rest(second, FINEST))
    telling = np.maximum(*sizes) > STRUCTURED
    return float(np.quantile(figures[telling], 0.25)) if telling.any() else 0.0


def weakest(laid: Floats, given: Floats) -> float:
    """The lower decile of the correlations in tiles when weak structures count as much as strong ones.

    Two bodies of a few ellipsoids agree in their outlines, which outweigh all else in the tiles they cross; between
    them lie noise and vessels, and only one picture's agree. Air that one of two files has cut off says nothing.
    """
    return max(_weakest_of(_mapped(laid, given), given), _weakest_of(laid, _mapped(given, laid)))


def _weakest_of(first: Floats, second: Floats) -> float:
    figures, sizes = _over_tiles(_evened(first, FINER, 2, 0.1), _evened(second, FINER, 2, 0.1))
    telling = np.minimum(*sizes) > EMPTY
    return float(np.quantile(figures[telling], 0.1)) if telling.any() else 0.0


def _evened(image: Floats, share: float, reach: float, floor: float) -> Floats:
    """Fine structure brought to one strength: that of about `reach` blurs, where it is above `floor` of the mean."""
    rest, sigma = _rest(image, share), max(1.0, share * len(image))
    local = np.sqrt(_blurred(rest * rest, reach * sigma))
    evened: Floats = rest / (local + floor * np.sqrt(np.mean(rest * rest)) + 1e-6)
    return evened


def _rest(image: Floats, share: float) -> Floats:
    """What is left after a blur of a share of the side."""
    return image - _blurred(image, max(1.0, share * len(image)))


def _over_tiles(first: Floats, second: Floats) -> tuple[Floats, tuple[Floats, Floats]]:
    """The correlation of two structures in each tile, and how much each holds there, as a share of its own mean."""
    margin = max(1, round(MARGIN * len(first)))
    one, two = (_in_tiles(rest, margin) for rest in (first, second))
    sizes = np.sqrt(np.mean(one**2, axis=1)), np.sqrt(np.mean(two**2, axis=1))
    shares = [size / max(float(np.sqrt(np.mean(size**2))), 1e-6) for size in sizes]
    return np.mean(one * two, axis=1) / np.maximum(sizes[0] * sizes[1], 1e-6), (shares[0], shares[1])


def _in_tiles(rest: Floats, margin: int) -> Floats:
    """Structure (TILES * TILES, pixels of a tile), each tile about its mean."""
    size = (len(rest) - 2 * margin) // TILES
    inner = rest[margin : margin + TILES * size, margin : margin + TILES * size]
    tiles = inner.reshape(TILES, size, TILES, size).transpose(0, 2, 1, 3).reshape(TILES * TILES, size * size)
    about: Floats = tiles - tiles.mean(axis=1, keepdims=True)
    return about


def _correlation(first: Floats, second: Floats) -> float:
    """Of two fine structures; 0 where one of them is empty."""
    size = float(np.sqrt(np.sum(first**2) * np.sum(second**2)))
    return float(np.sum(first * second)) / size if size > 1e-6 else 0.0


def _fine(image: Floats) -> Floats:
    """What is left of an image after a blur is taken away, evened out where it is strong, about its mean."""
    margin = max(1, round(MARGIN * len(image)))
    even = _evened(image, FINEST, 3, 0.5)
    inner = even[margin:-margin, margin:-margin]
    about: Floats = inner - inner.mean()
    return about


def _blurred(image: Floats, sigma: float) -> Floats:
    """A Gaussian blur, the border going on outwards: two products, a fifth of a filter's time on few pixels."""
    made = _blur(image.shape[0], sigma) @ image @ _blur(image.shape[1], sigma).T
    return made.astype(np.float32, copy=False)


@lru_cache(256)
def _blur(n: int, sigma: float) -> Floats:
    """Weights (n, n) of a blur along an axis."""
    return gaussian_filter1d(np.eye(n), sigma, axis=0, mode="nearest").astype(np.float32)
