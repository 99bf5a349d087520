"""Contradictions among labels: what chance explains is left alone, what it does not is named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from radcnn.core.case import Case, Source, Unit
from radcnn.core.chance import generator
from radcnn.core.target import Target
from radcnn.data.cohort import Cohort
from radcnn.data.contradictions import attribute_findings, patient_findings, site_findings, unsteady
from radcnn.data.findings import Finding
from radcnn.data.outcome import NotApplicable, Verdict

BINARY = Target("binary", ("malignant",), ("no", "yes"))


def cohort(
    labels: Sequence[float],
    *,
    sites: Sequence[str | None] | None = None,
    patients: Sequence[str] | None = None,
    sexes: Sequence[str] | None = None,
    target: Target = BINARY,
    unit: Unit = "patient",
) -> Cohort:
    """Cases with these labels; every case is of a patient of its own where nothing else is said."""
    cases = tuple(
        Case(
            f"c{i}",
            patients[i] if patients else f"p{i}",
            Source(Path(f"{i}.png")),
            (label,),
            site=sites[i] if sites else None,
            attributes={"sex": sexes[i]} if sexes else {},
        )
        for i, label in enumerate(labels)
    )
    return Cohort(cases, target, unit, 2)


def codes(verdict: Verdict) -> list[str]:
    assert not isinstance(verdict, NotApplicable), verdict
    assert isinstance(verdict, Sequence)
    return [found.code for found in verdict]


def only(verdict: Verdict) -> Finding:
    assert isinstance(verdict, Sequence)
    (found,) = verdict
    return found


def because(verdict: Verdict) -> str:
    assert isinstance(verdict, NotApplicable)
    return verdict.because


def test_a_site_that_tells_the_target_is_an_error() -> None:
    found = only(site_findings(cohort([0] * 12 + [1] * 12, sites=["north"] * 12 + ["south"] * 12)))
    assert (found.code, found.severity, found.subject) == ("RC055", "error", "labels")
    assert "each of 2 sites" in found.sentence


def test_a_site_of_one_class_among_others_is_named_with_its_patients() -> None:
    found = only(
        site_findings(cohort([0, 1] * 15 + [0] * 20, sites=["north"] * 30 + ["screening"] * 20)),
    )
    assert found.code == "RC056"
    assert "'no' for all 20 at 'screening'" in found.sentence


def test_a_class_at_one_site_only_is_named() -> None:
    labels = [0, 1] * 20 + [0, 1, 2, 2] * 10
    grades = Target("multiclass", ("grade",), ("low", "middle", "high"))
    found = only(site_findings(cohort(labels, sites=["north"] * 40 + ["south"] * 40, target=grades)))
    assert found.code == "RC057"
    assert "'grade' 'high' occurs at one of 2 sites only (20 patients, 'south')" in found.sentence


def test_small_sites_of_one_class_are_chance() -> None:
    assert codes(site_findings(cohort([0, 1] * 10 + [1, 1, 1], sites=["north"] * 20 + ["south"] * 3))) == []
    assert codes(site_findings(cohort([0, 1], sites=["north", "south"]))) == []


def test_labels_that_know_nothing_of_sites_are_hardly_ever_blamed() -> None:
    blamed = 0
    for seed in range(200):
        dice = generator(seed, "sites")
        labels = (dice.random(60) < 0.2).astype(float)
        blamed += bool(codes(site_findings(cohort(labels, sites=[f"s{n}" for n in dice.integers(0, 6, 60)]))))
    assert blamed <= 4, "less than once in a hundred studies, but for chance"


def test_what_no_site_can_tell_does_not_apply() -> None:
    assert "--site" in because(site_findings(cohort([0, 1])))
    assert because(site_findings(cohort([0, 1], sites=["a", "a"]))) == "there is one site only"
    ages = Target("regression", ("age",))
    assert "value" in because(site_findings(cohort([0.5, 1], sites=["a", "b"], target=ages)))


def two_each(patients: int, exceptions: int, prevalence: float = 0.5) -> tuple[list[float], list[str]]:
    """Two cases of every patient, alike but for the last `exceptions` patients."""
    labels, who = [], []
    for i in range(patients):
        first = float(i < prevalence * patients)
        second = 1 - first if i >= patients - exceptions else first
        labels += [first, second]
        who += [f"p{i}"] * 2
    return labels, who


def test_a_patient_of_two_classes_among_steady_patients_is_named_by_cases() -> None:
    labels, patients = two_each(40, 1)
    found = only(patient_findings(cohort(labels, patients=patients)))
    assert (found.code, found.severity) == ("RC058", "warning")
    assert "1 patient of 40 with several cases changes in 'malignant'" in found.sentence
    assert "cases 79, 80" in found.sentence
    assert "p39" not in str(found)


@pytest.mark.parametrize(("patients", "exceptions"), [(40, 0), (40, 8), (10, 1)])
def test_steady_patients_ordinary_change_and_few_patients_say_nothing(patients: int, exceptions: int) -> None:
    labels, who = two_each(patients, exceptions)
    assert codes(patient_findings(cohort(labels, patients=who))) == []


def test_a_rare_class_of_lesions_is_no_rule_that_patients_keep() -> None:
    dice = generator(3, "lesions")
    labels = (dice.random(200) < 0.02).astype(float)  # lesions of 100 patients, independent of one another
    assert unsteady(np.split(labels, 100)) == []


def test_unlabelled_cases_are_no_other_class() -> None:
    labels, patients = two_each(40, 0)
    labels[1] = np.nan
    assert codes(patient_findings(cohort(labels, patients=patients))) == []


def test_a_patient_of_two_sexes_is_named_and_a_column_that_changes_is_not() -> None:
    labels, patients = two_each(30, 0)
    sexes = ["FM"[i // 2 % 2] for i in range(60)]
    sexes[7] = "F"
    found = only(attribute_findings(cohort(labels, patients=patients, sexes=sexes)))
    assert found.code == "RC059"
    assert "column 'sex'" in found.sentence
    assert "cases 7, 8" in found.sentence
    scanners = ["AB"[i % 2] for i in range(60)]
    assert codes(attribute_findings(cohort(labels, patients=patients, sexes=scanners))) == []


def test_a_measure_or_a_date_is_no_category() -> None:
    labels, patients = two_each(40, 0)
    dates = [f"2020-{i // 2:03d}" for i in range(80)]
    dates[3] = "2021"
    assert codes(attribute_findings(cohort(labels, patients=patients, sexes=dates))) == []


def test_patients_of_one_case_have_nothing_to_contradict() -> None:
    assert because(patient_findings(cohort([0, 1]))) == "no patient has several cases"
    assert because(patient_findings(cohort([0, 1], unit="image"))) == "every image counts as a patient"
    assert "--subgroup" in because(attribute_findings(cohort([0, 1])))
