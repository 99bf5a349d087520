"""The adversarial audit: one table, one figure, one page; nothing is opened, and the same seed gives the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from cli_in_process import refused, told
from radcnn.core.errors import InputError
from radcnn.core.estimate import Estimate
from radcnn.data.ledger import openings
from radcnn.plan import rules_training
from radcnn.plan.settings import NetworkPlan
from radcnn.recipes import adversarial_audit, audit_ways
from radcnn.recipes.audited_studies import Audited, real_studies
from radcnn.reports.auditing import halving_figure
from radcnn.study.folder import StudyFolder
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.noise import Noise
from radcnn.transforms.spatial import Flip, Rotate, Scale
from written_studies import class_folders, write_npz


@contextmanager
def quick() -> Iterator[None]:
    """Small pictures in the place of simulated scans, one small chain of two epochs, few cases under attack."""

    def pictures(folder: Path, **_: object) -> Audited:
        folder.mkdir(parents=True)
        options = {"synthetic": True, "resamples": 100}
        return Audited("simulated", write_npz(folder / "set.npz"), options, simulated=True)

    small = {"small chain": lambda _: NetworkPlan("chain", {"kernels": [4, 6], "norm": "batch"})}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules_training, "MOST_EPOCHS", 2)
        for name, value in (("nodules", pictures), ("FAMILIES", small), ("MOST_CASES", 24), ("LEAST_CASES", 8)):
            patch.setattr(adversarial_audit, name, value)
        yield


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """An audit of pictures, of a study of a person, and of one without noise; its folder, and what was said."""
    folder = tmp_path_factory.mktemp("audited")
    (folder / "data").mkdir()
    stored = np.load(write_npz(folder / "data" / "real.npz"))
    black = {name: (255 * (one > 100)).astype(np.uint8) if "images" in name else one for name, one in stored.items()}
    np.savez(folder / "data" / "shapes.npz", **black)
    out = folder / "audit"
    with quick():
        asked = ("--data", folder / "data", "--minutes", "0.1", "--images", "24", "--out", out, "--quiet")
        return out, told("reproduce", "adversarial-audit", *asked).out


def test_an_audit_is_one_table(audit: tuple[Path, str]) -> None:
    out, said = audit
    assert "SIMULATED" in said
    assert "shapes was left out: no noise was seen in its images" in said
    found = json.loads((out / "result.json").read_text())
    ways = [f"small chain, {regime}" for regime in audit_ways.REGIMES]
    assert list(found["table"]) == list(found["more"]["real: real"]) == ways
    row = found["table"]["small chain, standard"]
    figures = ["accuracy", "at 0.1 noise sd", "at 1 noise sd", "1 noise sd by chance", "halved at (noise sds)"]
    assert list(row) == figures
    assert row["accuracy"]["n"] == 16
    assert row["at 1 noise sd"]["value"] <= row["at 0.1 noise sd"]["value"] <= row["accuracy"]["value"]
    lines = (out / "audit.csv").read_text().splitlines()
    assert lines[0].startswith("study,family,training,figure,value,low,high")
    assert len(lines) == 1 + 2 * 3 * 5
    assert (out / "curves.csv").read_text().startswith("study,family,training,budget in noise sds,figure")


def test_an_audit_is_one_figure_and_a_page_that_says_what_it_means(audit: tuple[Path, str]) -> None:
    out, _ = audit
    assert (out / "audit.png").read_bytes().startswith(b"\x89PNG")
    html = (out / "report.html").read_text(encoding="utf-8")
    page = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    for words in ("What it says of clinical risk, and what not", "how often a patient is harmed", "against attacks"):
        assert words in page
    assert "<svg" in html


def test_all_ways_are_trained_alike_and_no_test_set_is_opened(audit: tuple[Path, str]) -> None:
    out, _ = audit
    for study in ("simulated", "real"):
        folder = StudyFolder(out / "studies" / study)
        assert openings(folder.ledger) == ()
        plans = sorted((folder.path / "runs").glob("*/plan.json"))
        stored = [json.loads(one.read_text())["training"] for one in plans]
        assert len({one["epochs"] for one in stored}) == 1
        assert [one.get("adversarial") is None for one in stored] == [True, True, False]


def test_the_same_seed_gives_the_same_figures(audit: tuple[Path, str], tmp_path: Path) -> None:
    with quick():
        out = ("--out", tmp_path / "again", "--quiet")
        told("reproduce", "adversarial-audit", "--minutes", "0.05", "--images", "24", *out)
    for name in ("audit.csv", "curves.csv"):
        first, again = ((place / name).read_text().splitlines() for place in (audit[0], tmp_path / "again"))
        assert [line for line in first if not line.startswith("real,")] == again


def test_what_cannot_be_audited_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    out = ("--out", tmp_path / "audit")
    assert "at least 24 patients" in refused("reproduce", "adversarial-audit", "--images", "3", *out)
    assert "minutes must be positive" in refused("reproduce", "adversarial-audit", "--minutes", "0", *out)
    assert "does not exist" in refused("reproduce", "adversarial-audit", "--data", tmp_path / "none", *out)
    class_folders(tmp_path / "images", patients=2)
    assert "holds no npz file" in refused("reproduce", "adversarial-audit", "--data", tmp_path / "images", *out)
    assert "jin2017 takes no data" in refused("reproduce", "jin2017", "--data", tmp_path, *out)
    assert not (tmp_path / "audit").exists()


def test_studies_are_found_by_their_files_and_made_again_from_their_columns(tmp_path: Path) -> None:
    images = class_folders(tmp_path / "images", patients=6)
    (tmp_path / "data").mkdir()
    write_npz(tmp_path / "data" / "flat.npz")
    np.savez(tmp_path / "data" / "other.npz", image=np.zeros(3))
    options = ("--patient-from", r"person\d+", "--set", "training.epochs=3", "--fractions", "0.5", "0.25", "0.25")
    told("new", images, *options, "--out", tmp_path / "data" / "chest")
    found = {one.name: one for one in real_studies(tmp_path / "data")}
    assert set(found) == {"flat", "chest"}
    assert found["chest"].data == images
    assert found["chest"].options == {"patient_from": r"person\d+", "fractions": [0.5, 0.25, 0.25]}
    write_npz(tmp_path / "data" / "chest" / "flat.npz")
    with pytest.raises(InputError, match="two studies"):
        real_studies(tmp_path / "data")


def test_stronger_changes_are_stronger_and_nothing_else() -> None:
    usual = Augmentation(
        (Flip(laterality="free", axes=(-1,)), Rotate(degrees=100), Scale(factor=(0.5, 2)), Noise(sd=0.02))
    )
    flip, rotate, scale, noise = audit_ways.stronger(usual).transforms
    assert flip == usual.transforms[0]
    assert (rotate.degrees, scale.factor, noise.sd) == (180, (0.25, 4), 0.04)  # type: ignore[attr-defined]


def test_a_budget_that_was_not_reached_is_an_arrow_and_the_figure_is_repeatable() -> None:
    there = Estimate(0.1, 0.05, 0.2, 40, 40, "t")
    rows = {"a study": [("chain", "standard", there), ("chain", "against attacks", Estimate.missing("above half"))]}
    first, second = (halving_figure(rows, most=2.0) for _ in range(2))
    assert first[0] == second[0]
    assert first[1] == second[1]
    assert "arrow" in first[0].caption
