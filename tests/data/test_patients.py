"""Patients become pseudonyms, and nobody is guessed to be somebody else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radcnn.core.errors import InputError, SettingsError
from radcnn.data.patients import compiled, patients_from_dicom, patients_from_names, pseudonym


@given(st.text(), st.text())
def test_a_pseudonym_is_p_and_ten_hexadecimal_digits(identifier: str, salt: str) -> None:
    assert re.fullmatch(r"p[0-9a-f]{10}", pseudonym(identifier, salt))


def test_a_pseudonym_depends_on_patient_and_salt() -> None:
    made = {pseudonym(who, salt) for who in ("a", "b") for salt in ("1", "2")}
    assert len(made) == 4


def test_the_whole_match_names_the_patient() -> None:
    patients, findings = patients_from_names(["P/person1_a.png", "N/person12_b.png", "P/person1_c.png"], r"person\d+")
    assert patients == ("person1", "person12", "person1")
    assert findings == ()


def test_groups_of_a_pattern_name_the_patient_where_there_are_some() -> None:
    names = ["a/S1_007_left.png", "a/S2_007_left.png", "a/S1_007_right.png"]
    patients, _ = patients_from_names(names, r"(S\d)_(\d+)")
    assert patients[0] == patients[2] != patients[1]


def test_names_that_do_not_match_are_patients_of_their_own_and_counted() -> None:
    patients, (found,) = patients_from_names(["person1_a.png", "IM-1.png", "x/IM-1.png", "person1_b.png"], r"person\d+")
    assert len(set(patients)) == 3
    assert found.code == "RC004"
    assert found.sentence == (r"2 of 4 file names do not match 'person\d+'; each counts as a patient of its own")
    assert "extend the pattern" in found.way_out


def test_a_folder_per_patient_is_found_where_no_file_name_matches() -> None:
    patients, (found,) = patients_from_names(["P/pat7/1.png", "P/pat7/2.png", "N/pat9/1.png"], r"pat\d+")
    assert patients == ("pat7", "pat7", "pat9")
    assert found.code == "RC005"


def test_a_pattern_that_matches_nothing_is_refused() -> None:
    with pytest.raises(InputError, match=r"matches none of 2 file names.*--unit image"):
        patients_from_names(["a.png", "b.png"], r"person\d+")


@pytest.mark.parametrize("pattern", ["", "(", "x" * 201, "(a+)+b", "[", "(?P<1>a)"])
def test_an_impossible_pattern_is_refused_with_a_sentence(pattern: str) -> None:
    with pytest.raises(SettingsError, match="pattern"):
        compiled(pattern)


def test_a_dicom_case_without_patient_is_refused() -> None:
    with pytest.raises(InputError, match=r"1 of 3 DICOM cases have no PatientID.*--patient"):
        patients_from_dicom(["A", " ", "B"])


def test_patients_are_read_from_dicom() -> None:
    patients, (found,) = patients_from_dicom("AAB")
    assert patients == ("A", "A", "B")
    assert found.sentence.endswith("2 in 3 cases")
