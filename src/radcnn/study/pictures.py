"""Pictures of cases for the report: the prepared image as an 8-bit PNG, the middle slice of a volume."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radcnn.core.case import SIDE_NAMES
from radcnn.data.outcome import Pair
from radcnn.data.read import read_source
from radcnn.evaluation.judgement import WorstCase
from radcnn.reports.story import PicturedCase, PicturedPair
from radcnn.study.listener import Listener
from radcnn.study.open_study import OpenStudy
from radcnn.transforms.preparation import Preparation, prepare

SIDE = 224  # pixels of a picture
MOST_PAIRS = 12  # pairs that a report shows


def pictured(
    opened: OpenStudy, worst: Sequence[WorstCase], preparation: Preparation, listener: Listener
) -> tuple[PicturedCase, ...]:
    """The worst cases as the network was given them; cases are called by their number in the study."""
    made = []
    for done, one in enumerate(worst, start=1):
        case = opened.cohort.cases[int(one.case) - 1]
        image = prepare(read_source(case.source), preparation, centre_mm=case.centre_mm)
        sentence = f"asked for {one.question}" if len(opened.cohort.target.names) > 1 else ""
        if opened.cohort.target.kind == "regression":
            sentence = f"error {one.wrongness:.{len(one.truth.partition('.')[2])}f}"
        png = png_of(image)
        made.append(PicturedCase(int(one.case), png, one.truth, one.predicted, one.score, sentence))
        listener.progress("picturing the worst cases", done, len(worst))
    return tuple(made)


def pictured_pairs(
    opened: OpenStudy, pairs: Sequence[Pair], preparation: Preparation, listener: Listener
) -> tuple[PicturedPair, ...]:
    """The first pairs of cases that are alike, as the network is given them."""
    shown = tuple(pairs)[:MOST_PAIRS]
    made = []
    for done, pair in enumerate(shown, start=1):
        first, second = (opened.cohort.cases[row] for row in (pair.first, pair.second))
        first_png, second_png = (
            png_of(prepare(read_source(case.source), preparation, centre_mm=case.centre_mm)) for case in (first, second)
        )
        sides = [SIDE_NAMES[opened.split.sides[row]] for row in (pair.first, pair.second)]
        made.append(PicturedPair(pair.first + 1, sides[0], first_png, pair.second + 1, sides[1], second_png, pair.how))
        listener.progress("picturing pairs", done, len(shown))
    return tuple(made)


def png_of(image: NDArray[np.float32], *, low: float | None = None, high: float | None = None) -> bytes:
    """An 8-bit PNG of a prepared image (C, H, W) or the middle slice of (C, D, H, W).

    low, high  what is black and white; the extremes of the picture where not given
    """
    plane = image[:, image.shape[1] // 2] if image.ndim == 4 else image
    low = float(plane.min()) if low is None else low
    high = float(plane.max()) if high is None else high
    levels = np.round(255 * ((plane - low) / max(high - low, 1e-6)).clip(0, 1)).astype(np.uint8)
    picture = Image.fromarray(np.moveaxis(levels, 0, -1) if len(levels) == 3 else levels[0])
    scale = max(1, SIDE // max(picture.size))
    picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()
