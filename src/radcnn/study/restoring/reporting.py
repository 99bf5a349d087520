"""The page of a restoration's run: the worst cases pictured, the noise looked at, everything told."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radcnn.core.files import write_text
from radcnn.data.store import StoredCase
from radcnn.evaluation.restoration import INPUT, RestorationJudgement, tissue_squares
from radcnn.inference.bundle import write_model_card
from radcnn.inference.restored import restored
from radcnn.inference.restorer import load_restorer
from radcnn.learning.execution import logits_of
from radcnn.metrics.texture import FrequencyCurve, noise_power_spectrum
from radcnn.networks.image_network import ImageNetwork
from radcnn.plan.restoration import RestorationPlan, Window
from radcnn.plan.stored import load_restoration_plan
from radcnn.reports.fragment import Fragment
from radcnn.reports.model_card import restoration_card
from radcnn.reports.restoration import Compared, RestorationStory, render_restoration
from radcnn.study.folder import RunFolder
from radcnn.study.listener import Listener
from radcnn.study.open_study import OpenStudy
from radcnn.study.restoring.execution import restoring_execution
from radcnn.study.restoring.judging import NETWORK, pixel_mm_of
from radcnn.study.restoring.pairs import pairs_of_study
from radcnn.study.telling_images import told_of_images

WORST = 3  # cases that are pictured, beside the one in the middle
TENTH = 10  # a difference is shown over a tenth of the window to both sides


def report_restoration(
    folder: RunFolder,
    opened: OpenStudy,
    judged: RestorationJudgement,
    listener: Listener,
    *,
    stress: tuple[Fragment, ...] = (),
) -> Path:
    """Write report.html and the model card of the bundle; returns the page's path.

    stress  what stress tests of this model came to
    """
    plan = load_restoration_plan(folder.plan)
    compared, spectra = _compared(folder, opened, judged, listener)
    told = RestorationStory(
        title=f"restoration: {opened.settings.data.stem}",
        task=_question(opened),
        judged=judged,
        compared=compared,
        spectra=spectra,
        synthetic=judged.synthetic,
        stress=stress,
        **told_of_images(folder, opened, plan, side=judged.side, noun="pair", limits=RESTORED_LIMITS),
    )
    write_text(folder.report, render_restoration(told))
    words = "radcnn predict BUNDLE IMAGE_OR_FOLDER --out FOLDER"
    write_model_card(folder.bundle, restoration_card(told, predict=(words,)))
    return folder.report


RESTORED_LIMITS = (
    "A network may smooth away a lesion, or draw one: look at the input beside every restored image.",
    "Figures of nearness say little about what a reader can find; a task-based study with readers must.",
)


def _question(opened: OpenStudy) -> str:
    if opened.settings.simulate_dose is not None:
        return f"full-dose CT from {100 * opened.settings.simulate_dose:g} % of the dose"
    assert opened.settings.reference is not None, "a restoration has one or the other"
    return f"images of {opened.settings.reference.name} from images of {opened.settings.data.name}"


def _compared(
    folder: RunFolder, opened: OpenStudy, judged: RestorationJudgement, listener: Listener
) -> tuple[tuple[Compared, ...], Mapping[str, FrequencyCurve]]:
    """Pictures of the worst cases and the one in the middle, and the noise of all that are pictured by frequency."""
    restorer, networks = load_restorer(folder.bundle)
    plan, execution = restorer.restoration, restoring_execution(restorer.restoration)
    for network in networks:
        execution.place(network)
    ordered = sorted(judged.cases, key=lambda case: -case.figures[NETWORK]["RMSE"])
    chosen = [ordered[k] for k in sorted({*range(min(WORST, len(ordered))), len(ordered) // 2})]
    rows = np.array([int(case.case) - 1 for case in chosen])
    pairs = pairs_of_study(opened, rows, listener)
    made: list[Compared] = []
    tiles: dict[str, list[NDArray]] = {INPUT: [], NETWORK: []}
    for done, (case, pair) in enumerate(zip(chosen, pairs.cases, strict=True), start=1):
        given, wanted, k = _around(pair, plan, networks, lambda n, x: logits_of(n, x, execution))
        for way, image in given.items():
            tiles[way] += tissue_squares(image - wanted, wanted)
        figures = case.figures[NETWORK]
        for window in plan.windows:
            sentence = f"RMSE {case.figures[INPUT]['RMSE']:.3g} {judged.units} before, {figures['RMSE']:.3g} after" + (
                f"; slice {k + 1} of {pair.size[0]}" if len(pair.size) == 3 else ""
            )
            made.append(_pictured(int(case.case), window, f"{sentence}.", given, wanted, pixel_mm_of(pair)))
        listener.progress("picturing cases", done, len(chosen))
    pixel = pixel_mm_of(pairs.cases[0])
    spectra = {
        way: noise_power_spectrum(np.array(found), pixel) for way, found in tiles.items() if found and pixel is not None
    }
    return tuple(made), spectra if plan.units == "HU" else {}


def _around(
    pair: StoredCase, plan: RestorationPlan, networks: Sequence[ImageNetwork], outputs_of: object
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32], int]:
    """The middle slice of a pair: by way, the reference, and which slice it is."""
    values = pair.values()
    if values.ndim == 3:
        values = values[:, None]
    k = values.shape[1] // 2
    beside = plan.neighbours if plan.dims == 2 else values.shape[1]
    first, last = max(0, k - beside), min(values.shape[1], k + beside + 1)
    made = restored(networks, values[0, first:last], plan, outputs_of=outputs_of)  # type: ignore[arg-type]
    return {INPUT: values[0, k], NETWORK: made[k - first]}, values[1, k], k


def _pictured(
    number: int,
    window: Window,
    sentence: str,
    given: Mapping[str, NDArray[np.float32]],
    wanted: NDArray[np.float32],
    pixel_mm: float | None,
) -> Compared:
    row = len(wanted) // 2
    profiles = {**{way: image[row].tolist() for way, image in given.items()}, "reference": wanted[row].tolist()}
    tenth = window.width / TENTH
    return Compared(
        number,
        window.name,
        sentence,
        _png(given[INPUT], window.low, window.high),
        _png(given[NETWORK], window.low, window.high),
        _png(wanted, window.low, window.high),
        _png(given[NETWORK] - wanted, -tenth, tenth),
        profiles,
        pixel_mm,
    )


def _png(image: NDArray[np.float32], low: float, high: float) -> bytes:
    levels = np.round(255 * np.clip((image - low) / (high - low), 0, 1)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG", optimize=True)
    return file.getvalue()
