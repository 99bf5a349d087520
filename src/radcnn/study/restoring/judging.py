"""Judging a study whose target is another image: on the tuning set, or on the sealed test set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Side
from radcnn.core.errors import InputError, Stopped
from radcnn.core.estimate import Estimate
from radcnn.core.volume import Volume
from radcnn.data import ledger
from radcnn.data.prepared.whole import PreparedWhole
from radcnn.data.store import StoredCase
from radcnn.evaluation.restoration import INPUT, JudgedCase, RestorationJudgement, figures_of, judged, tables_of
from radcnn.inference.bundle import verify
from radcnn.inference.restored import restored
from radcnn.inference.restorer import load_restorer
from radcnn.learning.execution import Execution, logits_of
from radcnn.networks.image_network import ImageNetwork
from radcnn.plan.restoration import RestorationPlan
from radcnn.study.folder import RunFolder
from radcnn.study.listener import Listener
from radcnn.study.open_study import OpenStudy
from radcnn.study.restoring.execution import restoring_execution
from radcnn.study.restoring.pairs import KERNEL, pairs_of_study

NETWORK = "network"
OTHER_DOSES = (2.0, 0.5, 0.25)  # times the dose that was learned from
OTHER_KERNEL = "sharp"
MOST_DOSE = 0.9


def judge_restoration(
    folder: RunFolder, opened: OpenStudy, *, open_test: bool, reason: str, listener: Listener
) -> RestorationJudgement:
    """All figures of a run on one side; the opening of the test side is in the ledger before a network sees it.

    Raises InputError where the side has no pair, BundleError when the bundle was changed.
    """
    model = verify(folder.bundle)
    restorer, networks = load_restorer(folder.bundle)
    side: Side = "test" if open_test else "tuning"
    rows = opened.rows(side)
    if not len(rows):
        raise InputError(f"no {side} pair is in {opened.folder.path}, so there is nothing to judge it by")
    pairs = pairs_of_study(opened, rows, listener, f"{side} pairs")  # one that cannot be read must cost no opening
    if open_test:
        count = ledger.open_test(opened.folder.ledger, opened.split, model=model, run=folder.name, reason=reason)
        listener.say(f"the test set was opened (time {count} for this split); this is in the ledger")
    execution = restoring_execution(restorer.restoration)
    placed = [execution.place(network) for network in networks]
    assert all(isinstance(network, ImageNetwork) for network in placed)
    restorers: list[ImageNetwork] = networks
    try:
        cases = judged_cases(pairs, rows, opened, restorers, restorer.restoration, execution, listener, side)
        plan = restorer.restoration
        found = judged(
            cases, side=side, unit=opened.cohort.unit, units=plan.units, windows=plan.windows,
            synthetic=restorer.synthetic, notes=notes_on(opened),
        )  # fmt: skip
        if open_test and opened.settings.simulate_dose is not None:
            found = replace(found, shifts=_shifts(rows, opened, restorers, restorer.restoration, execution, listener))
    except KeyboardInterrupt as stop:
        if open_test:
            raise Stopped("the test set was opened but not judged; the ledger keeps the opening") from stop
        raise
    return found


def judged_cases(
    pairs: PreparedWhole,
    rows: NDArray[np.intp],
    opened: OpenStudy,
    networks: Sequence[ImageNetwork],
    plan: RestorationPlan,
    execution: Execution,
    listener: Listener,
    what: str,
) -> list[JudgedCase]:
    """Figures of each pair; cases are called by their number in the study."""
    found = []
    for done, (row, pair) in enumerate(zip(rows, pairs.cases, strict=True), start=1):
        given, wanted = pair.values()
        made = restored(networks, given, plan, outputs_of=lambda n, x: logits_of(n, x, execution))
        pixel = pixel_mm_of(pair) if plan.units == "HU" else None
        figures = {
            way: figures_of(image, wanted, plan.windows, pixel_mm=pixel)
            for way, image in ((INPUT, given), (NETWORK, made))
        }
        found.append(JudgedCase(str(int(row) + 1), opened.cohort.cases[int(row)].patient, figures))
        listener.progress(f"judging {what} pairs", done, len(rows))
    return found


def pixel_mm_of(pair: StoredCase) -> float | None:
    """Size of square pixels; None where it is unknown or they are not square."""
    if pair.affine is None:
        return None
    spacing = Volume(np.zeros((1, *pair.size), np.uint8), pair.affine).spacing_mm
    assert spacing is not None
    down, across = spacing[-2:]
    return across if abs(down - across) < 1e-3 * across else None


def notes_on(opened: OpenStudy) -> tuple[str, ...]:
    """What a reader must know of the figures."""
    notes = []
    if opened.settings.simulate_dose is not None:
        notes.append(
            f"Images were made of their references at {opened.settings.simulate_dose:g} of the dose, with noise in the "
            "line integrals; a scanner's own low-dose images differ."
        )
    notes.append("References are noisy themselves: part of every error is their noise, which no network can know.")
    return tuple(notes)


def _shifts(
    rows: NDArray[np.intp],
    opened: OpenStudy,
    networks: Sequence[ImageNetwork],
    plan: RestorationPlan,
    execution: Execution,
    listener: Listener,
) -> dict[str, dict[str, dict[str, Estimate]]]:
    """The table for doses and a kernel that the network did not learn from."""
    dose = opened.settings.simulate_dose
    assert dose is not None, "asked for a study whose dose was lowered"
    doses = [factor * dose for factor in OTHER_DOSES if factor * dose <= MOST_DOSE]
    ways = [(f"{100 * share:.3g} % of the dose", share, KERNEL) for share in doses]
    ways.append((f"a {OTHER_KERNEL} kernel's noise at {100 * dose:.3g} % of the dose", dose, OTHER_KERNEL))
    found = {}
    for name, share, kernel in ways:
        pairs = pairs_of_study(opened, rows, listener, name, dose=share, kernel=kernel)
        cases = judged_cases(pairs, rows, opened, networks, plan, execution, listener, name)
        table, _ = tables_of(cases)
        found[name] = {way: dict(row) for way, row in table.items()}
    return found
