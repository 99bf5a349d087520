"""Attacks on networks that restore images: their error against budget, and whether an attack hides a lesion.

Images are changed in their own unit and on their own grid. Of volumes a part in the middle is taken, as an image of its
own: a step looks at all of it.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from radcnn.inference.bundle import verify
from radcnn.inference.restorer import load_restorer
from radcnn.robustness.dense import DenseAttacked
from radcnn.study.restoring.execution import restoring_execution
from radcnn.study.restoring.judging import notes_on
from radcnn.study.restoring.pairs import pairs_of_study
from radcnn.study.stressing.dense import along_cases, noises_of, settled
from radcnn.study.stressing.hiding import common_lesion, hidden_lesions, lesion_words
from radcnn.study.stressing.image_pictures import Pictures, draw_restored
from radcnn.study.stressing.image_request import Request, unit_words
from radcnn.study.stressing.restored_case import MAIN, Restoring

MOST_SLICES = {2: 8, 3: 32}  # of a volume that are attacked, by the axes that the network looks along
MOST_SIDE = 128  # voxels along rows and columns, of a network that looks at volumes
MIDDLE = "Of volumes the part in the middle was attacked and judged as an image of its own: {} slices at most."


def restoration_attacks(request: Request) -> DenseAttacked:
    """Attacks on what a run makes of some pairs of one side, by their references.

    The opening of the test side is in the ledger before a network sees it.
    """
    asked, opened = request.asked, request.opened
    model = verify(request.folder.bundle)
    restorer, networks = load_restorer(request.folder.bundle)
    plan = restorer.restoration
    chosen = request.chosen(opened.rows(request.side))
    stored = pairs_of_study(opened, chosen.rows, request.listener, f"{request.side} pairs").cases
    pairs = [middle(pair.values(), plan.dims) for pair in stored]
    noises = noises_of((pair[0] for pair in pairs), asked)
    request.record(model)
    restoring_execution(plan)  # as many cores as there are
    settled(networks)
    works = [Restoring(networks, plan, *pair) for pair in pairs]
    named = [(int(row) + 1, opened.cohort.cases[int(row)].patient) for row in chosen.rows]
    trials = [partial(work.trial, *who, float(n)) for work, who, n in zip(works, named, noises, strict=True)]
    unit = unit_words(plan.units)
    window = (plan.windows[-1].low, plan.windows[-1].high) if plan.windows else None
    drawing = draw_restored(MAIN, unit, window)
    pictures = Pictures(MAIN, True, drawing, f"attacks-{request.side}", request.place)
    table = along_cases(trials, asked, request.listener, kept=pictures.keep)
    lesion = common_lesion(plan, unit, stored, noises)
    hidden = hidden_lesions(works, table.tries, lesion, asked, request.listener)
    volumes = (MIDDLE.format(MOST_SLICES[plan.dims]),) if any(pair.ndim == 4 for pair in pairs) else ()
    return request.result(
        "restored", table.tries, table.curves(asked, main=MAIN, share=2.0), units=plan.units, failed=0, main=MAIN,
        axis=f"{MAIN} in {unit}", hidden=hidden, lesion=lesion_words(lesion, asked),
        pictures=pictures.written(request.largest(unit)),
        notes=(*chosen.notes, *volumes, *request.notes(), *notes_on(opened)),
    )  # fmt: skip


def middle(pair: NDArray[np.float32], dims: int) -> NDArray[np.float32]:
    """The part in the middle of a pair (2, [slices,] rows, columns) that is attacked; images of one slice stay."""
    if pair.ndim == 3:
        return pair
    most = (MOST_SLICES[dims], *((MOST_SIDE,) * 2 if dims == 3 else pair.shape[2:]))
    starts = [max(0, (n - some) // 2) for n, some in zip(pair.shape[1:], most, strict=True)]
    part = pair[(slice(None), *(slice(start, start + some) for start, some in zip(starts, most, strict=True)))]
    return np.ascontiguousarray(part)
