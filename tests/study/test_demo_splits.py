"""The demo's simulated patients can be split whatever the seed, which is known before a minute is spent on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli_in_process import spoken, told
from radcnn.core.case import Case, Source
from radcnn.core.target import Target
from radcnn.data.cohort import Cohort
from radcnn.data.splits import split
from radcnn.physics.phantoms.study import plan_patients

FEWEST = 24  # patients; as the command line asks


def planned(patients: int, seed: int) -> Cohort:
    """The cohort of a simulated study, from its plan alone."""
    cases = [
        Case(f"{plan.patient}-{i}", plan.patient, Source(Path("x")), (float(malignant),), site=plan.site.name)
        for plan in plan_patients(patients, seed)
        for i, malignant in enumerate(plan.malignant)
    ]
    return Cohort(tuple(cases), Target("binary", ("malignant",), ("0", "1")), "patient", 3)


@pytest.mark.parametrize("patients", [FEWEST, 64])
def test_simulated_patients_can_be_split(patients: int) -> None:
    for seed in range(30):
        cohort = planned(patients, seed)
        found = split(cohort, seed=0, identical=())
        for side in ("tuning", "test"):
            assert {cohort.cases[i].targets for i in found.of(side)} == {(0.0,), (1.0,)}


def test_the_command_line_asks_for_no_fewer() -> None:
    assert f"x>={FEWEST}" in told("demo", "--help").out
    assert spoken("demo", "--patients", str(FEWEST - 1)).code == 2
