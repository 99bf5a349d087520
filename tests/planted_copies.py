"""Copies of an image as they creep into data sets: mirrored, cropped, compressed again, with other grey values."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from radcnn.core.case import Case, Source
from radcnn.core.target import Target
from radcnn.data.cohort import Cohort

Bytes = NDArray[np.uint8]
Chance = np.random.Generator


def radiograph(seed: int, *, side: int = 96, chest: float = 1.0) -> Bytes:
    """Something like a chest radiograph: two dark lungs and ribs that all have, and structure that is one's own."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : side * 1j, 0 : 1 : side * 1j]
    jitter = chance.normal(0, 0.02, 8)
    body = 1 / (1 + np.exp((np.abs(x - 0.5 - jitter[0]) - 0.42 - jitter[1]) * 40))
    lungs = sum(
        np.exp(-((((x - cx) / 0.14) ** 2 + ((y - 0.45 - jitter[2]) / 0.3) ** 2) ** 2))
        for cx in (0.3 + jitter[3], 0.7 + jitter[4])
    )
    ribs = np.sin(2 * np.pi * (11 + 6 * jitter[5]) * (y + 0.25 * (x - 0.5) ** 2) + 20 * jitter[6])
    own = sum(gaussian_filter(chance.normal(size=(side, side)), s * side / 96) * s * w for s, w in ((1.5, 0.5), (4, 1)))
    image = body * (0.75 - chest * (0.45 * lungs - 0.05 * ribs * lungs)) + 0.05 * own * body
    image += chance.normal(0, 0.005, image.shape)
    low, high = np.percentile(image, (0.5, 99.5))
    return np.clip(np.round(255 * (image - low) / (high - low)), 0, 255).astype(np.uint8)


def jpeg(image: Bytes, quality: int) -> Bytes:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(file, "JPEG", quality=quality)
    with Image.open(file) as opened:
        return np.asarray(opened)


def resized(image: Bytes, height: int, width: int) -> Bytes:
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize((width, height), Image.Resampling.BICUBIC))


def cropped(image: Bytes, top: float, bottom: float, left: float, right: float) -> Bytes:
    height, width = image.shape
    return image[
        round(top * height) : height - round(bottom * height),
        round(left * width) : width - round(right * width),
    ]


def one_side(image: Bytes, chance: Chance) -> Bytes:
    return cropped(image, *np.roll([0.1, 0, 0, 0], chance.integers(4)))


def gain(image: Bytes, factor: float) -> Bytes:
    values = image.astype(np.float64)
    return np.clip(np.round((values - values.mean()) * factor + values.mean()), 0, 255).astype(np.uint8)


def gamma(image: Bytes, power: float) -> Bytes:
    return np.round(255 * (image / 255) ** power).astype(np.uint8)


def window(image: Bytes, low: float, high: float) -> Bytes:
    a, b = np.percentile(image, (low, high))
    return np.clip(np.round(255 * (image - a) / max(b - a, 1)), 0, 255).astype(np.uint8)


COPIES: dict[str, Callable[[Bytes, Chance], Bytes]] = {
    "other container": lambda a, c: a,
    "left to right": lambda a, c: a[:, ::-1],
    "top to bottom": lambda a, c: a[::-1],
    "180 degrees": lambda a, c: a[::-1, ::-1],
    "90 degrees": lambda a, c: np.rot90(a),
    "diagonal": lambda a, c: a.T,
    "JPEG 30": lambda a, c: jpeg(a, 30),
    "JPEG 60": lambda a, c: jpeg(a, 60),
    "10 % off one side": one_side,
    "10 % off one side, resized": lambda a, c: resized(one_side(a, c), *a.shape),
    "10 % off all sides": lambda a, c: cropped(a, 0.1, 0.1, 0.1, 0.1),
    "10 % off all sides, resized": lambda a, c: resized(cropped(a, 0.1, 0.1, 0.1, 0.1), *a.shape),
    "0 to 10 % off": lambda a, c: cropped(a, *c.uniform(0, 0.1, 4)),
    "0 to 10 % off, resized": lambda a, c: resized(cropped(a, *c.uniform(0, 0.1, 4)), *a.shape),
    "half the contrast": lambda a, c: gain(a, 0.5),
    "1.5 times the contrast": lambda a, c: gain(a, 1.5),
    "gamma 0.5": lambda a, c: gamma(a, 0.5),
    "gamma 2": lambda a, c: gamma(a, 2),
    "window 10 to 90 %": lambda a, c: window(a, 10, 90),
    "window 25 to 90 %": lambda a, c: window(a, 25, 90),
    "inverted": lambda a, c: 255 - a,
    "half the size": lambda a, c: resized(a, a.shape[0] // 2, a.shape[1] // 2),
    "twice the size": lambda a, c: resized(a, 2 * a.shape[0], 2 * a.shape[1]),
    "three quarters as wide": lambda a, c: resized(a, a.shape[0], 3 * a.shape[1] // 4),
}


def saved(folder: Path, images: list[NDArray], *, patients: list[str] | None = None) -> Cohort:
    """A cohort of PNG files, one patient each unless said otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = []
    for k, image in enumerate(images):
        path = folder / f"{k}.png"
        Image.fromarray(np.ascontiguousarray(image)).save(path, compress_level=1)
        cases.append(
            Case(
                f"c{k}",
                patients[k] if patients else f"p{k}",
                Source(path),
                (float(k % 2),),
            )
        )
    return Cohort(tuple(cases), Target("binary", ("y",), ("no", "yes")), "patient", 2)
