"""Maps drawn over images: the image in grey, the map in colours of one scale at one opacity."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radcnn.reports.figures.canvas import Drawn, canvas, drawn

OPACITY = 0.45  # of the colours, everywhere: what is not pointed at is seen through the darkest of them
COLOURS = "inferno"
LONGEST = 448  # pixels of a picture
LEAST = 224


def overlaid(grey: NDArray, found: NDArray[np.float32]) -> bytes:
    """An 8-bit PNG of a plane (H, W), from its darkest to its brightest value, with a map (H, W) of 0..1 over it."""
    from matplotlib import colormaps

    plain = 255 * _stretched(grey)
    colours = 255 * colormaps[COLOURS](np.clip(found, 0, 1))[..., :3]
    mixed = (1 - OPACITY) * plain[..., None] + OPACITY * colours
    return _png(Image.fromarray(np.rint(mixed).astype(np.uint8)))


def plain(grey: NDArray) -> bytes:
    """The plane alone, as a PNG of the same size."""
    return _png(Image.fromarray(np.rint(255 * _stretched(grey)).astype(np.uint8)))


def scale_of_colours(name: str) -> Drawn:
    """The printed scale: what the colours of every overlay mean."""
    from matplotlib import colormaps

    with canvas(4.6, 0.75) as figure:
        axes = figure.add_subplot()
        axes.imshow(np.linspace(0, 1, 256)[None], aspect="auto", cmap=colormaps[COLOURS], extent=(0, 1, 0, 1))
        axes.set_yticks([])
        axes.grid(visible=False)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
        return drawn(
            figure,
            name=name,
            caption="Colours of all maps below: 0, nothing speaks for the class here (or something speaks against it); "
            "1, the place of this image that speaks for it most. Every map is divided by its own largest value, so "
            f"that colours of two images cannot be compared. Drawn over the image at {100 * OPACITY:.0f} % opacity.",
            alt="A scale of colours from black at 0 over red and orange to pale yellow at 1.",
        )


def _stretched(grey: NDArray) -> NDArray[np.float64]:
    """Values 0..1, from the darkest to the brightest."""
    values = np.asarray(grey, dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    return np.asarray((values - low) / max(high - low, 1e-6))


def _png(picture: Image.Image) -> bytes:
    """Enlarged by whole pixels where it is small, shrunk where it is large."""
    times = max(1, LEAST // max(picture.size))
    picture = picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
    picture.thumbnail((LONGEST, LONGEST))
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()
