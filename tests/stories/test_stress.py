"""A run is put to a stress test: what is written beside it, what the report says, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import radcnn
from cli_in_process import refused, told, torch_threads, tree
from finished_studies import Finish
from radcnn.data.ledger import openings
from radcnn.study.stressing.asked import ATTACKS
from radcnn.study.stressing.stress import Stressed

QUICKLY = ("--parts", "attacks", "--attack", "fgsm", "--budget", "40")


@pytest.fixture
def copied(finished: Finish, tmp_path: Path) -> Path:
    """A finished run that a test may add to."""
    return shutil.copytree(finished("npz").study, tmp_path / "study") / "runs" / "run-001"


def stressed(run: Path, **options: Any) -> Stressed:
    """The verb as a call, on one thread."""
    with torch_threads(1):
        return radcnn.stress(run, **options)


def words_of(page: Path) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8")).split())


def test_the_verb_and_the_call_find_the_same_and_the_report_tells_it(copied: Path) -> None:
    said = told("stress", copied, "--parts", "attacks", "--budget", "4", "--budget", "40", "--json").json
    called = stressed(copied, parts="attacks", budget=(4, 40))
    for found in (said, called.as_json()):
        for one in found["parts"]["attacks"]["curves"]:
            one["seconds"] = 0
    assert called.side == "tuning"
    again = Stressed.from_json(json.loads(json.dumps(called.as_json())))
    assert again.as_json() == called.as_json()
    pgd = next(c for c in said["parts"]["attacks"]["curves"] if c["attack"] == "pgd")
    accuracies = [point["accuracy"]["value"] for point in pgd["points"]]
    assert accuracies == sorted(accuracies, reverse=True)
    assert said["parts"]["attacks"]["budget_unit"] == "grey levels"
    assert "attack,towards,budget,unit" in (copied / "stress" / "attacks-tuning-curves.csv").read_text()
    told("report", copied)
    page = words_of(copied / "report.html")
    assert "Stress tests" in page
    assert "what is left at each budget in grey levels" in page


def test_a_stress_test_opens_no_test_set_unless_it_is_asked_to(copied: Path) -> None:
    ledger = copied.parent.parent / "ledger.jsonl"
    before = len(openings(ledger))
    found = told("stress", copied, *QUICKLY, "--most", "5", "--json").json["parts"]["attacks"]
    assert found["n"] == 5
    assert found["notes"][0] == "5 of 16 cases were drawn by chance; --most takes more."
    assert len(openings(ledger)) == before
    told("stress", copied, *QUICKLY, "--open-test", "--reason", "how stable is it")
    assert openings(ledger)[-1].reason == "how stable is it"
    assert (copied / "stress" / "attacks-test.json").is_file()


def test_a_stress_test_of_another_model_is_not_told(copied: Path) -> None:
    told("stress", copied, *QUICKLY)
    file = copied / "stress" / "attacks-tuning.json"
    file.write_text(file.read_text().replace('"model": "', '"model": "0'))
    told("report", copied)
    assert "This model was not put to a stress test" in words_of(copied / "report.html")


def test_budgets_in_noise_say_so(copied: Path) -> None:
    found = stressed(copied, parts="attacks", attack=("fgsm",), budget=(0.5,), in_noise=True).as_json()
    assert found["parts"]["attacks"]["budget_unit"] == "noise sd"


def test_every_attack_of_the_catalogue_is_made_and_told(copied: Path) -> None:
    options = {
        "attack": [one for one in ATTACKS if one != "sinogram"],
        "budget": (60,),
        "pixels": (1,),
        "generations": 2,
        "area": (0.1,),
    }
    found = stressed(copied, parts="attacks", **options).as_json()["parts"]["attacks"]
    assert [one["attack"] for one in found["curves"]] == ["fgsm", "pgd", "square", "universal"]
    assert [one["pixels"] for one in found["pixels"]] == [1]
    assert found["patches"][0]["pixels"] == 4
    assert found["smallest"][0]["size"]["value"] > 0
    assert [one["check"] for one in found["masking"]] == ["step", "black box", "bound", "steps"]
    told("report", copied)
    page = words_of(copied / "report.html")
    for words in ("UNIVERSAL", "Few pixels", "A patch at random places", "The smallest change", "gradient masking"):
        assert words in page


def test_few_pixels_and_patches_are_made_to_any_answer_and_towards_a_class(copied: Path) -> None:
    ways = ("--attack", "one-pixel", "--attack", "patch", "--pixels", "1", "--pixels", "3", "--area", "0.1")
    given = ("--parts", "attacks", *ways, "--generations", "1", "--most", "10")
    plain = told("stress", copied, *given, "--json").json["parts"]["attacks"]
    both = told("stress", copied, *given, "--towards", "1", "--json").json["parts"]["attacks"]
    assert [(one["pixels"], one["towards"]) for one in both["pixels"]] == [(1, ""), (3, ""), (1, "1"), (3, "1")]
    assert [one["towards"] for one in both["patches"]] == ["", "1"]
    # what is wanted beside it changes nothing of the untargeted figures
    assert [one["turned"] for one in both["pixels"][:2]] == [one["turned"] for one in plain["pixels"]]
    assert both["patches"][0]["turned"] == plain["patches"][0]["turned"]
    table = (copied / "stress" / "attacks-tuning-places.csv").read_text().splitlines()
    assert table[0].startswith("attack,towards,size,figure,value,low,high")
    assert len(table) == 1 + 4 + 4
    told("report", copied)
    page = words_of(copied / "report.html")
    for words in ("to any wrong answer", "towards 1", "against their number", "against its share of the image"):
        assert words in page


def test_a_detector_of_attacks_is_judged_beside_one_who_knows_it(copied: Path) -> None:
    found = told("stress", copied, "--parts", "detector", "--budget", "20", "--json").json["parts"]["detector"]
    assert [(one["attack"], one["budget"]) for one in found["rows"]] == [("fgsm", 20), ("pgd", 20), ("knowing", 20)]
    plain, knowing = found["rows"][1:]
    assert knowing["turned"]["value"] >= plain["turned"]["value"]
    assert knowing["unseen"]["value"] >= plain["unseen"]["value"]
    assert knowing["alarms"] == plain["alarms"]
    assert "knowing,,20,grey levels,auc," in (copied / "stress" / "detector-tuning-figures.csv").read_text()
    told("report", copied)
    page = words_of(copied / "report.html")
    for words in ("Detector of attacks", "An attacker who knows the detector", "PGD that knows the detector"):
        assert words in page


def test_an_attack_on_raw_data_is_reconstructed_before_the_network_sees_it(finished: Finish, tmp_path: Path) -> None:
    run = shutil.copytree(finished("dicom regions").study, tmp_path / "study") / "runs" / "run-001"
    given = ("--parts", "attacks", "--attack", "sinogram", "--raw-budget", "0.01", "--raw-budget", "3", "--most", "3")
    found = told("stress", run, *given, "--json").json["parts"]["attacks"]["raw"]
    assert (found["photons"], found["views"], len(found["points"])) == (1e5, 720, 2)
    small, large = found["points"]
    assert 0 < small["change_hu"]["value"] < large["change_hu"]["value"]
    assert small["turned"]["value"] <= large["turned"]["value"]
    assert (run / "stress" / "attacks-tuning-sinogram.csv").is_file()
    told("report", run)
    page = words_of(run / "report.html")
    assert "Noise of that dose has a standard deviation" in page
    assert "random signs of the whole budget in every ray" in page


def test_an_attack_may_be_made_on_another_run_of_the_study_only(finished: Finish, copied: Path) -> None:
    assert "is the run that is attacked" in refused("stress", copied, "--surrogate", copied)
    elsewhere = finished("several labels").run
    assert "is of another study" in refused("stress", copied, "--surrogate", elsewhere)
    other = told("train", copied.parent.parent, "--seed", "1", "--json").json["run"]
    found = stressed(copied, parts="attacks", attack=("fgsm",), budget=(60,), surrogate=other)
    names = [one["attack"] for one in found.as_json()["parts"]["attacks"]["curves"]]
    assert names == ["fgsm", "pgd on run-002"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--attack", "fgms"), "did you mean fgsm?"),
        (("--budget", "-1"), "must be 0 or more"),
        (("--parts", "atacks"), "did you mean attacks?"),
        (("--towards", "nobody"), "is no class"),
        (("--area", "1.5"), "must lie between 0 and 1"),
        (("--attack", "sinogram"), "changes the raw data of CT, and these images are in grey levels"),
        (("--raw-budget", "-1"), "--raw-budget must be 0 or more"),
        (("--photons", "0"), "--photons must be 1 or more"),
        (("--border", "7"), "leaves nothing of images of 14 x 14"),
    ],
)
def test_what_cannot_be_asked_is_refused_and_nothing_is_written(
    finished: Finish, options: tuple[str, ...], sentence: str
) -> None:
    run = finished("npz").run
    before = tree(run)
    opened = len(openings(run.parent.parent / "ledger.jsonl"))
    assert sentence in refused("stress", run, *options)
    assert sentence in refused("stress", run, *options, "--open-test")
    assert tree(run) == before
    assert len(openings(run.parent.parent / "ledger.jsonl")) == opened


def test_values_have_no_answer_that_could_be_turned(finished: Finish) -> None:
    run = finished("regression").run
    opened = len(openings(run.parent.parent / "ledger.jsonl"))
    assert "size_mm is a value" in refused("stress", run, "--open-test")
    assert len(openings(run.parent.parent / "ledger.jsonl")) == opened


@pytest.mark.parametrize("kind", ["workbook, several classes", "several labels", "dicom regions"])
def test_every_kind_of_answer_can_be_attacked(finished: Finish, tmp_path: Path, kind: str) -> None:
    run = shutil.copytree(finished(kind).study, tmp_path / "study") / "runs" / "run-001"
    found = stressed(run, parts="attacks", attack=("pgd",), budget=(30,)).as_json()["parts"]["attacks"]
    assert found["curves"][0]["points"][0]["success"]["value"] in (0, None)
    assert found["budget_unit"] in ("HU", "grey levels")
