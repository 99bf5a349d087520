"""Single maps of a network, and groups of cases, are looked at: what is shown, in figures and pictures, and told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import radcnn
from cli_in_process import QUICK, refused, told, torch_threads
from radcnn.learning import snapshots
from radcnn.reports.explaining.found import Explained
from written_studies import write_npz


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Explained]:
    """A run that kept two epochs, and what was found of it."""
    folder = tmp_path_factory.mktemp("features")
    data = write_npz(folder / "flat.npz")
    keep = ("--set", "training.snapshots=2")
    told("run", data, "--out", folder / "study", *QUICK, *keep, "--keep-sealed")
    run = folder / "study" / "runs" / "run-001"
    with torch_threads(1):
        return run, radcnn.explain(run, method=("gradcam",), most=6, features=2, groups=3)


def test_the_epochs_that_were_asked_for_lie_beside_the_run(looked: tuple[Path, Explained]) -> None:
    run, _ = looked
    assert [epoch for epoch, _ in snapshots.kept(run / "checkpoints" / "network-0")] == [1, 2]
    assert json.loads((run / "plan.json").read_text())["training"]["snapshots"] == 2


def test_maps_that_answers_rest_on_are_shown_with_figures_and_pictures(looked: tuple[Path, Explained]) -> None:
    run, found = looked
    assert len(found.features) >= 2
    assert Explained.from_json(json.loads((run / "explain" / "explain.json").read_text())).as_json() == found.as_json()
    for layer in found.features:
        assert 1 <= len(layer.shown) <= 2
        for one in layer.shown:
            assert 0 < one.share.value <= 1
            assert len(one.cases) == len(one.truths) == len(one.values) <= 6
            assert set(one.cases) <= {case.case for case in found.cases}
            assert one.reached > one.begun
            assert [at.epoch for at in one.epochs] == [1, 2]
            assert one.epochs[-1].alike.value == pytest.approx(1.0) or one.epochs[-1].alike.undefined
            pictures = [name for name in (one.patterns, one.patches, one.made, one.evolution) if name]
            for name in pictures:
                with Image.open(run / "explain" / name) as opened:
                    assert np.asarray(opened).dtype == np.uint8


def test_the_report_tells_it(looked: tuple[Path, Explained]) -> None:
    run, found = looked
    told("report", run)
    page = (run / "report.html").read_text(encoding="utf-8")
    assert f"What maps of {found.features[-1].layer} respond to" in page
    assert "over the epochs that were kept" in page
    assert "Groups of cases by features" in page
    assert "Mean maps of right and of wrong answers" in page


def test_cases_are_grouped_with_their_errors(looked: tuple[Path, Explained], tmp_path: Path) -> None:
    run, found = looked
    grouped = found.grouped
    assert grouped is not None
    assert grouped.n > found.n  # all of the side, and not only those whose maps are kept
    for one in grouped.groupings:
        assert sum(group.cases for group in one.groups) == grouped.n
        assert (one.p is None) == bool(one.undefined)
        for group in one.groups:
            assert sum(count for _, count in group.outcomes) == group.cases
            assert all((run / "explain" / name).is_file() for name in group.pictures)
    assert sum(one.border.n for one in grouped.means) <= grouped.n
    other = shutil.copytree(run.parents[1], tmp_path / "study") / "runs" / run.name
    said = told("explain", other, "--method", "gradcam", "--groups", "99").out
    assert "groups of cases, because" in said


def test_numbers_that_cannot_be_are_refused(looked: tuple[Path, Explained]) -> None:
    assert "--features must be 0 (none)" in refused("explain", looked[0], "--features", "-1")
    assert "--groups must be 0 (none) or 2 and more" in refused("explain", looked[0], "--groups", "1")
