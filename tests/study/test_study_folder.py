"""Where a study keeps its things, and how its runs are found."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from radcnn.core.errors import InputError
from radcnn.study.begin import default_folder
from radcnn.study.folder import StudyFolder, find_run, find_study
from radcnn.study.judging import evaluate, evaluated


@pytest.fixture
def study(tmp_path: Path) -> StudyFolder:
    (tmp_path / "study.yaml").write_text("data: x\n")
    return StudyFolder(tmp_path)


def add_run(study: StudyFolder, number: int) -> Path:
    folder = study.runs / f"run-{number:03d}"
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text("{}")
    return folder


def test_the_salt_is_made_once_and_only_its_owner_reads_it(study: StudyFolder) -> None:
    salt = study.salt()
    assert len(salt) == 32
    assert study.salt() == salt
    assert stat.S_IMODE((study.path / ".salt").stat().st_mode) == 0o600


def test_runs_are_numbered_and_the_newest_is_found_beyond_999(study: StudyFolder) -> None:
    assert study.next_run().name == "run-001"
    for number in (1, 2, 999, 1000):
        add_run(study, number)
    assert study.next_run().name == "run-1001"
    assert study.last_run().name == "run-1000"


def test_a_folder_that_is_no_run_is_not_counted(study: StudyFolder) -> None:
    add_run(study, 3)
    (study.runs / "run-old").mkdir()
    (study.runs / "run-007.zip").write_text("")
    assert study.next_run().name == "run-004"
    assert study.last_run().name == "run-003"


def test_a_study_is_found_by_its_folder_or_its_file(study: StudyFolder) -> None:
    assert find_study(study.path) == find_study(study.settings) == study
    run = add_run(study, 1)
    assert find_run(run).path == find_run(study.path).path == find_run(study.settings).path == run
    assert find_run(run).study == study


def test_a_run_knows_its_name_and_study_from_within(study: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    run = add_run(study, 4)
    for inside, path in ((run, "."), (study.runs, "run-004"), (run.parent, "../runs/run-004"), (study.path, ".")):
        monkeypatch.chdir(inside)
        assert find_run(path).name == "run-004"
        assert find_run(path).study.path == study.path.resolve()
    assert StudyFolder(Path()).name == study.path.name


def test_what_is_no_study_or_run_says_how_to_make_one(tmp_path: Path, study: StudyFolder) -> None:
    with pytest.raises(InputError, match="radcnn train"):
        find_run(study.path)
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match="radcnn new"):
        find_study(tmp_path / "other")
    with pytest.raises(InputError, match="does not exist"):
        find_run(tmp_path / "absent")


def test_commands_in_messages_can_be_pasted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"radcnn new DATA --out '.*/my study'$"):
        find_study(tmp_path / "my study")
    (tmp_path / "my study").mkdir()
    with pytest.raises(InputError, match=r"radcnn new DATA --out '.*/my study'$"):
        find_study(tmp_path / "my study")
    (tmp_path / "my study" / "study.yaml").write_text("data: x\n")
    with pytest.raises(InputError, match=r"is not a study .*: radcnn new DATA --out STUDY$"):
        find_study(tmp_path)
    with pytest.raises(InputError, match=r"radcnn train '.*/my study'$"):
        find_run(tmp_path / "my study")
    run = add_run(StudyFolder(tmp_path / "my study"), 1)
    with pytest.raises(InputError, match=r"radcnn evaluate '.*/my study/runs/run-001'$"):
        evaluated(run)
    with pytest.raises(InputError, match=r"radcnn train '.*/my study/runs/run-001' --resume$"):
        evaluate(run)


@pytest.mark.parametrize(
    ("data", "name"),
    [("chest.npz", "radcnn-chest"), ("a/b/images", "radcnn-images"), ("labels.v2.csv", "radcnn-labels.v2")],
)
def test_the_folder_is_called_after_the_data(data: str, name: str) -> None:
    assert default_folder(Path(data)) == Path(name)
