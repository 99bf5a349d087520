"""`radcnn run` on every kind of data a person may bring, down to the report."""

from __future__ import annotations

import csv
import json
import re

import pytest

from finished_studies import Finish
from radcnn.core.case import SIDES
from radcnn.data.ledger import openings

KINDS = {
    "npz": ("binary", 16, 2),
    "npz of volumes": ("binary", 16, 3),
    "folder per class": ("binary", 8, 2),
    "table": ("binary", 8, 2),
    "workbook, several classes": ("multiclass", 12, 2),
    "regression": ("regression", 10, 2),
    "several labels": ("multilabel", 8, 2),
    "nifti": ("binary", 4, 3),
    "dicom regions": ("binary", 8, 3),
}
pytestmark = pytest.mark.parametrize("kind", KINDS)


def test_a_run_judges_the_test_side_and_says_so_as_json(finished: Finish, kind: str) -> None:
    done, (target, fewest, _) = finished(kind), KINDS[kind]
    judgement = done.spoken.json["judgement"]
    assert judgement["side"] == "test"
    assert judgement["target"]["kind"] == target
    assert judgement["n"] >= fewest
    assert done.spoken.json["run"] == str(done.run)
    assert judgement["unit"] == ("image" if kind.startswith("npz") else "patient")
    assert judgement["figures"]["mae" if target == "regression" else "auc"]["n"] == judgement["n"]


def test_a_run_leaves_what_its_folder_promises_and_opens_the_test_set_once(finished: Finish, kind: str) -> None:
    run = finished(kind).run
    names = {path.name for path in run.iterdir()}
    sides = {f"{what}-{side}" for what in ("predictions", "judgement") for side in ("tuning", "test")}
    assert {name.partition(".")[0] for name in names} == {
        *sides,
        "plan",
        "run",
        "history",
        "report",
        "bundle",
        "findings",
    } | {"checkpoints"}
    assert json.loads((run / "run.json").read_text())["status"] == "trained"
    assert len(openings(run.parent.parent / "ledger.jsonl")) == 1
    assert not list(run.rglob(".*")), "no temporary file is left"


def test_a_run_keeps_every_patient_on_one_side(finished: Finish, kind: str) -> None:
    done = finished(kind)
    patients = {}
    for side in ("tuning", "test"):
        with (done.run / f"predictions-{side}.csv").open(newline="") as file:
            patients[side] = {row["patient"] for row in csv.DictReader(file)}
    assert not patients["tuning"] & patients["test"]
    sides = json.loads((done.study / "split.json").read_text())["sides"]
    assert set(sides.values()) == set(SIDES)


def test_the_report_is_one_page_that_needs_no_network(finished: Finish, kind: str) -> None:
    page = (finished(kind).run / "report.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    # namespaces of the drawings are names, not addresses that are fetched
    fetched = re.findall(r"""(?:src|href|xlink:href|action|data)\s*=\s*["']([^"'#]+)""", page) + re.findall(
        r"url\(([^)#]+)\)|@import\s+(\S+)", page
    )
    assert [one for one in fetched if not str(one).startswith("data:")] == []
    assert "<script" not in page or "src=" not in page


def test_the_plan_fits_the_images(finished: Finish, kind: str) -> None:
    plan = json.loads((finished(kind).run / "plan.json").read_text())
    assert plan["preparation"]["dims"] == KINDS[kind][2]
    assert plan["network"]["name"] == "chain"
    assert plan["training"]["epochs"] == 2
    assert all(reason["sentence"] for reason in plan["reasons"])
