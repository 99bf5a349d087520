"""The pairs of a study, prepared: both images read, or one made of the other at a lower dose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case
from radcnn.core.chance import generator
from radcnn.core.volume import Volume
from radcnn.data.prepared.pairs import prepare_pairs
from radcnn.data.prepared.whole import PreparedWhole
from radcnn.physics.kernels import KERNELS
from radcnn.physics.lower_dose import lower_dose
from radcnn.study.listener import Listener
from radcnn.study.open_study import OpenStudy

KERNEL = "soft"  # how sharp scans are taken to be whose dose is lowered


def pairs_of_study(
    opened: OpenStudy, rows: NDArray[np.intp], listener: Listener, what: str = "pairs", *, dose: float | None = None,
    kernel: str = KERNEL,
) -> PreparedWhole:  # fmt: skip
    """The pairs of these rows, from the study's cache where they are there.

    dose, kernel  at which images are made of their references, instead of the study's
    """
    settings = opened.settings
    share = dose if dose is not None else settings.simulate_dose
    lowered = None
    if share is not None:
        made_so = share

        def lower(reference: Volume, case: Case) -> Volume:
            chance = generator(settings.split_seed, "lower dose", case.own_name, f"{made_so:g}", kernel)
            found = lower_dose(reference, made_so, kernel=KERNELS[kernel], chance=chance).volume
            return found.with_voxels(found.voxels.round())  # scanners store whole HU

        lowered = (f"{share:g} of the dose, {kernel}, seed {settings.split_seed}", lower)
    return prepare_pairs(
        opened.cases(rows), opened.folder.cache, hu=settings.hu, lowered=lowered,
        told=lambda done, of: listener.progress(f"preparing {what}", done, of), said=listener.say,
    )  # fmt: skip
