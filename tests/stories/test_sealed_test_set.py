"""The test set stays sealed until it is asked for; every opening is counted, in the ledger and on the report."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import radcnn
from cli_in_process import QUICK, refused, told
from finished_studies import Finish
from radcnn.data.ledger import openings
from written_studies import write_npz


@pytest.fixture
def copied(finished: Finish, tmp_path: Path) -> Path:
    """A finished study that a test may change."""
    return shutil.copytree(finished("table").study, tmp_path / "study")


def words_of(page: Path) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8")).split())


def test_keep_sealed_opens_nothing_and_judges_the_tuning_side(tmp_path: Path) -> None:
    data = write_npz(tmp_path / "set.npz")
    said = told("run", data, "--out", tmp_path / "study", "--keep-sealed", *QUICK, "--json")
    assert said.json["judgement"]["side"] == "tuning"
    assert openings(tmp_path / "study" / "ledger.jsonl") == ()
    run = Path(said.json["run"])
    assert not list(run.glob("*-test.*"))
    assert "the test set was opened" not in said.err
    page = words_of(run / "report.html")
    assert "it is still sealed" in page


def test_a_second_opening_is_counted_in_the_ledger_and_on_the_report(copied: Path) -> None:
    run = copied / "runs" / "run-001"
    said = told("evaluate", run, "--open-test", "--reason", "a reviewer asked")
    assert "time 2 for this split" in said.err
    assert [(one.number, one.run, one.reason) for one in openings(copied / "ledger.jsonl")] == [
        (1, "run-001", "run: the one evaluation at the end"),
        (2, "run-001", "a reviewer asked"),
    ]
    told("report", run)
    page = words_of(run / "report.html")
    assert "a reviewer asked" in page
    assert "opened 2 times" in page


def test_another_run_of_the_same_study_keeps_split_and_ledger(finished: Finish, copied: Path) -> None:
    before = (copied / "split.json").read_bytes()
    told("train", copied, "--seed", "5")
    told("evaluate", copied, "--open-test")
    assert (copied / "split.json").read_bytes() == before
    assert [one.run for one in openings(copied / "ledger.jsonl")] == ["run-001", "run-002"]


def test_the_hash_of_the_model_is_one_in_ledger_report_and_card_and_can_be_checked_by_hand(copied: Path) -> None:
    run = copied / "runs" / "run-001"
    told("report", run)
    told("evaluate", run, "--open-test")
    told("report", run)
    by_hand = "sha256sum -c --quiet SHA256SUMS && grep -v '  README.md$' SHA256SUMS | sha256sum"
    found = subprocess.run(by_hand, shell=True, cwd=run / "bundle", capture_output=True, text=True, check=True)
    model = found.stdout.split()[0]
    assert [one.model for one in openings(copied / "ledger.jsonl")] == [model, model]
    assert f">{model}<" in (run / "report.html").read_text()
    assert f"| model (SHA-256) | {model} |" in (run / "bundle" / "README.md").read_text()


def test_a_ledger_that_was_cut_is_noticed(copied: Path) -> None:
    ledger = copied / "ledger.jsonl"
    ledger.write_text(ledger.read_text().splitlines(keepends=True)[0])
    assert "lost its last 1 line" in refused("evaluate", copied, "--open-test")


def test_a_split_that_was_edited_is_noticed(copied: Path) -> None:
    split = json.loads((copied / "split.json").read_text())
    case = next(name for name, side in split["sides"].items() if side == "test")
    split["sides"][case] = "training"
    (copied / "split.json").write_text(json.dumps(split))
    assert "was changed after it was made" in refused("evaluate", copied)


def test_a_damaged_test_image_costs_no_opening(finished: Finish, copied: Path) -> None:
    shutil.rmtree(copied / "cache")
    settings = copied / "study.yaml"
    images = shutil.copytree(finished("table").data, copied.parent / "images")
    settings.write_text(settings.read_text().replace(str(finished("table").data), str(images)))
    case = next(n for n, side in json.loads((copied / "split.json").read_text())["sides"].items() if side == "test")
    file = images / radcnn.names(copied)[case]
    file.write_bytes(file.read_bytes()[:60])
    assert "damaged or truncated" in refused("evaluate", copied, "--open-test")
    assert len(openings(copied / "ledger.jsonl")) == 1
