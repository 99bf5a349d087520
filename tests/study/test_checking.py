"""`check`: an outcome of every check, kept with the study until its data change, and what a run would cost."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pytest

import radcnn
from cli_in_process import torch_threads
from radcnn.cli.texts import checked_text
from radcnn.core.errors import FindingsError, InputError, StorageError
from radcnn.data.findings import Finding, finding
from radcnn.data.outcome import NotApplicable, Outcome, Pair, Pairs
from radcnn.learning.execution import available_memory
from radcnn.plan.resources import Resources
from radcnn.study.checking import Checked, check
from radcnn.study.checks import CHECKS, CHECKS_OF_A_RUN, Planned, outcomes, pairs_of_copies
from radcnn.study.clearance import planned, predicted_cost
from radcnn.study.folder import StudyFolder
from radcnn.study.found import key_of, known_outcomes, read_outcomes
from radcnn.study.listener import SILENCE
from radcnn.study.muting import refuse_standing
from radcnn.study.open_study import open_study
from written_studies import blob, class_folders, rows_of_images, save_png, write_csv, write_npz

QUICK = {
    "network": "chain",
    "resamples": 100,
    "training": {"epochs": 1, "folds": 0, "members": 1, "precision": "float32"},
}
LEAK = finding("identical images on test and another side", "1 group lies on two sides", "take it off one side")
NEEDED = Resources(1.0, 400 << 20, 0, 1 << 20, 1 << 20, 0)


def made_of_table(folder: Path, **options: object) -> Path:
    """A study of images in a table with a site."""
    table = write_csv(folder / "labels.csv", rows_of_images(folder / "images"))
    columns = {"labels": table, "patient": "patient_id", "target": "malignant", "site": "hospital"}
    return radcnn.new(folder / "images", out=folder / "study", **{**columns, **QUICK, **options})


def by_name(found: Sequence[Outcome]) -> dict[str, Outcome]:
    return {one.check: one for one in found}


def test_every_check_has_an_outcome_and_what_does_not_apply_says_why(tmp_path: Path) -> None:
    checked = check(made_of_table(tmp_path))
    assert [one.check for one in checked.outcomes] == [*CHECKS, *CHECKS_OF_A_RUN]
    words = {name: one.word for name, one in by_name(checked.outcomes).items()}
    assert words["exact copies"] == words["target within sites"] == words["disk"] == "passed"
    assert words["forms of images"] == words["labels"] == "findings"
    assert words["units"] == "not applicable"
    assert all(one.because for one in checked.outcomes if one.word == "not applicable")
    assert checked.errors == ()


def test_findings_come_first_then_one_line_of_what_passed_and_does_not_apply(tmp_path: Path) -> None:
    lines = checked_text(check(made_of_table(tmp_path))).splitlines()
    assert lines[0].startswith("RC")
    assert lines[-1].startswith("a run will take about ")
    assert lines[-2].startswith("passed: split, patients, exact copies")
    assert "; not applicable: " in lines[-2]
    assert "units (no image is in HU)" in lines[-2]


def test_the_most_serious_comes_first_and_what_is_muted_says_so() -> None:
    info, warning = finding("positive class", "yes is positive"), finding("blank images", "1 image is blank")
    found = (Outcome("labels", (info,)), Outcome("blank images", (warning,)), Outcome("copies", (LEAK,)))
    checked = Checked(found, {"RC023": "a published split", "RC055": ""}, NEEDED)
    assert [one.code for one in checked.findings] == ["RC023", "RC074", "RC008"]
    assert checked.errors == ()
    text = checked_text(checked)
    assert text.startswith(f"{LEAK} [muted: a published split]\n")
    assert "muted but not found: RC055" in text
    assert replace(checked, mute={}).errors == (LEAK,)
    plain = replace(checked, mute={}).as_json()
    assert plain["errors"] == ["RC023"]
    assert plain["findings"][0]["page"] == "docs/checks.md#rc023"


def test_outcomes_are_the_same_after_json() -> None:
    found = (
        Outcome.of("copies", Pairs((LEAK,), (Pair(3, 7, "the same file"),))),
        Outcome.of("units", NotApplicable("no image is in HU")),
        Outcome.of("disk", ()),
    )
    assert tuple(Outcome.from_json(json.loads(json.dumps(one.as_json()))) for one in found) == found
    assert [one.word for one in found] == ["findings", "not applicable", "passed"]


def test_what_was_found_is_kept_until_the_data_change(tmp_path: Path) -> None:
    study = StudyFolder(made_of_table(tmp_path))
    check(study.path)
    opened = open_study(study)
    kept = read_outcomes(study.findings, key_of(opened))
    assert kept is not None
    with patch("radcnn.study.found.survey", side_effect=AssertionError("looked at again")):
        assert known_outcomes(opened, SILENCE) == kept
    image = next(opened.cohort.cases[3].source.path for _ in "x")
    os.utime(image, ns=(1, 1))
    assert read_outcomes(study.findings, key_of(opened)) is None
    assert read_outcomes(study.findings) == kept
    assert known_outcomes(opened, SILENCE) == kept, "the same images"


def test_another_label_is_other_data(tmp_path: Path) -> None:
    study = StudyFolder(made_of_table(tmp_path))
    first = key_of(open_study(study))
    rows = rows_of_images(tmp_path / "again")
    rows[0]["malignant"] = 1 - rows[0]["malignant"]
    write_csv(tmp_path / "labels.csv", rows)
    assert key_of(open_study(study)) != first


def test_training_looks_at_the_data_once(tmp_path: Path) -> None:
    study = made_of_table(tmp_path)
    with torch_threads(1):
        first = radcnn.train(study)
        with patch("radcnn.study.found.survey", side_effect=AssertionError("looked at again")):
            second = radcnn.train(study)
    for run in (first, second):
        assert read_outcomes(run / "findings.json") == read_outcomes(first / "findings.json")
        assert json.loads((run / "run.json").read_text())["muted"] == {}


def test_a_damaged_image_is_named_by_its_case(tmp_path: Path) -> None:
    study = made_of_table(tmp_path)
    damaged = tmp_path / "images" / "scan030.png"
    damaged.write_bytes(damaged.read_bytes()[:60])
    with pytest.raises(InputError, match=r"^case 7 \(scan030\.png\): "):
        check(study)


def test_copies_are_shown_in_pairs_those_on_two_sides_first(tmp_path: Path) -> None:
    assert pairs_of_copies([(0, 1), (2, 3, 4)], ("training", "training", "training", "training", "test")) == (
        Pair(2, 4, "the same file"),
        Pair(0, 1, "the same file"),
    )
    data = class_folders(tmp_path / "chest")
    (data / "sick" / "person199_0.png").write_bytes((data / "sick" / "person100_0.png").read_bytes())
    study = radcnn.new(data, out=tmp_path / "study", patient_from=r"person\d+", **QUICK)
    found = by_name(check(study).outcomes)["exact copies"]
    assert [one.code for one in found.findings] == ["RC013"]
    assert len(found.pairs) == 1


def a_plan(folder: Path, **changes: object) -> Planned:
    folder.mkdir(exist_ok=True)
    study = radcnn.new(write_npz(folder / "set.npz"), out=folder / "study", **QUICK)
    opened = open_study(StudyFolder(study))
    plan = opened.propose()
    made = planned(opened, plan, opened.settings, predicted_cost(opened, plan))
    return replace(made, **changes)  # type: ignore[arg-type]


def codes(found: Sequence[Outcome]) -> list[str]:
    return [one.code for outcome in found for one in outcome.findings]


def test_a_run_that_fits_costs_no_finding(tmp_path: Path) -> None:
    made = a_plan(tmp_path)
    assert codes(outcomes(CHECKS_OF_A_RUN, made)) == []
    assert 300 < made.needed.memory_bytes / 2**20 < 1000
    assert made.needed.disk_bytes < 16 << 20


def test_too_little_disk_or_memory_is_an_error_and_too_few_minutes_are_a_warning(tmp_path: Path) -> None:
    found = outcomes(CHECKS_OF_A_RUN, a_plan(tmp_path, free_disk=1000, free_memory=1 << 20, minutes=0.01))
    assert codes(found) == ["RC080", "RC081", "RC082"]
    assert [one.severity for outcome in found for one in outcome.findings] == ["error", "error", "warning"]
    nobody_says = a_plan(tmp_path / "again", free_memory=None)
    assert codes(outcomes(CHECKS_OF_A_RUN, nobody_says)) == []


def test_mapped_cases_need_no_free_memory(tmp_path: Path) -> None:
    made = a_plan(tmp_path)
    tight = replace(made, free_memory=made.needed.memory_bytes - made.needed.mapped_bytes)
    assert codes(outcomes(CHECKS_OF_A_RUN, tight)) == []


def test_what_is_prepared_already_needs_no_more_disk(tmp_path: Path) -> None:
    study = radcnn.new(write_npz(tmp_path / "set.npz"), out=tmp_path / "study", **QUICK)
    opened = open_study(StudyFolder(study))
    plan = opened.propose()
    before = predicted_cost(opened, plan)
    check(study)
    after = predicted_cost(opened, plan)
    assert before.ready_bytes == 0
    assert after.ready_bytes == after.prepared_bytes
    assert before.prepared_bytes / 2 < after.prepared_bytes <= before.prepared_bytes


def test_on_a_full_disk_check_prepares_nothing_and_says_why(tmp_path: Path) -> None:
    study = radcnn.new(write_npz(tmp_path / "set.npz"), out=tmp_path / "study", **QUICK)
    with patch("radcnn.study.clearance.shutil.disk_usage", return_value=SimpleNamespace(free=1000)):
        checked = check(study)
        assert [one.code for one in checked.errors] == ["RC080"]
        assert not (study / "cache").exists()
        with pytest.raises(StorageError, match="free some space"):
            check(study, mute="RC080")


def test_free_memory_is_what_machine_and_control_group_leave() -> None:
    found = available_memory()
    assert found is None or 0 < found < 1 << 46


def test_errors_stand_in_the_way_until_every_one_is_muted() -> None:
    blank = Finding("RC071", "error", "1 image is not in HU")
    found = (Outcome("copies", (LEAK,)), Outcome("units", (blank,)))
    with pytest.raises(FindingsError, match=r"^2 findings stand .*--mute RC023 --mute RC071$") as caught:
        refuse_standing(found, {}, Path("my study"))
    assert "radcnn check 'my study'" in str(caught.value)
    with pytest.raises(FindingsError, match=r"^a finding stands .*RC071: 1 image is not in HU"):
        refuse_standing(found, {"RC023": ""}, Path("study"))
    refuse_standing(found, {"RC023": "", "RC071": "known"}, Path("study"))
    no_disk = (Outcome("disk", (finding("not enough disk", "training needs 4 MiB", "free some space"),)),)
    with pytest.raises(InputError) as plain:
        refuse_standing(no_disk, {}, Path("study"))
    assert not isinstance(plain.value, FindingsError)


def test_the_duplicates_of_pneumoniamnist_are_found_and_named(real_data: Path, tmp_path: Path) -> None:
    study = radcnn.new(real_data / "medmnist" / "pneumoniamnist.npz", out=tmp_path / "study", minutes=1)
    found = {one.code: one for one in check(study).findings}
    assert "27 groups" in found["RC013"].sentence
    assert "8 on training and tuning" in found["RC014"].sentence
    assert "RC023" not in found


def test_a_saturated_and_a_blank_image_are_found_among_good_ones(tmp_path: Path) -> None:
    data = class_folders(tmp_path / "chest")
    burnt = blob(True, "burnt")
    burnt[:4] = 255
    save_png(data / "sick" / "person150_0.png", burnt)
    save_png(data / "sick" / "person151_0.png", burnt * 0 + 7)
    study = radcnn.new(data, out=tmp_path / "study", patient_from=r"person\d+", **QUICK)
    found = {one.code: one.sentence for one in check(study).findings}
    assert "case 57" in found["RC073"]
    assert "case 58" in found["RC074"]


def test_training_finds_the_cases_that_check_prepared(tmp_path: Path) -> None:
    study = radcnn.new(write_npz(tmp_path / "set.npz"), out=tmp_path / "study", **QUICK)
    check(study)
    prepared = {path.name for path in (study / "cache").iterdir()}
    with torch_threads(1):
        radcnn.train(study)
    assert {path.name for path in (study / "cache").iterdir()} == prepared, "0 and 0.0 are one number"
